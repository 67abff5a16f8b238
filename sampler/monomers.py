"""The monomer library: the molecules that clusters are built from, one TOML file each in ``data/monomers``.

Molecules that differ only by protons form a *family* (SA, HSO4⁻ and SO4²⁻; NH3 and NH4⁺). A composition counts
families; the protonation states of a cluster follow from the members of its families.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import resources
from .errors import MonomerError
from .resources import user_folder
from .text.files import no_pipe
from .text.nearest import nearest
from .text.reading import plain
from .units import HARTREE

_SUPERSCRIPT = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Conformer:
    """One geometry of a molecule.

    Attributes:
        name: e.g. ``trans``.
        positions: (n, 3) float64, Å, centred on the centre of mass.
        energy: eV above the lowest conformer, at the level the geometry was optimised at.
    """

    name: str
    positions: np.ndarray
    energy: float


PROTON = "p"
"""What a proton is called in compositions."""
SCREENED = 0.75
"""Share of the charge of an ion that other molecules see on the surface of rigid molecules."""


@dataclass(frozen=True, eq=False, repr=False)
class Monomer:
    """One molecule of the library.

    Attributes:
        name: as used in compositions (``sa``); lower-case letters, digits only at its end (``hio3``).
        title: in words. symbol: the formula as printed, without charge (``HSO4``).
        aliases: further names. smiles: where the molecule was built from ('' if from a file).
        family: name of the family. protons: its protons relative to the neutral member. charge: in e.
        rank: position in canonical names (acids, then bases, then water, then the user's).
        numbers: (n,) int64. bonds: (m, 2) int64 atom pairs.
        partial_charges: (n,) e. sigma: (n,) Å and epsilon: (n,) eV, Lennard-Jones with Lorentz-Berthelot mixing.
            What is fitted for clusters of ions is in :mod:`sampler.generate.fitted`.
        conformers: at least one, lowest first, all with the same atom order.
        source: where every number comes from.
        reference_energies: level of theory -> energy in eV of the lowest conformer. The energies of the shipped
            molecules at further levels are in ``data/levels`` (see :mod:`sampler.levels`).
    """

    name: str
    title: str
    symbol: str
    aliases: tuple[str, ...]
    smiles: str
    family: str
    protons: int
    charge: int
    rank: int
    numbers: np.ndarray
    bonds: np.ndarray
    partial_charges: np.ndarray
    sigma: np.ndarray
    epsilon: np.ndarray
    conformers: tuple[Conformer, ...]
    source: str
    reference_energies: Mapping[str, float] = field(default_factory=dict)

    @property
    def surface_charges(self) -> np.ndarray:
        """(n,) e, the partial charges with a quarter of the molecule's charge taken away, evenly from its atoms.

        Ions in a cluster polarise each other and share charge, so that at full charge the surface of rigid molecules
        is wrong about which structures are low: hydrogen bonds between like ions cost it too much. The factor of 0.75
        is that of scaled-charge force fields (Leontyev & Stuchebrukhov 2011, DOI 10.1039/C0CP01971B); here the
        dipoles keep their size, and neutral molecules are as they are.
        """
        return self.partial_charges - (1.0 - SCREENED) * self.charge / len(self.numbers)

    @property
    def label(self) -> str:
        """The formula with its charge, as printed: ``HSO4⁻``."""
        sign = {0: "", 1: "+", -1: "-"}.get(self.charge, f"{abs(self.charge)}{'+' if self.charge > 0 else '-'}")
        return self.symbol + sign.translate(_SUPERSCRIPT)

    def __repr__(self) -> str:
        several = "s" * (len(self.conformers) != 1)
        return f"Monomer({self.name}: {self.label}, charge {self.charge}, {len(self.conformers)} conformer{several})"

    @classmethod
    def load(cls, path: Path) -> Monomer:
        """Read one TOML file.

        Raises:
            MonomerError: a missing key, arrays of unlike length, a value that has no meaning.
        """
        try:
            text = no_pipe(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MonomerError(f"{path}: cannot be read: {error}") from error
        return cls.loads(text, str(path))

    @classmethod
    def loads(cls, text: str, where: str = "monomer") -> Monomer:
        """Read TOML text; ``where`` names it in errors. Raises what :meth:`load` raises."""
        try:
            return cls._from_table(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise MonomerError(f"{where}: not a readable TOML file: {error}") from error
        except KeyError as error:
            raise MonomerError(f"{where}: the key {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise MonomerError(f"{where}: {error}") from error

    @classmethod
    def _from_table(cls, t: dict[str, Any]) -> Monomer:
        names = [check_name(name) for name in (t["name"], *t.get("aliases", ()))]
        whole = {key: _whole(t[key], key) for key in ("protons", "charge", "rank")}
        numbers = np.array([_whole(z, "numbers") for z in t["numbers"]], np.int64)
        n = len(numbers)
        if n == 0 or numbers.min() < 1 or numbers.max() > 118:
            raise ValueError("numbers needs at least one atomic number, each 1 … 118")
        per_atom = {key: np.asarray(t[key], float) for key in ("partial_charges", "sigma", "epsilon")}
        for key, array in per_atom.items():
            if array.shape != (n,) or not np.isfinite(array).all():
                raise ValueError(f"{key} needs {n} finite numbers, has {array.size}")
        if abs(per_atom["partial_charges"].sum() - whole["charge"]) > 1e-3:
            raise ValueError(
                f"partial_charges add to {per_atom['partial_charges'].sum():.4f}, charge is {whole['charge']}"
            )
        if (per_atom["sigma"] < 0).any() or (per_atom["epsilon"] < 0).any():
            raise ValueError("sigma and epsilon must not be negative")
        bonds = np.array([[_whole(i, "bonds") for i in pair] for pair in t["bonds"]], np.int64).reshape(-1, 2)
        if len(bonds) and (bonds.min() < 0 or bonds.max() >= n):
            raise ValueError(f"bonds name an atom outside 0 … {n - 1}")
        if len({tuple(sorted(pair)) for pair in bonds.tolist() if pair[0] != pair[1]}) < len(bonds):
            raise ValueError("bonds name a pair twice, or an atom bonded to itself")
        conformers = []
        for c in t["conformers"]:
            positions = np.asarray(c["positions"], float)
            if positions.shape != (n, 3) or not np.isfinite(positions).all():
                raise ValueError(f"conformer {c['name']} needs {n} x 3 finite positions, has {positions.shape}")
            conformers.append(Conformer(str(c["name"]), positions, float(c["energy"])))
        if not conformers:
            raise ValueError("no conformer")
        if len({c.name for c in conformers}) < len(conformers):
            raise ValueError("two conformers have one name")
        return cls(
            name=names[0],
            title=str(t["title"]),
            symbol=str(t["symbol"]),
            aliases=tuple(names[1:]),
            smiles=str(t.get("smiles", "")),
            family=check_name(t["family"]),
            protons=whole["protons"],
            charge=whole["charge"],
            rank=whole["rank"],
            numbers=numbers,
            bonds=bonds,
            conformers=tuple(conformers),
            source=str(t["source"]),
            reference_energies={k: float(v) * HARTREE for k, v in t.get("reference_energies_Eh", {}).items()},
            partial_charges=per_atom["partial_charges"],
            sigma=per_atom["sigma"],
            epsilon=per_atom["epsilon"],
        )


def check_name(name: str) -> str:
    """``name`` itself, if a molecule may be called so.

    Raises:
        ValueError: not lower-case letters with or without digits after them, or ``p`` (the proton).
    """
    if not re.fullmatch("[a-z]+[0-9]*", str(name)) or name == PROTON:
        raise ValueError(
            f"the name {name!r} must be lower-case letters a-z, at most with digits at the end as in hio3, "
            "and not p (the proton)"
        )
    return name


def _check_readable(files: Mapping[str, str]) -> None:
    """No name may be another name with digits after it: ``1hio31am`` would be 1 hio and 31 am, or 1 hio3 and 1 am.

    Raises:
        MonomerError: names both.
    """
    for name in files:
        bare = name.rstrip("0123456789")
        for end in range(len(bare), len(name)):
            other = name[:end]
            if other in files or other == PROTON:
                where = files.get(other, "the proton")
                raise MonomerError(
                    f"{files[name]}: the name {name!r} is {other!r} ({where}) with digits after it, so that a "
                    f"composition such as 1{name}1am could be read in two ways; choose a name with other letters"
                )


def _whole(value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key} must be a whole number, not {value!r}")
    return value


@dataclass(frozen=True, eq=False, repr=False)
class MonomerLibrary:
    """All monomers, by name; immutable.

    >>> from sampler import MonomerLibrary
    >>> MonomerLibrary.load()["amh"].label
    'NH4⁺'

    Attributes:
        surface: the fitted rigid surface on which clusters of ions are generated (:mod:`sampler.generate.fitted`).
    """

    monomers: tuple[Monomer, ...]
    surface: str = "gfn1-xtb"

    @classmethod
    def load(cls, extra: Iterable[Path | str] = ()) -> MonomerLibrary:
        """The shipped library, the user's own (see :func:`user_folder`), and the folders or files in ``extra``.

        Raises:
            MonomerError: an unreadable file, or a name defined twice.
        """
        sources = [resources.path("data", "monomers"), user_folder(), *map(Path, extra)]
        files = [f for s in sources for f in (sorted(s.glob("*.toml")) if s.is_dir() else [s] if s.exists() else [])]
        missing = [str(s) for s in map(Path, extra) if not s.exists()]
        if missing:
            raise MonomerError(f"no such monomer file or folder: {', '.join(missing)}")
        return cls._checked([(Monomer.load(file), str(file)) for file in files])

    @classmethod
    def _checked(cls, entries: Iterable[tuple[Monomer, str]]) -> MonomerLibrary:
        seen: dict[str, str] = {}
        monomers = []
        for monomer, where in entries:
            for name in (monomer.name, *monomer.aliases):
                if name in seen:
                    raise MonomerError(f"{where} defines {name!r}, which {seen[name]} defines already; rename one")
                seen[name] = where
            monomers.append(monomer)
        _check_readable(seen)
        _check_families(monomers, seen)
        return cls(tuple(sorted(monomers, key=lambda m: (m.rank, m.family, -m.protons, m.name))))

    def adding(self, monomer: Monomer) -> MonomerLibrary:
        """This library and ``monomer``.

        Raises:
            MonomerError: its name is taken, or it does not belong to its family.
        """
        more = self._checked([*((m, f"the molecule {m.name}") for m in self.monomers), (monomer, monomer.name)])
        return replace(more, surface=self.surface)

    def require_readable(self, names: Iterable[str]) -> None:
        """Check that further names leave one way to read a composition.

        Raises:
            MonomerError: one is another name with digits after it, or the other way round.
        """
        _check_readable(
            {**{word: f"the molecule {m.name}" for word, m in self._by_name.items()}, **{n: n for n in names}}
        )

    def on(self, surface: str) -> MonomerLibrary:
        """The same molecules on another fitted surface."""
        return replace(self, surface=surface)

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:_SHOWN]) + (", …" if len(self) > _SHOWN else "")
        return f"MonomerLibrary({len(self)} molecules: {shown})"

    def __iter__(self) -> Iterator[Monomer]:
        return iter(self.monomers)

    def __len__(self) -> int:
        return len(self.monomers)

    @cached_property
    def _by_name(self) -> dict[str, Monomer]:
        return {name: m for m in self.monomers for name in (m.name, *m.aliases)}

    @property
    def words(self) -> Iterable[str]:
        """Names and aliases."""
        return self._by_name.keys()

    @property
    def names(self) -> list[str]:
        return [m.name for m in self.monomers]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._by_name

    @cached_property
    def synonyms(self) -> dict[str, str]:
        """What else means one molecule and no other -> its name: formulas (``hso4-``), and names in words, in lower case."""
        found: dict[str, set[str]] = {}
        for m in self.monomers:
            title = plain(m.title)
            formula = plain(m.symbol)
            sign = {True: "+", False: "-"}[m.charge > 0] if m.charge else ""
            size = str(abs(m.charge)) if abs(m.charge) > 1 else ""
            words = {formula, f"{formula}{size}{sign}", title, title.replace("sulf", "sulph")}
            for word in words | {word.replace(" ", "") for word in words}:
                found.setdefault(word, set()).add(m.name)
        return {
            word: min(names)
            for word, names in found.items()
            if word and len(names) == 1 and word not in self._by_name and word != PROTON
        }

    def meant(self, word: str) -> Monomer | None:
        """The molecule of a name, a formula or a name in words: ``am``, ``NH3``, ``ammonia``; None if there is none."""
        key = plain(word)
        return self._by_name.get(key) or self._by_name.get(self.synonyms.get(key, ""))

    def suggestion(self, word: str) -> str:
        """``did you mean am (ammonia)?`` for a word that is nearly one of a molecule; '' where none is near."""
        every = {word: word for word in self._by_name} | self.synonyms
        near = nearest(plain(word), every)
        names = list(dict.fromkeys(self._by_name[every[one]].name for one in near))
        told = " or ".join(f"{name} ({self._by_name[name].title})" for name in names)
        return f"did you mean {told}?" if told else ""

    def __getitem__(self, name: str) -> Monomer:
        """The monomer of that name or alias, in any case, or of that formula or name in words where only one has it.

        Raises:
            MonomerError: unknown; the message lists the known names.
        """
        if (found := self.meant(name)) is None:
            near = f"{nearly}; " if (nearly := self.suggestion(name)) else ""
            raise MonomerError(f"no molecule is called {name!r}; {near}known: {', '.join(self.names)}")
        return found

    def family(self, name: str) -> tuple[Monomer, ...]:
        """All members of a family, most protonated first."""
        members = tuple(m for m in self.monomers if m.family == name)
        if not members:
            raise MonomerError(f"no family of molecules is called {name!r}")
        return members


def _check_families(monomers: Iterable[Monomer], files: dict[str, str]) -> None:
    """Members of a family have the same heavy atoms, and differ in charge and hydrogens by their protons.

    Raises:
        MonomerError: names both.
    """
    first: dict[str, Monomer] = {}
    for m in monomers:
        other = first.setdefault(m.family, m)
        heavy, other_heavy = (sorted(x.numbers[x.numbers > 1].tolist()) for x in (m, other))
        hydrogens = len(m.numbers) - len(heavy) - len(other.numbers) + len(other_heavy)
        protons = m.protons - other.protons
        if heavy != other_heavy or hydrogens != protons or m.charge - other.charge != protons:
            raise MonomerError(
                f"{files[m.name]}: {m.name} ({m.label}, protons {m.protons:+d}) cannot be of the family {m.family} "
                f"of {other.name} ({other.label}, protons {other.protons:+d}, {files[other.name]}): "
                "members of a family differ by protons only; correct family, protons or charge"
            )
