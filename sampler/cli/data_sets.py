"""``sampler data collect``, ``import`` and ``info``: labels as data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, Monomers, library, next_step, note, print_json, print_table

HoldOut = Annotated[
    list[str] | None,
    typer.Option("--hold-out", help="A composition kept for testing, refused or left out here (may be repeated)."),
]

MixEngines = Annotated[
    bool,
    typer.Option("--mix-engines", help="Take labels of several engines together, whose numbers you know to agree."),
]


def collect(
    folders: Annotated[list[Path], typer.Argument(help="Folders that 'sampler label' filled, or data sets (.npz).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.npz) to write.")],
    hold_out: HoldOut = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Å; of structures closer than this only one is kept.")
    ] = 0.005,
    largest_force: Annotated[float, typer.Option(help="eV/Å; structures with more are left out.")] = 12.0,
    families: Annotated[
        str,
        typer.Option("--molecules", help="What labels without a composition may be made of, e.g. sa,am. Default: any."),
    ] = "",
    charge: Annotated[int, typer.Option("--charge", "-c", help="Total charge; a network learns one.")] = 0,
    mix_engines: MixEngines = False,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """One data set from labels of one level and engine.

    Duplicates, held-out sizes and torn structures are left out.

    \b
    Examples:
      sampler data collect labels/b97-3c -o b97-3c.npz --hold-out 4sa4am
      sampler data collect b97-3c.npz labels/new -o more.npz
    """
    from ..learn.labels.gather import gather, in_words

    known = library(monomers)
    named = [n for n in (w.strip() for w in families.split(",")) if n]
    found = gather(folders, known, named, charge, hold_out or (), largest_force, threshold, mix_engines)
    kept = found.labels
    kept.save(out)
    for remark in found.remarks:
        note(remark)
    if as_json:
        summary = {"file": out, "level": kept.level, "engine": kept.engine, "structures": len(kept)}
        print_json(summary | {"left_out": found.left_out})
        return
    words = in_words(found.left_out, largest_force, threshold)
    typer.echo(f"{len(kept)} labels at {kept.level} in {out}; left out: {words or 'none'}")
    next_step(("sampler", "train", out, "--out", out.with_suffix("")))


def import_labels(
    source: Annotated[Path, typer.Argument(help="An extended XYZ file with labels.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Data set (.npz) to write.")],
    level: Annotated[str, typer.Option("--level", "-l", help="Its level of theory, e.g. b97-3c@orca5.")],
    energy: Annotated[str, typer.Option("--energy", help="Key of the energy in the comment lines.")],
    families: Annotated[str, typer.Option("--molecules", help="What the clusters are made of, e.g. sa,am.")],
    forces: Annotated[str, typer.Option("--forces", help="Name of the columns with forces.")] = "",
    gradient: Annotated[bool, typer.Option("--gradient", help="They are gradients, not forces.")] = False,
    energy_unit: Annotated[str, typer.Option(help="eV, Eh, kcal/mol or kJ/mol.")] = "eV",
    length_unit: Annotated[str, typer.Option(help="Of the forces: A or bohr.")] = "A",
    forces_unit: Annotated[
        str, typer.Option(help="Of the forces, where the two units before do not make it, e.g. eV/A or Eh/bohr.")
    ] = "",
    coordinates: Annotated[str, typer.Option(help="Unit of the coordinates: A, bohr, nm or pm.")] = "A",
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Import what contradicts its level or its units; the reasons are said.")
    ] = False,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Labels of others, for training or as a test.

    Bond lengths, energies against those of the molecules at the level, and the direction and size of forces against
    GFN1-xTB (on a few structures) are compared; what cannot be right is refused, with the unit that would fit. Repeated
    frames and forces above 12 eV/Å are left out and counted.

    \b
    Examples:
      sampler data import mace.extxyz -o mine.npz --level b97-3c@orca5 --molecules sa,am --energy energy --forces forces
      sampler data import frames.extxyz -o orca.npz --level b97-3c@orca5 --molecules sa,am \\
        --energy energy_Eh --energy-unit Eh --forces gradient_Eh_per_bohr --gradient --length-unit bohr
    """
    from ..learn.labels.importing import Columns, import_extxyz

    columns = Columns(energy, energy_unit, forces, length_unit, gradient, forces_unit, coordinates)
    made = import_extxyz(source, level, library(monomers), tuple(families.split(",")), columns, unchecked)
    for remark in made.remarks:
        note(f"{source}: {remark}")
    found = made.labels
    found.save(out)
    if as_json:
        with_forces = found.clusters.forces is not None
        summary = {"file": out, "level": found.level, "structures": len(found), "forces": with_forces}
        print_json(summary | {"remarks": made.remarks})
    else:
        typer.echo(f"{len(found)} labels at {found.level} in {out}")
        next_step(("sampler", "data", "info", out), ("sampler", "train", out, "--out", out.with_suffix("")))


def info(
    file: Annotated[Path, typer.Argument(help="A data set (.npz).")],
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """What a data set holds: level, compositions, sizes of labels.

    \b
    Example:
      sampler data info gfn1.npz
    """
    import numpy as np

    from ..learn.evaluate import binding_energies
    from ..learn.labels.labels_file import open_labels
    from ..units import KCAL_PER_MOL

    known = library(monomers)
    labels = open_labels(file, known)
    binding = binding_energies(labels.clusters.energy, labels.compositions, labels.references, known)
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
    digest = labels.digest()
    summary = {
        "level": labels.level, "engine": labels.engine, "structures": len(labels), "sha256": digest,
        "references_eV": labels.references, "compositions": rows,
    }  # fmt: skip
    if as_json:
        print_json(summary)
        return
    typer.echo(
        f"{len(labels)} labels at {labels.level} ({labels.engine or 'engine not recorded'}), sha256 {digest[:16]}…"
    )
    print_table(
        "", ["composition", "structures", "atoms", "ΔE from", "to", "rms F"],
        [[*list(r.values())[:3], *(f"{v:.1f}" for v in list(r.values())[3:])] for r in rows], right={1, 2, 3, 4, 5},
    )  # fmt: skip
    typer.echo("ΔE in kcal/mol against the monomers of the same level; forces in kcal/mol/Å")
