"""``sampler thermo``: frequencies, and the free energies of binding that follow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import (
    Json,
    Monomers,
    Quiet,
    Workers,
    cores,
    library,
    next_step,
    number,
    print_json,
    print_table,
    write_csv,
)
from .thermo_options import (
    ROOM_TEMPERATURE,
    STANDARD_PRESSURE,
    Charge,
    Count,
    Cutoff,
    Definition,
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
    Vapours,
    options_of,
)


def thermo(
    inputs: Inputs,
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
    vapour: Vapours = None,
    definition: Definition = None,
    isotopes: Isotopes = False,
    step: Step = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep the frequencies in this .json file.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write one row a cluster to this file.")] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep/--no-keep", help="Leave frequencies in runs, and grid, heat map and ACDC input in a screen."
        ),
    ] = True,
    workers: Workers = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Frequencies, and the free energies of binding that follow.

    Enthalpies, entropies and free energies of binding, stepwise losses, and free energies at given vapours.

    Structures of runs, screens and files are relaxed where their forces are above 0.002 eV/Å, then get a numerical
    Hessian at the level of --potential, or of what relaxed the run last; their monomers are added. ORCA outputs
    bring their own frequencies, and then the monomers must be among them. Conformers are averaged as an equilibrium
    mixture. One table has one level: runs of different levels are refused without --potential.

    Frequencies are left in each run (RUN/thermo.json), where the same command finds them again, and 'sampler show RUN --by
    G' orders by them. A screen gets the grid of ΔG with heat map and the input of ACDC, too: SCREEN/thermo-278.15K.

    Stopped, it keeps what is finished in the folder thermo-unfinished, and the same command goes on from there.

    \b
    Examples:
      sampler thermo 1sa1am 2sa2am --out clusters.json
      sampler thermo 4sa4am --energies auto:delta --out clusters.json
      sampler thermo clusters.json --temperature 278.15 --vapour sa=1e7cm-3 --vapour am=100ppt
      sampler thermo 4sa4am/orca-opt-freq monomers-orca --low-modes harmonic
      sampler thermo screen -T 278.15 --vapour sa=1e7cm-3 --vapour am=100ppt
      sampler thermo screen --potential gfn1-xtb
    """
    from ..errors import InputError
    from ..refine.thermo.sources import save
    from .thermo_files import Left, leave, print_left
    from .thermo_inputs import gather
    from .thermo_wanted import Wanted

    known = library(monomers)
    options = options_of(temperature, pressure, low_modes, cutoff, scale, imaginary, symmetry, mirror_images)
    pressures = pressures_of(vapour or [], options.conditions, known)
    if definition is not None and not pressures:
        raise InputError(
            f"--definition {definition} is that of actual free energies; give concentrations with --vapour"
        )
    wanted = Wanted(
        potential, model, energies, level, charge, count, isotopes, step, cores(workers), quiet or as_json
    )  # fmt: skip
    gathered = gather(inputs, wanted, known)
    if out is not None:
        save(out, gathered.species)
    from ..refine.thermo.rows import as_json as in_full
    from ..refine.thermo.rows import row
    from ..refine.thermo.study import study

    made = study(
        gathered.species, known, options.conditions, options.treatment, pressures, definition or "self-consistent"
    )
    _check_vapours(pressures, made)
    problems = gathered.problems(made.problems)
    rows = [row(c) for c in made.clusters]
    if csv is not None:
        write_csv(csv, rows)
    told = in_full(made, rows, problems)
    left = leave(inputs, gathered, told, made, known) if keep else Left()
    if as_json:
        print_json(told | {"files": left.files})
    else:
        _print(made, rows, problems, bool(pressures))
        print_left(left)
        if left.files:
            next_step(("sampler", "show", left.shown, "--by", "G", "-T", temperature), quiet=quiet)
        if out is not None:
            next_step(("sampler", "export", "acdc", out), quiet=quiet)
    gathered.done()


def pressures_of(vapours: list[str], conditions, known) -> dict[str, float]:
    from ..errors import InputError
    from ..refine.thermo import partial_pressure

    found: dict[str, float] = {}
    for text in vapours:
        name, equals, amount = text.partition("=")
        if not equals:
            raise InputError(f"--vapour {text!r} is not NAME=AMOUNT; write for example sa=1e7cm-3")
        molecule = known[name.strip()].name
        if molecule in found:
            raise InputError(f"--vapour gives {molecule} twice")
        try:
            found[molecule] = partial_pressure(amount, conditions)
        except InputError as error:
            raise InputError(f"--vapour {text!r}: {error}") from error
    return found


def _check_vapours(pressures: dict[str, float], made) -> None:
    from ..errors import InputError

    have = {m for c in made.clusters for m, _ in c.counts}
    if strangers := [m for m in pressures if m not in have]:
        raise InputError(
            f"--vapour {', '.join(strangers)} applies to no cluster here; they are made of {', '.join(sorted(have))}"
        )


# ---- what is shown ---------------------------------------------------------------------------------------------------


def _print(made, rows, problems, with_actual: bool) -> None:
    from ..refine.thermo.rows import steps

    t = made.treatment
    how = t.low if t.low == "harmonic" else f"{t.low}, {t.cutoff:g} cm⁻¹"
    by = f" by {made.engine}" if made.engine.startswith("PaiNN") else ""
    print(
        f"{made.level}{by}, {made.conditions.temperature:g} K, {made.conditions.pressure:g} Pa, low modes {how}, "
        f"scaling {t.scaling.method}"
    )
    print_table(
        "Thermal, kcal/mol; S cal/mol/K", ["structure", "used", "ZPE", "H − E", "S", "G − E"],
        [
            [r["cluster"], f"{r['used']}/{r['conformers']}", number(r["zero_point_kcalmol"]),
             number(r["thermal_enthalpy_kcalmol"]), number(r["entropy_calmolK"]), number(r["thermal_gibbs_kcalmol"])]
            for r in rows
        ],
        right={1, 2, 3, 4, 5},
    )  # fmt: skip
    header = ["cluster", "used", "lowest mode", "group", "ΔE", "ΔH", "ΔS", "ΔG"] + ["actual ΔG"] * with_actual
    table = [
        [
            r["cluster"], f"{r['used']}/{r['conformers']}", number(r["lowest_frequency_cm1"], 1), r["point_group"],
            number(r["binding_energy_kcalmol"]), number(r["binding_enthalpy_kcalmol"]),
            number(r["binding_entropy_calmolK"]), number(r["binding_gibbs_kcalmol"]),
        ] + [number(r["actual_gibbs_kcalmol"])] * with_actual
        for r in rows
        if r["binding_energy_kcalmol"] == r["binding_energy_kcalmol"]
    ]  # fmt: skip
    if table:
        print_table("Binding, kcal/mol; ΔS cal/mol/K; lowest mode cm⁻¹", header, table, right={1, 2, 4, 5, 6, 7, 8})
    losses = steps(made)
    if losses:
        print_table(
            "Losing one molecule, kcal/mol; ΔS cal/mol/K", ["cluster", "loses", "ΔE", "ΔH", "ΔS", "ΔG"],
            [
                [s["cluster"], s["loses"], number(s["energy_kcalmol"]), number(s["enthalpy_kcalmol"]),
                 number(s["entropy_calmolK"]), number(s["gibbs_kcalmol"])]
                for s in losses
            ],
            right={2, 3, 4, 5},
        )  # fmt: skip
    if made.splits:
        ways = "1 way" if len(made.splits) == 1 else f"{len(made.splits)} ways"
        print(f"{ways} to fall into two clusters of several molecules: splits of --json")
    if problems:
        print_table("Remarks", ["structure", "what"], [[k, v] for k, v in problems.items()], wrap={1})
