"""What a report can be of: a registry of kinds, each of which knows its own and says what there is to tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..rundir.directory import runs_below
from . import dynamics_report, run_report, screen_report, thermo_report
from .asked import Asked


@dataclass(frozen=True)
class Kind:
    """One kind of report.

    Attributes:
        what: it is of, in words.
        fits: whether a path is of this kind; it looks at names and first bytes only.
        build: what there is to tell of a path, as plain values: the report.
        parts: paths that have reports of their own, which this one links to; they are written first.
    """

    what: str
    fits: Callable[[Path], bool]
    build: Callable[[Path, Asked], dict[str, Any]]
    parts: Callable[[Path], Sequence[Path]] = lambda path: ()


KINDS: dict[str, Kind] = {
    "run": Kind("a run directory", lambda path: (path / "manifest.json").is_file(), run_report.build),
    "dynamics": Kind("a folder of sampler md", dynamics_report.fits, dynamics_report.build),
    "screen": Kind(
        "the folder of a screen",
        lambda path: path.is_dir() and ((path / "screen.csv").is_file() or bool(runs_below(path))),
        screen_report.build,
        screen_report.parts,
    ),
    "thermo": Kind("a file that sampler thermo wrote (--out or --json)", thermo_report.fits, thermo_report.build),
}
"""Name -> kind; the first one that fits is taken."""


def kind_of(path: Path) -> Kind:
    """The kind that a path is of.

    Raises:
        InputError: it does not exist, or is of none.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; a report is of {_list()}")
    for kind in KINDS.values():
        if kind.fits(path):
            return kind
    raise InputError(f"{path} is nothing that a report can be made of: it takes {_list()}")


def _list() -> str:
    *most, last = [kind.what for kind in KINDS.values()]
    return f"{', '.join(most)} or {last}"
