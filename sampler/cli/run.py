"""``sampler run``: the main job."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from .common import Anywhere, Join, Json, Monomers, Quiet, Replace, Slurm, library, print_json, spelled, workplace


def run(
    composition: Annotated[
        str | None,
        typer.Argument(
            help="What the cluster is made of, e.g. 4sa4am, 1sa2dma3w, 2sa1b1am1p. With --from it may be left out."
        ),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", "-p", help="A shipped protocol (see: sampler protocols) or a .toml file.")
    ] = "quick",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run directory. Default: ./COMPOSITION.")] = None,
    charge: Annotated[int | None, typer.Option("--charge", "-c", help="Total charge. Default: from the name.")] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Random seed; same seed, same result.")] = 0,
    workers: Anywhere = None,
    slurm: Slurm = None,
    join: Join = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a parameter: STAGE.PARAMETER=VALUE, e.g. relax.fmax=0.01 (may be repeated)."
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Structures to start from (npz, xyz, ASE db, JKQC pickle) instead of generated ones."
        ),
    ] = None,
    stage: Annotated[
        str, typer.Option("--stage", help="Where --from enters: relax, identify, dedupe, select, refine or orca.")
    ] = "relax",
    level: Annotated[
        str,
        typer.Option(
            "--level",
            help="Level that the energies end at: b97-3c, gfn1-xtb, or auto (the best of the two for the composition). With "
            "--from also the level of the energies there, where the file does not say.",
        ),
    ] = "auto",
    from_level: Annotated[
        str | None,
        typer.Option("--from-level", help="Level of the energies in --from, where it is not that of --level."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="A trained model, shipped or a folder, to relax and rank with (repeated: a committee)."
        ),
    ] = None,
    energy_key: Annotated[
        str | None, typer.Option("--energy", help="Key of the energies in --from, where there are several.")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", help="Who does the stages refine and orca: orca (on this machine) or pyscf. Default: see there."
        ),
    ] = None,
    parents: Annotated[
        list[Path] | None,
        typer.Option("--parents", help="Run directory of a smaller system, for the stage grow (may be repeated)."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option("--patience", min=1, help="Rounds without a new low minimum after which the stage hop ends."),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", min=1, help="Evaluations of the potential after which the stage hop starts no round."),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            "--confidence",
            help="Keep as many structures as hold the B97-3c minimum of all that the search has found with this "
            "probability, e.g. 0.95; what the protocol would cut later goes on.",
        ),
    ] = None,
    error_kcalmol: Annotated[
        float | None,
        typer.Option(
            "--error-kcalmol",
            help="With --confidence: standard deviation of relative energies. Default: of the potential in use, as calibrated.",
        ),
    ] = None,
    monomers: Monomers = None,
    clean: Annotated[bool, typer.Option("--clean", help="Remove stage folders of earlier parameters.")] = False,
    replace: Replace = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the low-energy structures of a cluster and write ORCA inputs for them.

    Every finished chunk of work is kept: after Ctrl-C, a SIGTERM of the batch system, a crash or a power cut the same
    command goes on where it stopped and ends with the same result. A finished run is not repeated; a changed parameter redoes only what
    depends on it. Results of another protocol or seed are not overwritten: give another --out, or --replace.

    \b
    Examples:
      sampler run 2sa2am
      sampler run 4sa4am --protocol standard --workers 8
      sampler run 1b2sa --set generate.candidates=500 --set relax.fmax=0.02
      sampler run 1sa1am --protocol refined --engine orca
      sampler run 4sa4am -p thorough --parents 3sa3am --parents 4sa3am --patience 10
      sampler run 3sa3am --protocol standard --confidence 0.95
      sampler run 4sa4am --level gfn1-xtb
      sampler run 2sa2am --model training/model
      sampler run --from ensemble.xyz --stage dedupe --from-level gfn2-xtb
      sampler run 4sa4am --workers dask://node1:8786
      sampler run 2sa2am --json | jq '.structures[0]'
    """
    from ..composition import Composition
    from ..errors import CompositionError, InputError
    from ..funnel import results
    from ..funnel.parents import read_parent
    from ..funnel.protocols import own_model
    from ..funnel.protocols import protocol as protocols
    from ..funnel.protocols.automatic import ended
    from ..funnel.runner import Start
    from ..funnel.runner import run as run_protocol
    from ..workers import progress as reporting
    from .show import print_ranking

    known = library(monomers)
    if composition is None and source is None:
        raise CompositionError("what is the cluster made of? give a composition, for example: sampler run 4sa4am")
    wanted = Composition.parse(composition, known, charge) if composition is not None else None
    overrides = protocols.parse_overrides(settings or [])
    chosen = protocols.load(protocol, overrides)
    limits = {k: v for k, v in {"hop.patience": patience, "hop.budget": budget}.items() if v is not None}
    if limits:
        if not any(s.kind == "hop" for s in chosen.stage):
            raise InputError(
                f"--patience and --budget are for the stage hop, which the protocol {chosen.name} does not have; "
                "take thorough or large"
            )
        chosen = protocols.load(protocol, overrides | limits)
    if confidence is None and error_kcalmol is not None:
        raise InputError("--error-kcalmol has a meaning only with --confidence")
    level, from_level = _levels(level, from_level, source)
    progress = reporting.choose(quiet or as_json)
    start = None
    if source is not None:
        file = spelled(source, known)
        entry = _entry(file, known, wanted, level, from_level, stage=stage, charge=charge, energy_key=energy_key)
        wanted, start = entry.composition, Start(entry.clusters, entry.sha256, source.name, stage, entry.left_out)
        for note in entry.notes:
            progress.message(note)
        for name, reason in entry.left_out.items():
            progress.message(f"{name} is left out: {reason}")
    if models:
        chosen = own_model.with_models(chosen, models, wanted, known, level)
        for remark in own_model.remarks(models, wanted, known):
            progress.message(remark)
    else:
        chosen = ended(chosen, wanted, level)
    if engine is not None:
        from ..funnel.protocols.refinement_engine import with_engine

        chosen = with_engine(chosen, engine)
        if start and stage in ("refine", "orca"):
            stage = next((s.kind for s in chosen.stage if s.kind in ("refine", "orca")), stage)
            start = dataclasses.replace(start, stage=stage)
    if confidence is not None:
        from ..funnel.protocols.with_confidence import with_confidence

        entered = start.position(chosen) if start else 0
        chosen = with_confidence(chosen, confidence, error_kcalmol, wanted, known, entered)
    smaller = [read_parent(spelled(folder, known), known) for folder in parents or []]
    folder = out or Path(wanted.name(known))

    def leave(done):
        results.write(done, chosen, known, wanted)
        own_model.judge(done, wanted, known)

    try:
        with workplace(workers, slurm, progress.message) as where:
            finished = run_protocol(
                wanted,
                chosen,
                folder,
                library=known,
                seed=seed,
                workers=where,
                progress=progress,
                clean=clean,
                start=start,
                parents=smaller,
                join=join,
                replace=replace,
                leave=leave,
                level=level,
            )
    finally:
        progress.close()
    if as_json:
        print_json(results.summary(finished.folder, known))
    else:
        print_ranking(finished.folder, known, limit=10)
        typer.echo(
            f"\n{len(finished.clusters)} structures in {folder}; {results.inputs(finished, chosen)} ORCA inputs in {folder / 'orca'}"
        )


def _levels(level: str, from_level: str | None, source: Path | None) -> tuple[str, str | None]:
    """The level that the run ends at, and that of the energies in --from where the file does not say.

    Raises:
        InputError: a level that no run ends at, or --from-level without --from.
    """
    from ..errors import InputError
    from ..funnel.protocols.automatic import AUTO, CHOICES

    level = level.lower() if level.lower() in CHOICES else level
    if source is None:
        if from_level is not None:
            raise InputError("--from-level has a meaning only with --from")
        if level not in CHOICES:
            raise InputError(f"--level {level}: a run ends at one of {', '.join(CHOICES)}")
        return level, None
    if level not in CHOICES:  # of the structures that enter, then
        if from_level is not None:
            raise InputError(f"--level {level}: a run ends at one of {', '.join(CHOICES)}")
        return AUTO, level
    return level, from_level


def _entry(source: Path, known, wanted, level: str, from_level: str | None, **options):
    """The population in a file; ``level`` is that of its energies where it states none, or several."""
    from ..errors import InputError, LevelError
    from ..funnel.protocols.automatic import AUTO
    from ..interop.entry import enter

    if from_level is not None or level == AUTO:
        return enter(source, known, wanted, level=from_level, **options)
    try:
        entry = enter(source, known, wanted, **options)
    except (InputError, LevelError):
        return enter(source, known, wanted, level=level, **options)
    return entry if entry.clusters.level else enter(source, known, wanted, level=level, **options)
