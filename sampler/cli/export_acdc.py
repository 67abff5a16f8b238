"""``sampler export acdc``: input files of the Atmospheric Cluster Dynamics Code for a set of clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, Monomers, Quiet, Workers, cores, library, next_step, print_json
from .thermo_options import (
    ROOM_TEMPERATURE,
    STANDARD_PRESSURE,
    Charge,
    Count,
    Cutoff,
    Energies,
    Imaginary,
    Inputs,
    Isotopes,
    Level,
    Low,
    Mirror,
    Model,
    PotentialName,
    Pressure,
    Scale,
    Step,
    Symmetry,
    Temperature,
    options_of,
)


def acdc(
    inputs: Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("acdc"),
    outgrown: Annotated[
        list[str] | None,
        typer.Option("--outgrown", help="Counts from which a cluster has left the system, e.g. 5A5N (repeat)."),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Letters of a molecule in ACDC, e.g. sa=A (repeat).")
    ] = None,
    density: Annotated[
        list[str] | None, typer.Option("--density", help="Liquid density in kg/m³, e.g. msa=1481 (repeat).")
    ] = None,
    potential: PotentialName = None,
    model: Model = None,
    energies: Energies = None,
    level: Level = None,
    charge: Charge = None,
    count: Count = None,
    temperature: Temperature = ROOM_TEMPERATURE,
    pressure: Pressure = STANDARD_PRESSURE,
    low_modes: Low = "grimme",
    cutoff: Cutoff = None,
    scale: Scale = "none",
    imaginary: Imaginary = "reject",
    symmetry: Symmetry = True,
    mirror_images: Mirror = False,
    isotopes: Isotopes = False,
    step: Step = None,
    dipoles: Annotated[
        str | None,
        typer.Option("--dipoles", help="Compute dipoles of the neutral species: b97-3c, gfn2-xtb or gfn1-xtb."),
    ] = None,
    workers: Workers = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the cluster set, the energies and the dipoles for ACDC.

    The files are input.inp, HS…K.txt and, where dipoles are known, dip_pol_…K.txt. INPUTS are those of sampler thermo. ACDC needs dipoles and polarizabilities only where there are ions. They come from
    ORCA outputs that hold both, or are computed for the lowest conformer of every neutral species: dipoles at the level
    of --dipoles, polarizabilities with the D4 model (which needs the extra dft).

    \b
    Examples:
      sampler export acdc clusters.json --out acdc
      sampler export acdc clusters.json --temperature 278.15 --outgrown 5A5N
      sampler export acdc clusters.json --dipoles b97-3c
    """
    from ..refine import acdc as files
    from ..refine.thermo.study import study
    from .thermo_inputs import gather
    from .thermo_wanted import Wanted, keep

    known = library(monomers)
    options = options_of(temperature, pressure, low_modes, cutoff, scale, imaginary, symmetry, mirror_images)
    wanted = Wanted(
        potential, model, energies, level, charge, count, isotopes, step, cores(workers), quiet or as_json
    )  # fmt: skip
    names = _pairs(name, "--name", known)
    densities = {k: _number(k, v) for k, v in _pairs(density, "--density", known).items()}
    gathered = gather(inputs, wanted, known)
    no_isotopes(gathered.species)
    made = study(gathered.species, known, options.conditions, options.treatment)
    _in_the_set(names, "--name", made, known)
    _in_the_set(densities, "--density", made, known)
    moments: dict[str, tuple[float, float]] = {}
    failed: dict[str, str] = {}
    if dipoles is not None:
        from ..refine.moments import moments_of

        neutral = [c.lowest for c in made.clusters if c.charge == 0]
        moments, failed = moments_of(neutral, dipoles, cores(workers), lambda: keep(gathered))
    whole = files.system(made, known, names, densities, moments)
    written = files.write(whole, out, [files.parse_counts(text, whole) for text in outgrown or []])
    holes = files.missing_clusters(whole)
    ions = any(e.charge for e in whole.entries)
    command = f"perl acdc.pl --i {out}/{written['cluster_set'].name} --e {out}/{written['energies'].name}"
    command += f" --dip {out}/{written['dipoles'].name}" if "dipoles" in written else ""
    problems = gathered.problems(made.problems | {k: f"no dipole: {reason}" for k, reason in failed.items()})
    gathered.done()
    if as_json:
        print_json(
            {
                "files": written, "clusters": [whole.label(e.counts) for e in whole.entries], "missing": holes,
                "command": command, "problems": problems,
            }
        )  # fmt: skip
        return
    for path in written.values():
        typer.echo(str(path))
    typer.echo(f"{len(whole.entries)} clusters and monomers; {command}")
    if holes:
        shown = ", ".join(holes[:10]) + (" …" if len(holes) > 10 else "")
        typer.echo(f"not in the set: {shown}; add their runs if they matter")
    if "dipoles" not in written and ions:
        typer.echo(
            "no dipole file: a neutral lacks dipole or polarizability, which ACDC needs beside ions; "
            "compute them with --dipoles b97-3c (or gfn2-xtb, which is quick)"
        )
    for key, reason in problems.items():
        typer.echo(f"left out {key}: {reason}")
    next_step(command, quiet=quiet)


def _in_the_set(given: dict, option: str, made, known) -> None:
    from ..errors import InputError

    families = {known[m].family for c in made.clusters for m, _ in c.counts}
    if strangers := [m for m in given if known[m].family not in families]:
        raise InputError(f"{option} {strangers[0]} applies to nothing here: no cluster holds {strangers[0]}")


def no_isotopes(species: list) -> None:
    """Raise InputError where a species has isotopes."""
    from ..errors import InputError

    if found := [f"{s.id} ({s.columns['isotopes']})" for s in species if s.columns.get("isotopes")]:
        raise InputError(f"ACDC's files know no isotopes: leave out {', '.join(found[:5])}")


def _pairs(texts: list[str] | None, option: str, known) -> dict[str, str]:
    from ..errors import InputError

    found = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise InputError(f"{option} {text!r} is not MOLECULE=VALUE")
        found[known[key.strip()].name] = value.strip()
    return found


def _number(key: str, text: str) -> float:
    from ..errors import InputError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value > 0:
        raise InputError(f"the density of {key} must be a positive number of kg/m³, not {text!r}")
    return value
