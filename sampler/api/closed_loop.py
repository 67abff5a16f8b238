"""``sampler run --learn``: models are taught the composition, then its search goes on with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError, LevelError
from ..monomers import MonomerLibrary
from .given import clusters_of
from .workplace import workplace

if TYPE_CHECKING:
    from ..funnel.protocols.protocol import Protocol
    from ..learn.loop import Learn
    from ..workers.progress import Progress

FOLDER = "learn"
"""Of a run directory: labels, rounds, models."""


def taught(
    protocol: Protocol,
    learn: str | Learn,
    composition: Composition,
    known: MonomerLibrary,
    level: str,
    models: Sequence[str],
    folder: Path,
    seed: int,
    candidates: Any,
    workers: int | str | None,
    slurm: Path | str | None,
    progress: Progress,
) -> tuple[Protocol, str]:
    """The protocol with models that were taught the composition at a level, and the level that the run ends at.

    At GFN1-xTB the models search and GFN1-xTB decides; at others the energies are those of the models.

    Raises:
        InputError: models and a loop, both, or candidates of something else. LevelError: two levels.
    """
    from ..funnel.protocols import own_model
    from ..funnel.protocols.automatic import AUTO, FALLBACK
    from ..learn.loop import Learn
    from ..learn.loop import learn as run_loop

    how = Learn(learn) if isinstance(learn, str) else learn
    base = how.level.lower().partition("@")[0]
    if models:
        raise InputError(f"--model {models[0]} and --learn {how.level} exclude each other: a loop makes its own models")
    if level not in (AUTO, base):
        raise LevelError(f"--level {level}, and --learn {how.level} teaches another level; leave out one of the two")
    with workplace(workers, slurm, progress.message) as where:
        made = run_loop(
            composition, how, folder / FOLDER, known, seed=seed, candidates=candidates_of(candidates), workers=where,
            say=progress.message,
        )  # fmt: skip
    if base == FALLBACK:
        return own_model.with_search(protocol, made.models, composition), FALLBACK
    return own_model.with_models(protocol, [str(m) for m in made.models], composition, known, AUTO), level


def candidates_of(given: Any) -> Clusters | None:
    """Structures, a file, or a folder of ``sampler md``, whose candidates of all replicas are taken.

    Raises:
        InputError: a folder without candidates.
    """
    if given is None or not isinstance(given, str | Path) or not (Path(given) / "md.json").is_file():
        return None if given is None else clusters_of(given).without_energies()
    from ..dynamics.record import CANDIDATES

    files = sorted(Path(given).glob(f"replica-*/{CANDIDATES}"))
    found = [clusters_of(f).without_energies() for f in files if f.stat().st_size]
    if not found:
        raise InputError(f"{given} holds no candidates: nothing was doubted there")
    return Clusters.concatenate([f.replace(columns={}) for f in found])
