"""Reading trajectories: which potential they were made with, and all that is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SamplerError
from ..monomers import MonomerLibrary
from ..potentials.base import Potential
from .given import potential_of
from .simulated import potential_that_made

if TYPE_CHECKING:
    from ..trajectories.analyse import Analysed, Options


def analyse_trajectories(
    folder: Path,
    options: Options,
    known: MonomerLibrary,
    model: Sequence[str | Path] = (),
    dipoles: str = "gfn1-xtb",
    say: Callable[[str], None] = lambda text: None,
) -> Analysed:
    """Analyse a folder of ``sampler md``, and leave tables and figures in ``analysis/`` there.

    Args:
        model: the trained models of the dynamics, where they lie elsewhere now. dipoles: a method that has them.

    Raises:
        RunError: no such folder. InputError: nothing of what was asked for can be had. PotentialError: no such method.
    """
    from ..trajectories.analyse import analyse
    from ..trajectories.folder import read_folder
    from ..trajectories.saved import save

    manifest = read_folder(folder).manifest
    made = analyse(
        folder, options, known, cache(lambda: _moved_by(folder, manifest, model)), potential_of(dipoles), say
    )
    save(made)
    return made


def _moved_by(folder: Path, manifest: dict[str, Any], model: Sequence[str | Path]) -> tuple[Potential, str] | str:
    """The potential of a simulation, and its engine in words; or why there are no vibrations of it."""
    from ..potentials.xtb import XTBPotential, XTBPythonPotential

    try:
        found = potential_that_made(folder, manifest, model)
    except SamplerError as error:
        return str(error)
    if not (found.models or isinstance(found, XTBPotential | XTBPythonPotential)):
        return f"a Hessian at {found.level} takes too long here; sampler thermo makes one"
    return found, str(manifest["potential"]["engine"]["engine"])
