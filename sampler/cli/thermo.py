"""``sampler thermo``: frequencies, and the free energies of binding that follow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Json, Monomers, Quiet, Workers, cores, library, number, print_json, print_table
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
    workers: Workers = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Frequencies, enthalpies, entropies and free energies of binding; stepwise and actual free energies.

    Structures of runs, screens and files are relaxed where their forces are above 0.002 eV/Å, then get a numerical
    Hessian at the level of --potential, or of what relaxed the run last; their monomers are added. ORCA outputs
    bring their own frequencies, and then the monomers must be among them. Conformers are averaged as an equilibrium
    mixture. One table has one level: runs of different levels are refused without --potential.

    Stopped, it keeps what is finished in the folder thermo-unfinished, and the same command goes on from there.

    \b
    Examples:
      sampler thermo 1sa1am 2sa2am --out clusters.json
      sampler thermo 4sa4am --energies auto:delta --out clusters.json
      sampler thermo clusters.json --temperature 278.15 --vapour sa=1e7cm-3 --vapour am=100ppt
      sampler thermo 4sa4am/orca-opt-freq monomers-orca --low-modes harmonic
      sampler thermo screen --potential gfn1-xtb
    """
    from ..errors import InputError
    from ..refine.thermo.sources import save
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
    from ..refine.thermo.study import study

    made = study(
        gathered.species, known, options.conditions, options.treatment, pressures, definition or "self-consistent"
    )
    _check_vapours(pressures, made)
    problems = gathered.problems(made.problems)
    rows = [row(c) for c in made.clusters]
    if csv is not None:
        _write_csv(csv, rows)
    if as_json:
        print_json(_json(made, rows, problems))
    else:
        _print(made, rows, problems, bool(pressures))
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


def row(cluster) -> dict[str, Any]:
    """One row a cluster; units in the names."""
    from ..units import KCAL_PER_MOL

    t, d = cluster.mixture.thermo, cluster.binding
    kcal = lambda value: value / KCAL_PER_MOL  # noqa: E731
    none = float("nan")
    return {
        "cluster": cluster.name,
        "conformers": len(cluster.species),
        "used": cluster.mixture.used,
        "lowest": cluster.lowest.id,
        "point_group": cluster.lowest.columns.get("point_group", ""),
        "lowest_frequency_cm1": float(min(cluster.lowest.frequencies, default=none)),
        "imaginary_modes": cluster.lowest.imaginary_modes,
        "binding_energy_kcalmol": kcal(d.energy) if d else none,
        "binding_enthalpy_kcalmol": kcal(d.enthalpy) if d else none,
        "binding_entropy_calmolK": kcal(d.entropy) * 1000 if d else none,
        "binding_gibbs_kcalmol": kcal(d.gibbs) if d else none,
        "actual_gibbs_kcalmol": kcal(cluster.actual),
        "zero_point_kcalmol": kcal(t.zero_point),
        "thermal_enthalpy_kcalmol": kcal(t.enthalpy - t.energy),
        "thermal_gibbs_kcalmol": kcal(t.gibbs - t.energy),
        "entropy_calmolK": kcal(t.entropy) * 1000,
        "energy_eV": t.energy,
        "enthalpy_eV": t.enthalpy,
        "gibbs_eV": t.gibbs,
        "level": t.level,
    }


def conformer_rows(cluster) -> list[dict[str, Any]]:
    """One row a conformer, lowest G first."""
    from ..units import KCAL_PER_MOL

    rows = []
    for s, t, d, p in zip(cluster.species, cluster.thermo, cluster.per_conformer, cluster.mixture.populations):
        rows.append(
            {
                "id": s.id, "point_group": s.columns.get("point_group", ""), "symmetry_number": s.symmetry_number,
                "chiral": s.chiral, "lowest_frequency_cm1": float(min(s.frequencies, default=float("nan"))),
                "imaginary_modes": s.imaginary_modes, "population": float(p), "gibbs_eV": t.gibbs,
                "energy_eV": t.energy, "enthalpy_eV": t.enthalpy, "entropy_calmolK": t.entropy / KCAL_PER_MOL * 1000,
                "binding_gibbs_kcalmol": d.gibbs / KCAL_PER_MOL if d else float("nan"),
                "binding_enthalpy_kcalmol": d.enthalpy / KCAL_PER_MOL if d else float("nan"),
                "binding_energy_kcalmol": d.energy / KCAL_PER_MOL if d else float("nan"), "problem": t.failure,
            }
        )  # fmt: skip
    return sorted(rows, key=lambda r: (r["gibbs_eV"] != r["gibbs_eV"], r["gibbs_eV"]))


def _steps(made) -> list[dict[str, Any]]:
    from ..units import KCAL_PER_MOL

    return [
        {
            "cluster": name, "loses": monomer, "energy_kcalmol": d.energy / KCAL_PER_MOL,
            "enthalpy_kcalmol": d.enthalpy / KCAL_PER_MOL, "entropy_calmolK": d.entropy / KCAL_PER_MOL * 1000,
            "gibbs_kcalmol": d.gibbs / KCAL_PER_MOL,
        }
        for (name, monomer), d in made.evaporation.items()
    ]  # fmt: skip


def _splits(made) -> list[dict[str, Any]]:
    from ..units import KCAL_PER_MOL

    return [
        {
            "cluster": name, "into": list(parts), "energy_kcalmol": d.energy / KCAL_PER_MOL,
            "enthalpy_kcalmol": d.enthalpy / KCAL_PER_MOL, "entropy_calmolK": d.entropy / KCAL_PER_MOL * 1000,
            "gibbs_kcalmol": d.gibbs / KCAL_PER_MOL,
        }
        for (name, *parts), d in made.splits.items()
    ]  # fmt: skip


def _json(made, rows, problems) -> dict[str, Any]:
    t = made.treatment
    return {
        "temperature_K": made.conditions.temperature,
        "pressure_Pa": made.conditions.pressure,
        "level": made.level,
        "engine": made.engine,
        "low_modes": t.low,
        "cutoff_cm1": t.cutoff,
        "scaling": {"method": t.scaling.method, "harmonic": t.scaling.harmonic, "zero_point": t.scaling.zero_point},
        "symmetry": t.symmetry,
        "mirror_images": t.mirror_images,
        "clusters": [r | {"conformer_list": conformer_rows(c)} for r, c in zip(rows, made.clusters)],
        "evaporation": _steps(made),
        "splits": _splits(made),
        "problems": problems,
    }


def _print(made, rows, problems, with_actual: bool) -> None:
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
        print_table("Binding, kcal/mol; ΔS cal/mol/K", header, table, right={1, 2, 4, 5, 6, 7, 8})
    steps = _steps(made)
    if steps:
        print_table(
            "Losing one molecule, kcal/mol, ΔS cal/mol/K", ["cluster", "loses", "ΔE", "ΔH", "ΔS", "ΔG"],
            [
                [s["cluster"], s["loses"], number(s["energy_kcalmol"]), number(s["enthalpy_kcalmol"]),
                 number(s["entropy_calmolK"]), number(s["gibbs_kcalmol"])]
                for s in steps
            ],
            right={2, 3, 4, 5},
        )  # fmt: skip
    if made.splits:
        print(f"{len(made.splits)} ways to fall into two clusters of several molecules: splits of --json")
    if problems:
        print_table("Remarks", ["structure", "what"], [[k, v] for k, v in problems.items()], wrap={1})


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    import csv
    import io

    from ..storage import write_text

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for r in rows:
        writer.writerow({k: "" if v != v else v for k, v in r.items()})
    write_text(path, text.getvalue())
