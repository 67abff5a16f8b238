"""What a study is, written beside its results: ``study.json`` in its folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..storage import storage_error, write_text
from ..text.plain import plain
from ..version import __version__

FORMAT = "sampler-study-1"
MANIFEST = "study.json"
_LIBRARIES = ("numpy", "numba", "scipy", "tblite", "qmllib", "optuna")


@dataclass(frozen=True)
class Study:
    """
    Attributes:
        folder: where it lies. kind: ``curve``, ``tune``, ``active``. question: what it asks, for people.
        inputs: name -> {file, sha256 of the labels, structures}. level: of the labels.
        parameters: all else that the numbers depend on.
    """

    folder: Path
    kind: str
    question: str
    level: str
    inputs: dict[str, dict[str, Any]]
    parameters: dict[str, Any] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """All that the result depends on, as JSON has it."""
        told = {
            "format": FORMAT, "version": __version__, "kind": self.kind, "question": self.question, "level": self.level,
            "inputs": self.inputs, "parameters": self.parameters,
        }  # fmt: skip
        return json.loads(json.dumps(plain(told)))

    def digest(self) -> str:
        """What tells this study from others in its folder."""
        told = {k: v for k, v in self.manifest().items() if k != "question"}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def begin(self) -> None:
        """Write ``study.json``, or see that the folder holds this very study.

        Raises:
            RunError: it holds another one, one of another version, or something else. StorageError: it cannot be written.
        """
        file, wanted = self.folder / MANIFEST, self.manifest()
        if self.known():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            strange = [p.name for p in self.folder.iterdir() if not p.name.startswith(".")]
        except OSError as error:
            raise storage_error(error, self.folder) from error
        if strange and not file.exists():
            raise RunError(f"{self.folder} holds {strange[0]}, and no study; give another --out")
        write_text(file, json.dumps(wanted | {"libraries": _versions()}, indent=1, ensure_ascii=False) + "\n")

    def known(self) -> bool:
        """Whether the folder holds this study; False where it holds none.

        Raises:
            RunError: it holds another one, or one of another version.
        """
        if not (self.folder / MANIFEST).exists():
            return False
        found, wanted = read_manifest(self.folder), self.manifest()
        if found["version"] != __version__:
            raise RunError(
                f"{self.folder} holds a study of version {found['version']}, this is {__version__}; give another --out"
            )
        apart = list(_differences(found, wanted, ("kind", "level", "inputs", "parameters")))
        if apart:
            raise RunError(
                f"{self.folder} holds another study: {'; '.join(apart[:2])}; give another --out, or remove the folder"
            )
        return True


def read_manifest(folder: Path) -> dict[str, Any]:
    """``study.json`` of a folder.

    Raises:
        RunError: it is not there, damaged or of another format.
    """
    file = folder / MANIFEST
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise RunError(
                f"{folder} holds a study of the format {found['format']!r}, this is {FORMAT!r}; give another --out"
            )
        return {"version": "", "kind": "", "parameters": {}, "inputs": {}} | found
    except FileNotFoundError as error:
        raise RunError(f"{folder} holds no study ({MANIFEST} is absent)") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} cannot be read ({error}); remove the folder, or give another --out") from error


def _differences(found: dict, wanted: dict, keys, where: str = ""):
    """``parameters.seed was 1, not 2``, of all that differ."""
    for k in keys:
        one, other = found.get(k), wanted.get(k)
        if isinstance(one, dict) and isinstance(other, dict):
            # a file may be moved: what is in it counts
            inner = [n for n in dict.fromkeys((*one, *other)) if n != "file"]
            yield from _differences(one, other, inner, f"{where}{k}.")
        elif one != other:
            yield f"{where}{k} was {_short(one)}, not {_short(other)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
