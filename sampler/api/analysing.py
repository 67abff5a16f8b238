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
        model: the trained models of the dynamics, where they are not among those that ship. dipoles: a method that has them.

    Raises:
        RunError: no such folder. InputError: nothing of what was asked for can be had. PotentialError: no such method.
    """
    from ..trajectories.analyse import analyse
    from ..trajectories.folder import read_folder
    from ..trajectories.saved import save

    manifest = read_folder(folder).manifest
    made = analyse(folder, options, known, cache(lambda: of_manifest(manifest, model)), potential_of(dipoles), say)
    save(made)
    return made


def of_manifest(manifest: dict[str, Any], model: Sequence[str | Path] = ()) -> tuple[Potential, str] | str:
    """The potential that ``md.json`` names, and its engine in words; or why it is not to be had."""
    from ..learn.labels.provenance import content
    from ..potentials.xtb import XTBPotential, XTBPythonPotential

    engine, level = str(manifest["potential"]["engine"]["engine"]), str(manifest["level"])
    try:
        if engine.startswith("model ") or model:
            weights = [word for word in engine.split() if len(word) == 16]
            names = [str(m) for m in model] or _shipped(weights)
            if not names:
                return f"the models of {level} are not among those that ship; name them with --model"
            found = potential_of(names)
            if content(found) != engine:
                return f"--model {names[0]} is not what the trajectories were made with ({engine})"
            return found, engine
        found = potential_of(level)
    except SamplerError as error:
        return str(error)
    if not isinstance(found, XTBPotential | XTBPythonPotential):
        return f"a Hessian at {level} takes too long here; sampler thermo makes one"
    return found, engine


def _shipped(weights: Sequence[str]) -> list[str]:
    """The models that ship with these weights, in their order; none where one is missing."""
    from ..potentials.painn.card import read_card
    from ..potentials.trained import model_folder, shipped

    of = {read_card(model_folder(name)).weights_sha256[:16]: name for name in shipped()}
    return [of[w] for w in weights] if weights and all(w in of for w in weights) else []
