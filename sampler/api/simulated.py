"""The potential that moved the atoms of a simulation, opened again from what ``md.json`` says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..potentials.base import Potential
from .given import potential_of


def potential_that_made(folder: Path, manifest: Mapping[str, Any], models: Sequence[str | Path] = ()) -> Potential:
    """The potential of a folder of ``sampler md``.

    Args:
        models: where its trained models lie now, if they are no longer where the simulation found them.

    Raises:
        PotentialError, ModelError: it is no longer there. RunError: what is there now is another model.
    """
    from ..learn.labels.provenance import content

    names = [str(m) for m in models] or list(manifest["potential"].get("named") or ())
    if not names:
        raise RunError(f"{folder} does not name its potential, so that it cannot be opened again")
    potential, engine = potential_of(names), str(manifest["potential"]["engine"]["engine"])
    # another version of a method that is calculated gives the same curvature; of a model each training is another one
    if engine.startswith("model ") and content(potential) != engine:
        raise RunError(
            f"{folder} was made with {engine}, and {', '.join(names)} is {content(potential)}: name the folders of the models "
            "that made it, with --model"
        )
    return potential
