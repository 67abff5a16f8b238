"""``sampler import FILE``: structures of other programs, said what they are, in another format if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..columns import INTACT
from . import completion
from .common import Json, Monomers, library, next_step, number, print_json, print_table


def import_file(
    path: Annotated[
        Path,
        typer.Argument(
            autocompletion=completion.inputs,
            help="JKQC pickle, ASE database, (extended) XYZ, CREST ensemble, npz or run directory.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write them here: .npz, .extxyz, .xyz, .db, .pkl, crest_*.xyz.")
    ] = None,
    level: Annotated[
        str | None,
        typer.Option("--level", "-l", help="Level of theory of the energies, where the file does not state it."),
    ] = None,
    charge: Annotated[int | None, typer.Option("--charge", "-c", help="Total charge, where none is stated.")] = None,
    energy: Annotated[
        str | None,
        typer.Option("--energy", help="Other energies, with unit: b973c_electronic_energy_Eh, REF_energy:eV."),
    ] = None,
    forces: Annotated[
        str | None,
        typer.Option(
            "--forces", help="Other forces or gradients, with unit: b973c_gradient_Eh_per_bohr, REF_forces:eV_per_A."
        ),
    ] = None,
    no_forces: Annotated[bool, typer.Option("--no-forces", help="Leave the forces out.")] = False,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Read structures of other programs; convert them with --out.

    What they are is said.

    Pickles are read without running anything in them, databases without changing them. Energies become eV, forces
    eV/Å, whatever the file holds; a number without a known unit is not taken as an energy. A charge that the file does
    not state is that of the molecules, and one that contradicts them is said.

    \b
    Examples:
      sampler import database.pkl
      sampler import crest_conformers.xyz --level gfn2-xtb --charge -1 --out ensemble.extxyz
      sampler import minima.extxyz --energy b973c_electronic_energy_Eh --level b97-3c@orca5 --out minima.npz
    """
    from ..api.folders import spelled
    from ..identify import identify, recognise
    from ..interop import read_population, write_any
    from ..interop.molecules import check_energies, with_molecules

    known = library(monomers)
    path = spelled(path, known)
    population = with_molecules(read_population(path, energy_key=energy, forces_key=forces), known, charge)
    clusters = population.settle(level, charge)
    check_energies(clusters, known, str(path))
    if no_forces:
        clusters = clusters.replace(forces=None)
    names = [c.name(known) if c else "not recognised" for c in recognise(clusters, known)]
    broken = int((~identify(clusters, None, known).columns[INTACT]).sum())
    rows = _rows(names, clusters)
    written = write_any(clusters, out, library=known) if out is not None else None
    if as_json:
        print_json({
            "path": str(path), "structures": len(clusters), "level": clusters.level, "forces": clusters.forces is not None,
            "broken": broken, "columns": list(clusters.columns), "notes": population.notes,
            "compositions": [dict(zip(("composition", "structures", "lowest_energy_eV"), row)) for row in rows],
            "out": str(out) if out else None, "format": written,
        })  # fmt: skip
        return
    shown = [[name, n, number(lowest, 4)] for name, n, lowest in rows]
    print_table("", ["composition", "structures", "lowest energy eV"], shown, right={1, 2})
    energies = f"energies at {clusters.level}" if clusters.level else "energies of no stated level (--level)"
    has = any(row[2] == row[2] for row in rows)
    typer.echo(
        f"{len(clusters)} structures, {energies if has else 'no energies'}, "
        f"{'with' if clusters.forces is not None else 'no'} forces, {broken} broken"
    )
    for note in population.notes:
        typer.echo(note)
    if out is not None:
        typer.echo(f"written to {out} ({written})")
        next_step(("sampler", "audit", out))


def _rows(names: list[str], clusters) -> list[list]:
    import numpy as np

    rows = []
    for name in dict.fromkeys(names):
        energy = clusters.energy[np.array(names) == name]
        finite = energy[np.isfinite(energy)]
        rows.append([name, len(energy), float(finite.min()) if len(finite) else float("nan")])
    return rows
