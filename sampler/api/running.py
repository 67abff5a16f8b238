"""The main job: the low-energy structures of one composition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..composition import Composition
from ..errors import CompositionError, InputError
from . import run_plan
from .first_line import all_is_read, first_line
from .folders import spelled
from .given import Monomers, composition_of, library_of, words_of
from .run_plan import Settings
from .run_result import RunResult

if TYPE_CHECKING:
    from ..funnel.protocols.protocol import Protocol
from .workplace import workplace

if TYPE_CHECKING:
    from ..learn.loop import Learn


def run(
    composition: str | Composition | None = None,
    protocol: str | Path | Protocol = "quick",
    folder: str | Path | None = None,
    *,
    charge: int | None = None,
    seed: int = 0,
    level: str = "auto",
    model: str | Path | Sequence[str | Path] | None = None,
    learn: str | Learn | None = None,
    candidates: Any = None,
    engine: str | None = None,
    settings: Settings = None,
    parents: str | Path | Sequence[str | Path] = (),
    patience: int | None = None,
    budget: int | None = None,
    confidence: float | None = None,
    error_kcalmol: float | None = None,
    source: Any = None,
    stage: str = "relax",
    from_level: str | None = None,
    energy_key: str | None = None,
    monomers: Monomers = None,
    workers: int | str | None = None,
    slurm: str | Path | None = None,
    join: bool = False,
    clean: bool = False,
    replace: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> RunResult:
    """Find the low-energy structures of a cluster: what the command ``sampler run`` does, with the same result and files.

    Every finished chunk of work is kept in the run directory: the same call goes on where an earlier one was stopped, and
    a finished run is read, not repeated. The result depends on neither ``workers`` nor interruptions.

    >>> import sampler
    >>> made = sampler.run("1sa1am", settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> made.ranking()[0]["state"], round(made.ranking()[0]["binding_energy_kcalmol"], 1)
    ('1 H2SO4 · 1 NH3', -18.4)

    Args:
        composition: e.g. ``"4sa4am"``; with ``source`` it may be left out.
        protocol: one that ships (``sampler protocols`` lists them), a ``.toml`` file, or one that is built.
        folder: the run directory; by default named by the composition, in the working directory.
        charge: in e; by default that of the name.
        seed: of all random numbers.
        level: that the energies end at: ``b97-3c``, ``gfn1-xtb`` (or the level of parameters of ``sampler refit-xtb``) or
            ``auto``, the best of the two for the composition.
        model: a trained model (name or folder), or several, to relax and rank with.
        learn: a level, such as ``gfn1-xtb`` or ``b97-3c``: models are taught this composition first, in the folder ``learn`` of
            the run, and search in the place of those that ship; or a :class:`sampler.learn.loop.Learn` that says more.
        candidates: with ``learn``: structures to label in any case, such as a simulation's candidates.
        engine: who does the stages refine and orca: ``orca`` or ``pyscf``.
        settings: changed parameters, e.g. ``{"relax.fmax": 0.01, "generate.candidates": 200}``.
        parents: run directories of smaller systems, for the stage grow.
        patience: rounds without a new low minimum after which a search ends.
        budget: evaluations of the potential after which a search starts no round.
        confidence: keep as many structures as hold the B97-3c minimum with this probability, e.g. 0.95.
        error_kcalmol: with ``confidence``: standard deviation of relative energies, kcal/mol.
        source: structures to start from instead of generated ones: a file, clusters, or ASE atoms.
        stage: where ``source`` enters: relax, identify, dedupe, select, refine or orca.
        from_level: level of the energies of ``source``, where it does not say.
        energy_key: name of the energies in the file, where there are several.
        monomers: files or folders with further molecules, or a library.
        workers: processes, or ``dask://HOST:PORT``; by default all cores.
        slurm: a profile that describes SLURM jobs to run in.
        join: share the work with other processes that make the same call.
        clean: remove stage folders of earlier parameters.
        replace: results of another protocol or seed in the folder may be replaced.
        quiet: no progress on standard error.
        verbose: progress says more of each round of a search.

    Returns:
        The structures, lowest first, with ledgers and ranking; see :class:`sampler.api.run_result.RunResult`.

    Raises:
        InputError: a composition, protocol, parameter or level that makes no sense; the message says which.
        RunError: the folder holds other results or is in use, or no structure is left.
        SamplerError: whatever else stops the run.
    """
    from ..workers.progress import choose

    known = library_of(monomers)
    if composition is None and source is None:
        raise CompositionError("what is the cluster made of? give a composition, for example: sampler run 4sa4am")
    wanted = composition_of(composition, known, charge) if composition is not None else None
    progress, named = choose(quiet, verbose), protocol if isinstance(protocol, str | Path) else protocol.name
    begun = wanted is not None and all_is_read(
        named, workers, source, settings, patience, budget, engine, model, parents, confidence, error_kcalmol,
        from_level, slurm, "" if level == "auto" else level,
    )  # fmt: skip
    if wanted is not None and begun:
        progress.message(first_line(wanted.name(known), named, seed, folder or wanted.name(known)))

    from ..funnel import results
    from ..funnel.protocols import own_model
    from ..funnel.runner import run as run_protocol

    chosen = run_plan.protocol_of(protocol, settings, patience, budget)
    if confidence is None and error_kcalmol is not None:
        raise InputError("--error-kcalmol has a meaning only with --confidence")
    level, from_level = run_plan.levels_of(level, from_level, source is not None)
    start = None
    if source is not None:
        options = {"stage": stage, "charge": charge, "energy_key": energy_key}
        wanted, start = run_plan.entered(source, known, wanted, level, from_level, progress, **options)
    assert wanted is not None  # named, or read off the source
    if learn is not None:
        from .closed_loop import taught

        chosen, level = taught(
            chosen, learn, wanted, known, level, words_of(model), Path(folder or wanted.name(known)), seed, candidates,
            workers, slurm, progress,
        )  # fmt: skip
    else:
        chosen = run_plan.ended_by(chosen, words_of(model), wanted, known, level, progress)
    chosen, start = run_plan.refined_by(chosen, engine, start)
    if confidence is not None:
        from ..funnel.protocols.with_confidence import with_confidence

        chosen = with_confidence(
            chosen, confidence, error_kcalmol, wanted, known, start.position(chosen) if start else 0
        )
    smaller = [_parent(one, known) for one in words_of(parents)]

    def leave(done):
        results.write(done, chosen, known, wanted)
        own_model.judge(done, wanted, known)

    try:
        with workplace(workers, slurm, progress.message) as where:
            if not begun:
                progress.message(first_line(wanted.name(known), named, seed, folder or wanted.name(known)))
            finished = run_protocol(
                wanted, chosen, Path(folder or wanted.name(known)), library=known, seed=seed, workers=where,
                progress=progress, clean=clean, start=start, parents=smaller, join=join, replace=replace, leave=leave,
                level=level,
            )  # fmt: skip
    finally:
        progress.close()
    return RunResult(finished.folder, wanted, finished.clusters, finished.ledgers, known)


def _parent(folder: str, known):
    """The result of a smaller system."""
    from ..funnel.parents import read_parent

    return read_parent(spelled(Path(folder), known), known)
