"""``sampler data``: structures worth a label, and labels as data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, Monomers, Quiet, Workers, cores, library, print_json, print_table

data_app = typer.Typer(
    name="data",
    help="Training data: sample structures, collect and import labels, look at a data set.",
    no_args_is_help=True,
)

HoldOut = Annotated[
    list[str] | None,
    typer.Option("--hold-out", help="A composition kept for testing, refused or left out here (may be repeated)."),
]


@data_app.command()
def sample(
    out: Annotated[Path, typer.Argument(help="Data set (.npz) to write; FILE.run beside it holds what is resumed.")],
    composition: Annotated[
        list[str] | None,
        typer.Option("--composition", "-c", help="What to sample, e.g. 2sa2am=500 (may be repeated)."),
    ] = None,
    structures: Annotated[
        int, typer.Option("--structures", "-n", min=1, help="Without -c: so many SA–AM structures, small ones mostly.")
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
        typer.Option(
            "--start", help="Structures (.npz), such as a run's, to begin from instead of random arrangements."
        ),
    ] = None,
    temperature: Annotated[
        list[float] | None, typer.Option("--temperature", "-t", help="K, one after the other. Default 300 450 600.")
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
    quiet: Quiet = False,
) -> None:
    """Structures for training: random arrangements, quenches, dynamics, displaced atoms, protons and molecules.

    Chunks of work are kept beside the data set: the same command goes on after a kill.

    \b
    Examples:
      sampler data sample gfn1.npz -n 12000 --seed 1
      sampler data sample more.npz -c 2sa2am=500 -c 3sa3am=200 --driver models/gfn1 --hold-out 4sa4am
      sampler data sample new.npz --driver models/b97-3c --label none -c 2sa2am=100
    """
    from ..errors import InputError
    from ..funnel import progress as reporting
    from ..learn.evaluate import open_potential
    from ..learn.sample import SHARES, Sampling, SamplingRun, run_sampling
    from ..potentials import get_potential

    one_thread()
    known = library(monomers)
    if composition:
        try:
            wanted = {c.split("=")[0]: int(c.split("=")[1]) for c in composition}
        except (IndexError, ValueError) as error:
            raise InputError(f"--composition wants NAME=NUMBER, e.g. 2sa2am=500; got {composition}") from error
    else:
        wanted = {c: max(1, round(structures * share)) for c, share in SHARES.items()}
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
    begin = _by_composition(start, wanted, known) if start else None
    run = SamplingRun(out.with_suffix(".run"), wanted, how, "+".join(driver), label, seed, hold_out or (), known)
    progress = reporting.choose(quiet)
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
        found.replace(energy=found.energy * float("nan"), forces=None, level="").save(out)
    else:
        _label_set(found, known).save(out)
    typer.echo(f"{len(found)} structures in {out} (of {total} found, near-duplicates and surplus left out)")


@data_app.command()
def choose(
    candidates: Annotated[Path, typer.Argument(help="Structures (.npz), e.g. from: sampler data sample --label none.")],
    models: Annotated[list[Path], typer.Argument(help="Two or more models of one level.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Structures (.npz) to write, for: sampler label.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1)] = 50,
    known: Annotated[
        list[Path] | None, typer.Option("--known", help="Data set(s) that are labelled already (may be repeated).")
    ] = None,
    threshold: Annotated[float, typer.Option("--threshold", help="Å; what is nearer to a known one is not new.")] = 0.1,
) -> None:
    """What to label next: structures a committee disagrees on, and that are new.

    \b
    Examples:
      sampler data choose new.npz models/seed7 models/seed42 models/seed69 -o next.npz -n 50 --known b97-3c.npz
    """
    from ..clusters import Clusters
    from ..learn.choose import choose as pick
    from ..learn.dataset import LabelSet
    from ..learn.evaluate import open_potential

    one_thread()
    old = [LabelSet.load(f).clusters.replace(level="", columns={}) for f in known or ()]
    old = [c.replace(energy=c.energy * float("nan"), forces=None) for c in old]
    chosen = pick(
        Clusters.load(candidates), open_potential([str(m) for m in models]), count,
        Clusters.concatenate(old) if old else None, threshold,
    )  # fmt: skip
    chosen.save(out)
    worst = chosen.columns["disagreement_eV_per_A"]
    reach = f", disagreement {worst.min():.2f} to {worst.max():.2f} eV/Å" if len(chosen) else ""
    typer.echo(f"{len(chosen)} structures in {out}{reach}")


@data_app.command()
def teach(
    structures: Annotated[Path, typer.Argument(help="Structures (.npz).")],
    models: Annotated[list[Path], typer.Argument(help="The model (folder) that labels them, or a committee.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Data set (.npz) to write; OUT.run beside it holds what is resumed.")
    ],
    largest_force: Annotated[float, typer.Option(help="eV/Å; structures with more are left out.")] = 12.0,
    families: Annotated[
        str, typer.Option("--molecules", help="What clusters may be made of; others are left out.")
    ] = "sa,am",
    workers: Workers = None,
    monomers: Monomers = None,
    quiet: Quiet = False,
) -> None:
    """Labels by a trained model, for another to learn from: the data of 'sampler train --taught'.

    For a Δ model, which is slow but errs less where labels are few, as the teacher of a direct model. After a kill
    the same command goes on.

    \b
    Examples:
      sampler data teach large.npz models/delta7 models/delta42 models/delta69 -o taught.npz
      sampler train b97-3c.npz --taught taught.npz -o runs/b97 --recipe fine-tune --init runs/gfn1/model
    """
    from ..clusters import Clusters
    from ..funnel import progress as reporting
    from ..learn.dataset import LabelSet
    from ..learn.evaluate import open_potential
    from ..learn.sample import sane
    from ..learn.teach import TeachingRun, engine_of

    one_thread()
    known = library(monomers)
    potential = open_potential([str(m) for m in models])
    engine = engine_of(potential)
    run = TeachingRun(out.with_suffix(".run"), Clusters.load(structures), engine)
    progress = reporting.choose(quiet)
    progress.start(1, 1, "teach", len(run.chunks()))
    try:
        for _, before in run.run(potential, cores(workers)):
            progress.advance(1, before)
    finally:
        progress.close()
    found = run.collect()
    labels = _label_set(found[sane(found, largest_force)], known, families)
    LabelSet(labels.clusters, labels.references, engine).save(out)
    typer.echo(f"{len(labels)} structures of {len(found)} labelled by {engine} in {out}")


@data_app.command()
def collect(
    folders: Annotated[list[Path], typer.Argument(help="Folders that 'sampler label' filled, or data sets (.npz).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.npz) to write.")],
    hold_out: HoldOut = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Å; of structures closer than this only one is kept.")
    ] = 0.005,
    largest_force: Annotated[float, typer.Option(help="eV/Å; structures with more are left out.")] = 12.0,
    families: Annotated[
        str, typer.Option("--molecules", help="What clusters may be made of; others are left out.")
    ] = "sa,am",
    charge: Annotated[int, typer.Option("--charge", "-c", help="Total charge; a network learns one.")] = 0,
    monomers: Monomers = None,
) -> None:
    """One data set from labels of one level: duplicates, held-out sizes and torn structures left out.

    \b
    Examples:
      sampler data collect labels/b97-3c -o b97-3c.npz --hold-out 4sa4am
      sampler data collect b97-3c.npz labels/new -o more.npz
    """
    import numpy as np

    from ..learn.dataset import LabelSet
    from ..learn.label import collect as collect_labels
    from ..learn.newness import distinct
    from ..learn.sample import sane
    from ..learn.teach import require_labels

    known = library(monomers)
    parts = []
    for folder in folders:
        if folder.is_file():
            part = LabelSet.load(folder)
            require_labels(part, folder, "it stays a file of its own, for: sampler train --taught")
            parts.append(part.subset(part.clusters.charge == charge))
        else:
            found = collect_labels(folder)
            parts.append(_label_set(found[found.charge == charge], known, families))
    whole = LabelSet.join(parts)
    held = np.isin(whole.compositions, sorted({_name(h, known) for h in hold_out or ()}))
    torn = ~sane(whole.clusters, largest_force)
    usable = whole.subset(~held & ~torn)
    kept = usable.subset(distinct(usable.clusters, threshold))
    kept.save(out)
    typer.echo(
        f"{len(kept)} labels at {kept.level} in {out}; left out: {held.sum()} held out, {(torn & ~held).sum()} above "
        f"{largest_force:g} eV/Å, {len(usable) - len(kept)} within {threshold:g} Å of another"
    )


@data_app.command(name="import")
def import_labels(
    source: Annotated[Path, typer.Argument(help="An extended XYZ file with labels.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.npz) to write.")],
    level: Annotated[str, typer.Option("--level", help="Its level of theory, e.g. b97-3c@orca5.")],
    energy: Annotated[str, typer.Option("--energy", help="Key of the energy in the comment lines.")],
    families: Annotated[str, typer.Option("--molecules", help="What the clusters are made of, e.g. sa,am.")],
    forces: Annotated[str, typer.Option("--forces", help="Name of the columns with forces.")] = "",
    gradient: Annotated[bool, typer.Option("--gradient", help="They are gradients, not forces.")] = False,
    energy_unit: Annotated[str, typer.Option(help="eV, Eh, kcal/mol or kJ/mol.")] = "eV",
    length_unit: Annotated[str, typer.Option(help="Of the forces: A or bohr.")] = "A",
    monomers: Monomers = None,
) -> None:
    """Labels of others, for training or as a test.

    \b
    Examples:
      sampler data import frames.extxyz -o orca.npz --level b97-3c@orca5 --molecules sa,am \\
        --energy energy_Eh --energy-unit Eh --forces gradient_Eh_per_bohr --gradient --length-unit bohr
    """
    from ..learn.importing import import_extxyz

    known = library(monomers)
    found = import_extxyz(
        source, level, known, tuple(families.split(",")), energy, energy_unit, forces, length_unit, gradient
    )
    found.save(out)
    typer.echo(f"{len(found)} labels at {found.level} in {out}")


@data_app.command()
def info(file: Annotated[Path, typer.Argument(help="A data set (.npz).")], as_json: Json = False) -> None:
    """What a data set holds: level, compositions, sizes of energies and forces.

    \b
    Example:
      sampler data info gfn1.npz
    """
    import numpy as np

    from ..learn.dataset import LabelSet
    from ..learn.evaluate import binding_energies
    from ..units import KCAL_PER_MOL

    labels = LabelSet.load(file)
    binding = binding_energies(labels.clusters.energy, labels.compositions, labels.references, library())
    names, rows = labels.compositions, []
    for name in sorted(set(names.tolist()), key=lambda n: (labels.clusters.natoms[names == n][0], n)):
        part = labels.subset(names == name)
        e = binding[names == name] / KCAL_PER_MOL
        rms = float("nan") if part.clusters.forces is None else np.sqrt((part.clusters.forces**2).mean())
        rows.append(
            {
                "composition": name, "structures": len(part), "atoms": int(part.clusters.natoms[0]),
                "lowest_binding_kcal_mol": float(e.min()), "highest_binding_kcal_mol": float(e.max()),
                "rms_force_kcal_mol_A": float(rms / KCAL_PER_MOL),
            }
        )  # fmt: skip
    summary = {
        "level": labels.level, "engine": labels.engine, "structures": len(labels), "sha256": labels.digest(),
        "references_eV": labels.references, "compositions": rows,
    }  # fmt: skip
    if as_json:
        print_json(summary)
        return
    typer.echo(f"{len(labels)} labels at {labels.level} ({labels.engine}), sha256 {summary['sha256'][:16]}…")
    print_table(
        "", ["composition", "structures", "atoms", "ΔE from", "to", "rms F"],
        [[*list(r.values())[:3], *(f"{v:.1f}" for v in list(r.values())[3:])] for r in rows], right={1, 2, 3, 4, 5},
    )  # fmt: skip
    typer.echo("ΔE in kcal/mol against the monomers of the same level; forces in kcal/mol/Å")


def one_thread() -> None:
    """Before an engine loads: its threads, spinning beside those of other processes, are slower than one alone."""
    import os

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _name(text: str, known) -> str:
    from ..composition import Composition

    return Composition.parse(text, known).name(known)


def _by_composition(path: Path, wanted: dict[str, int], known) -> dict:
    """Composition name -> structures of ``path``: by the column, or (results of a run) by their atoms and charge."""
    import numpy as np

    from ..clusters import Clusters
    from ..composition import Composition
    from ..errors import InputError

    clusters = Clusters.load(path)
    if "composition" in clusters.columns:
        names = np.array([_name(n, known) for n in clusters.columns["composition"].tolist()], dtype=np.str_)
    else:
        made_of = {}
        for text in wanted:
            composition = Composition.parse(text, known)
            made_of[tuple(sorted(composition.atoms(known).items())), composition.charge] = composition.name(known)
        names = []
        for i in range(len(clusters)):
            z, counts = np.unique(clusters.numbers[clusters.atoms_of(i)], return_counts=True)
            names.append(made_of.get((tuple(zip(z.tolist(), counts.tolist())), int(clusters.charge[i])), ""))
        names = np.array(names, dtype=np.str_)
    found = {n: clusters[names == n] for n in sorted(set(names.tolist())) if n}
    if missing := [n for n in wanted if _name(n, known) not in found]:
        raise InputError(f"{path} has no structure of {', '.join(missing)} to start from; leave out --start for these")
    return found


def _label_set(clusters, known, families: str = ""):
    """With the references of the level; structures that are not made of ``families`` are left out."""
    import numpy as np

    from ..composition import Composition
    from ..errors import LevelError
    from ..learn.dataset import LabelSet
    from ..levels import composition_of, load_level

    names = clusters.columns.get("composition", np.full(len(clusters), "")).tolist()
    for i in (i for i, name in enumerate(names) if not name):  # labels of a plain xyz file come without
        z, q = clusters.numbers[clusters.atoms_of(i)], int(clusters.charge[i])
        try:
            names[i] = composition_of(z, q, families.split(","), known).name(known)
        except LevelError:
            continue
    clusters = clusters.with_columns(composition=np.asarray(names, dtype=np.str_))
    clusters = clusters[clusters.columns["composition"] != ""]
    level = load_level(clusters.level)
    present = {f for n in set(clusters.columns["composition"].tolist()) for f, _ in Composition.parse(n, known).counts}
    # ions only where there are charged clusters: neutral ones must count from neutral monomers alone
    ions = bool((clusters.charge != 0).any())
    members = {m.name for f in present for m in known.family(f) if ions or m.charge == 0}
    return LabelSet(clusters, {m: e for m, e in level.monomers.items() if m in members}, level.engine)
