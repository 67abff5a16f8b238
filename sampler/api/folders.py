"""Run directories as users name them."""

from __future__ import annotations

from pathlib import Path

from ..composition import Composition
from ..errors import CompositionError
from ..monomers import MonomerLibrary


def spelled(path: Path, known: MonomerLibrary) -> Path:
    """``path``, or the run directory of the same composition beside it: ``1b1sa1am`` finds ``1sa1b1am``."""
    from ..rundir.directory import is_run

    if path.exists():
        return path
    try:
        other = path.with_name(Composition.parse(path.name, known).name(known))
    except (CompositionError, ValueError):
        return path
    return other if is_run(other) else path
