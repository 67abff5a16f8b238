"""Parameters of GFN1-xTB other than those that tblite brings: files of tblite's form, each a level of theory of its own.

A file (written by ``sampler refit-xtb``) holds the tables that tblite reads (``hamiltonian``, ``element``, …), and is a level
file besides: an ``id``, and the energies of the monomers with these parameters. It is found by its ``id`` in the folders of
``SAMPLER_LEVELS``. The ``id`` ends in a digest of the parameters, so that no two sets of them share a level.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PotentialError
from ..resources import level_files
from ..text.toml import toml_value
from .xtb_engines import import_tblite

BASE = "gfn1-xtb"
PREFIX = f"{BASE}-refit-"
TABLES = ("hamiltonian", "dispersion", "repulsion", "charge", "thirdorder", "halogen", "element")
"""What energies depend on; ``meta`` besides is for people."""
_OLDEST = "0.8"
_DIGITS = 8


@dataclass(frozen=True)
class XTBParameters:
    """A set of parameters; two of one ``id`` are the same.

    Attributes:
        id: of its level, :data:`PREFIX` and a digest. table: as tblite takes it, of the elements that were fitted alone.
    """

    id: str
    table: dict[str, Any] = field(compare=False, repr=False)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> XTBParameters:
        return cls(PREFIX + digest(table), dict(table))

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements that there are parameters of."""
        return tuple(self.table["element"])


def digest(table: Mapping[str, Any]) -> str:
    """Of all that energies depend on, to the last digit."""
    told = json.dumps({name: table[name] for name in TABLES if name in table}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]


def is_refit(level: str) -> bool:
    """Whether a name is that of a level with parameters of its own."""
    return level.lower().startswith(PREFIX)


def method_of(level: str) -> str:
    """``gfn1-xtb`` of a level with parameters of its own; any other name as it is, in small letters."""
    return BASE if is_refit(level) else level.lower()


def published(elements: Iterable[str]) -> dict[str, Any]:
    """GFN1-xTB as tblite has it (DOI 10.1021/acs.jctc.7b00118), of some elements.

    Raises:
        PotentialError: an element has no parameters, or this tblite gives none out.
    """
    library = _library()
    parameters, table = library.new_param(), library.new_table()
    library.export_gfn1_param(parameters)
    library.dump_param(parameters, table)
    found = library.table_to_dict(table)
    elements = list(elements)
    if unknown := [e for e in elements if e not in found["element"]]:
        raise PotentialError(f"GFN1-xTB has no parameters of {', '.join(unknown)}")
    found["element"] = {e: found["element"][e] for e in elements}
    hamiltonian = found["hamiltonian"]["xtb"]
    pairs = hamiltonian["kpair"]
    hamiltonian["kpair"] = {k: v for k, v in pairs.items() if set(k.split("-")) <= set(elements)}
    return found


def read(path: Path | str) -> XTBParameters:
    """The parameters in a file.

    Raises:
        PotentialError: it is no such file, or its parameters are others than its ``id`` says.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        found = XTBParameters.of({name: content[name] for name in ("meta", *TABLES) if name in content})
        said, elements = str(content["id"]), found.elements
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise PotentialError(
            f"{path} holds no parameters of GFN1-xTB as sampler refit-xtb writes them: {error!r}"
        ) from error
    if not elements or said != found.id:
        raise PotentialError(
            f"{path}: the id is {said!r}, and the parameters are {found.id!r}; whoever changes parameters changes the level: "
            "give the file this id, and its monomers' energies anew"
        )
    return found


def file_of(level: str) -> Path | None:
    """The file of a level's parameters in the folders of ``SAMPLER_LEVELS``, or among those that ship; None: there is none.

    Raises:
        PotentialError: the name is of such a level, and no file has it.
    """
    if not is_refit(level):
        return None
    for path in level_files():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue  # whoever asks for that level is told by sampler.levels
        if content.get("id") == level.lower() and "element" in content:
            return path
    raise PotentialError(
        f"the parameters of {level} are in no file of the folders that the environment variable SAMPLER_LEVELS names; set it "
        "to the folder of the file that sampler refit-xtb has written"
    )


def toml(table: Mapping[str, Any]) -> str:
    """The tables of a set of parameters as TOML, numbers to the last digit."""
    return "\n".join(_lines(table, ()))


def _lines(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterable[str]:
    plain = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    if above and (plain or not table):
        yield f"[{'.'.join(above)}]"
        yield from (f"{key} = {toml_value(value)}" for key, value in plain.items())
        yield ""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _lines(value, (*above, key))


def _library() -> Any:
    """tblite's lower layer.

    Raises:
        PotentialError: this version takes no parameters.
    """
    interface = import_tblite()
    if not hasattr(interface.library, "dict_to_table"):
        raise PotentialError(f"parameters of GFN1-xTB need tblite {_OLDEST} or later; remedy: pip install -U tblite")
    return interface.library
