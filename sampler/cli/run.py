"""``sampler run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion
from .common import (
    DEFAULT_PROTOCOL,
    Anywhere,
    Join,
    Json,
    Monomers,
    Quiet,
    Replace,
    Slurm,
    Verbose,
    canonical,
    library,
    next_step,
    print_json,
    submitting,
    understood,
)
from .report import NoReport, at_end


def run(
    composition: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.compositions,
            help="What the cluster is made of, e.g. 4sa4am, 1sa2dma3w, 2sa1b1am1p. With --from it may be left out.",
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            "-p",
            autocompletion=completion.protocols,
            help="A shipped protocol (see: sampler protocols) or a .toml file.",
        ),
    ] = DEFAULT_PROTOCOL,
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
            "-l",
            autocompletion=completion.levels,
            help="Level that the energies end at: b97-3c, gfn1-xtb (or gfn1-xtb-refit-…), or auto (the best of the two for the composition). With "
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
            "--model",
            "-m",
            autocompletion=completion.models,
            help="A trained model, shipped or a folder, to relax and rank with (repeated: a committee).",
        ),
    ] = None,
    learn: Annotated[
        str | None,
        typer.Option(
            "--learn",
            help="Teach models this composition first, from labels of a level (gfn1-xtb, b97-3c), and search with them.",
        ),
    ] = None,
    learn_from: Annotated[
        Path | None,
        typer.Option("--learn-from", help="With --learn: structures to label in any case, or a folder of sampler md."),
    ] = None,
    learn_count: Annotated[int, typer.Option("--learn-count", min=1, help="With --learn: labels a round.")] = 150,
    learn_rounds: Annotated[int, typer.Option("--learn-rounds", min=1, help="With --learn: rounds of learning.")] = 3,
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
        typer.Option(
            "--parents",
            autocompletion=completion.runs,
            help="Run directory of a smaller system, for the stage grow (may be repeated).",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option("--patience", min=1, help="Rounds without a new low minimum after which a search ends."),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", min=1, help="Evaluations of the potential after which a search starts no round."),
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
    no_report: NoReport = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find the lowest structures of a cluster; write ORCA inputs.

    Every finished chunk of work is kept: after Ctrl-C, a SIGTERM of the batch system, a crash or a power cut the same
    command goes on where it stopped and ends with the same result. A finished run is not repeated; a changed parameter redoes only what
    depends on it. Results of another protocol or seed are not overwritten: give another --out, or --replace.

    \b
    Examples:
      sampler run 2sa2am
      sampler run 4sa4am --protocol standard --workers 8
      sampler run 1b2sa --set generate.candidates=500 --set relax.fmax=0.02
      sampler run 1sa1am --protocol refined --engine orca
      sampler run 4sa4am --protocol thorough --parents 3sa3am --parents 4sa3am --patience 10
      sampler run 3sa3am --protocol standard --confidence 0.95
      sampler run 4sa4am --level gfn1-xtb
      sampler run 2sa2am --model training/model
      sampler run 3msa3ma --learn gfn1-xtb
      sampler run --from ensemble.xyz --stage dedupe --from-level gfn2-xtb
      sampler run 4sa4am --workers dask://node1:8786
      sampler run 2sa2am --json | jq '.structures[0]'
    """
    from ..api.running import run as run_it

    known = library(monomers)
    if composition is not None:
        understood([composition], lambda text: canonical(text, known), quiet)
    done = run_it(
        composition, protocol, out, charge=charge, seed=seed, level=level, model=models, learn=_loop(learn, learn_from, learn_count, learn_rounds),
        candidates=learn_from, engine=engine, settings=settings,
        parents=parents or (), patience=patience, budget=budget, confidence=confidence, error_kcalmol=error_kcalmol,
        source=source, stage=stage, from_level=from_level, energy_key=energy_key, monomers=known, workers=workers,
        slurm=slurm, join=join, clean=clean, replace=replace, quiet=quiet or as_json, verbose=verbose,
    )  # fmt: skip
    if as_json:
        print_json(done.summary())
        if not no_report:
            at_end(done.folder, known, quiet=True)
        return
    from ..funnel import results
    from .show import print_ranking

    print_ranking(done.folder, known, limit=10)
    count = results.inputs(len(done.clusters), done.manifest()["protocol"]["export"]["count"])
    typer.echo(f"\n{len(done.clusters)} structures in {done.folder}; {count} ORCA inputs in {done.folder / 'orca'}")
    if not no_report:
        at_end(done.folder, known)
    next_step(("sampler", "thermo", done.folder), submitting(done.folder / "orca"), quiet=quiet)


def _loop(level: str | None, source: Path | None, count: int, rounds: int):
    """What ``--learn`` and its options ask for."""
    from ..errors import InputError

    if level is None:
        if source is not None:
            raise InputError("--learn-from has a meaning only with --learn LEVEL")
        return None
    from ..learn.loop.asked import Learn

    return Learn(level, count, rounds)
