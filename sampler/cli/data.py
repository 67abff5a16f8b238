"""``sampler data``: structures worth a label, and labels as data sets."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..columns import DISAGREEMENT
from . import completion
from .command import Command, Group, renamed
from .common import Json, Monomers, Quiet, Workers, cores, library, next_step, note, print_json
from .data_describe import describe
from .data_sets import HoldOut, collect, import_labels, info
from .data_split import split

data_app = typer.Typer(
    name="data",
    cls=Group,
    help="Sample structures, collect, import and split labels, look at data.",
    no_args_is_help=True,
)


@data_app.command(cls=renamed(c="--composition", structures="--count", t="--temperature"))
def sample(
    out: Annotated[Path, typer.Argument(help="Data set (.npz) to write; FILE.run beside it holds what is resumed.")],
    composition: Annotated[
        list[str] | None,
        typer.Option("--composition", help="What to sample, e.g. 2sa2am=500 (may be repeated)."),
    ] = None,
    structures: Annotated[
        int,
        typer.Option(
            "--count", "-n", min=1, help="Without --composition: so many SA–AM structures, small ones mostly."
        ),
    ] = 1000,
    driver: Annotated[
        list[str] | None,
        typer.Option("--driver", "-d", help="What moves the atoms: a potential, or model folder(s). Default gfn1-xtb."),
    ] = None,
    label: Annotated[
        str, typer.Option("--label", help="What gives energies and forces; 'none' leaves them to: sampler label.")
    ] = "gfn1-xtb",
    start: Annotated[
        Path | None,
        typer.Option("--start", help="Structures, such as a run's .npz, to begin from instead of random arrangements."),
    ] = None,
    temperature: Annotated[
        list[float] | None, typer.Option("--temperature", "-T", help="K, one after the other. Default 300 450 600.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of 2 fs at each temperature.")] = 50,
    every: Annotated[int, typer.Option("--every", min=1, help="Every how many steps a structure is kept.")] = 5,
    relax: Annotated[
        int, typer.Option("--relax", min=0, help="Most evaluations of the relaxation before the dynamics; 0: none.")
    ] = 400,
    hold_out: HoldOut = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0)] = 0,
    workers: Workers = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Structures for training, with labels or to be labelled.

    Random arrangements, quenches, dynamics, displaced atoms, protons and molecules.

    Chunks of work are kept beside the data set: the same command goes on after a kill. Other models, structures to
    start from or molecules under the same names are another sampling, and refused.

    \b
    Examples:
      sampler data sample gfn1.npz -n 12000 --seed 1
      sampler data sample more.npz --composition 2sa2am=500 --composition 3sa3am=200 --driver models/gfn1 --hold-out 4sa4am
      sampler data sample new.npz --driver models/b97-3c --label none --composition 2sa2am=100
    """
    from ..errors import InputError
    from ..learn.evaluate import open_potential
    from ..learn.labels.gather import by_composition
    from ..learn.labels.labels_file import label_set
    from ..learn.labels.provenance import content, describe
    from ..learn.labels.structures import read_structures
    from ..learn.sampling.sample import Sampling, SamplingRun, default_wanted, run_sampling
    from ..potentials import get_potential
    from ..workers import progress as reporting

    one_thread()
    known = library(monomers)
    if composition:
        try:
            wanted = {c.split("=")[0]: int(c.split("=")[1]) for c in composition}
        except (IndexError, ValueError) as error:
            raise InputError(f"--composition wants NAME=NUMBER, e.g. 2sa2am=500; got {composition}") from error
    else:
        wanted = default_wanted(structures, hold_out or (), known)
    driver = driver or ["gfn1-xtb"]
    # the labeller first: xTB must load before torch. What moves the atoms by the same potential needs no second look.
    labeller = None if label == "none" or driver == [label] else get_potential(label)
    moving = open_potential(driver)
    how = Sampling(
        temperatures=tuple(temperature) if temperature else Sampling().temperatures,
        steps=steps,
        every=every,
        relax=relax,
    )
    begin = (
        by_composition(read_structures(start, note=note, library=known), list(wanted), known, start) if start else None
    )
    labels_by = label if label == "none" else content(labeller or moving)
    run = SamplingRun(
        out.with_suffix(".run"), wanted, how, content(moving), labels_by, seed, hold_out or (), known, begin
    )  # fmt: skip
    progress = reporting.choose(quiet or as_json)
    tasks = run.tasks()
    progress.start(1, 1, "sample", len(tasks))
    total = 0
    try:
        for _, count, before in run_sampling(run, moving, labeller, cores(workers), begin):
            total += count
            progress.advance(1, before)
    finally:
        progress.close()
    found = run.collect()
    if label == "none":
        found.without_energies().save(out)
    else:
        label_set(found, known, engine=describe(labeller or moving)["engine"]).save(out)
    if as_json:
        level = "" if label == "none" else found.level
        print_json({"file": out, "level": level, "structures": len(found), "found": total, "wanted": run.wanted})
    else:
        typer.echo(f"{len(found)} structures in {out} (of {total} found, near-duplicates and surplus left out)")
        after = ("label", out) if label == "none" else ("train", out, "--out", out.with_suffix(""))
        next_step(("sampler", *after), quiet=quiet)


@data_app.command(cls=Command)
def choose(
    candidates: Annotated[Path, typer.Argument(help="Structures, e.g. from: sampler data sample --label none.")],
    models: Annotated[
        list[Path], typer.Argument(autocompletion=completion.models, help="Two or more models of one level.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Structures (.npz) to write, for: sampler label.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1)] = 50,
    known: Annotated[
        list[Path] | None, typer.Option("--known", help="Data set(s) that are labelled already (may be repeated).")
    ] = None,
    threshold: Annotated[float, typer.Option("--threshold", help="Å; what is nearer to a known one is not new.")] = 0.1,
    as_json: Json = False,
) -> None:
    """What to label next: where a committee disagrees.

    Structures that are near to known ones are left out.

    \b
    Examples:
      sampler data choose new.npz models/seed7 models/seed42 models/seed69 -o next.npz -n 50 --known b97-3c.npz
    """
    from ..clusters import Clusters
    from ..learn.evaluate import open_potential
    from ..learn.labels.structures import read_structures
    from ..learn.sampling.committee_query import choose as pick

    one_thread()
    old = [read_structures(f).without_energies().replace(columns={}) for f in known or ()]
    chosen = pick(
        read_structures(candidates, note=note), open_potential([str(m) for m in models]), count,
        Clusters.concatenate(old) if old else None, threshold,
    )  # fmt: skip
    chosen.save(out)
    worst = chosen.columns[DISAGREEMENT]
    reach = f", disagreement {worst.min():.2f} to {worst.max():.2f} eV/Å" if len(chosen) else ""
    if as_json:
        print_json({"file": out, "structures": len(chosen), "disagreement_eV_per_A": worst})
    else:
        typer.echo(f"{len(chosen)} structures in {out}{reach}")
        next_step(("sampler", "label", out))


@data_app.command(cls=Command)
def teach(
    structures: Annotated[Path, typer.Argument(help="Structures; the labels of a data set are not used.")],
    models: Annotated[
        list[Path],
        typer.Argument(autocompletion=completion.models, help="The model (folder) that labels them, or a committee."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Data set (.npz) to write; OUT.run beside it holds what is resumed.")
    ],
    largest_force: Annotated[float, typer.Option(help="eV/Å; structures with more are left out.")] = 12.0,
    families: Annotated[
        str, typer.Option("--molecules", help="What clusters may be made of; others are left out.")
    ] = "sa,am",
    workers: Workers = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Labels by a trained model, for another to learn from.

    They are the data of 'sampler train --taught'.

    For a Δ model, which is slow but errs less where labels are few, as the teacher of a direct model. After a kill
    the same command goes on.

    \b
    Examples:
      sampler data teach large.npz models/delta7 models/delta42 models/delta69 -o taught.npz
      sampler train b97-3c.npz --taught taught.npz -o runs/b97 --recipe fine-tune --init runs/gfn1/model
    """
    from ..learn.evaluate import open_potential
    from ..learn.labels.labels_file import label_set
    from ..learn.labels.structures import read_structures
    from ..learn.labels.teach import TeachingRun, engine_of
    from ..learn.sampling.sample import sane
    from ..workers import progress as reporting

    one_thread()
    known = library(monomers)
    potential = open_potential([str(m) for m in models])
    engine = engine_of(potential)
    run = TeachingRun(out.with_suffix(".run"), read_structures(structures, note=note, library=known), engine)
    progress = reporting.choose(quiet or as_json)
    progress.start(1, 1, "teach", len(run.chunks()))
    try:
        for _, before in run.run(potential, cores(workers)):
            progress.advance(1, before)
    finally:
        progress.close()
    found = run.collect()
    labels = label_set(found[sane(found, largest_force)], known, families.split(","), engine)
    labels.save(out)
    if as_json:
        print_json({"file": out, "level": labels.level, "engine": engine, "structures": len(labels), "of": len(found)})
    else:
        typer.echo(f"{len(labels)} structures of {len(found)} labelled by {engine} in {out}")
        next_step(f"sampler train LABELS.npz --taught {shlex.quote(str(out))} --out FOLDER", quiet=quiet)


def one_thread() -> None:
    """Before an engine loads: its threads, spinning beside those of other processes, are slower than one alone."""
    import os

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


data_app.command("collect", cls=Command)(collect)
data_app.command("import", cls=Command)(import_labels)
data_app.command("info", cls=Command)(info)
data_app.command("split", cls=Command)(split)
data_app.command("describe", cls=Command)(describe)
