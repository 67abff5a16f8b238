"""``sampler show --by G``: rankings by the free energies that ``sampler thermo`` has left in runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from .common import note, number, print_json, print_table

_SHOWN = 20


def show_gibbs(run: Path, runs: Sequence[Path], known, temperature: str, count: int | None, as_json: bool) -> None:
    """Print the structures of a run, or the systems of a screen, in ascending free energy.

    Raises:
        InputError: there are no free energies, or they belong to an earlier result; with the remedy.
    """
    from ..refine.thermo import Conditions
    from ..refine.thermo.quantities import kelvin

    conditions = Conditions(kelvin(temperature))
    if list(runs) != [run]:
        _screen(run, runs, known, conditions, as_json)
        return
    told = ranking(run, known, conditions)
    if as_json:
        print_json(told | {"structures": told["structures"][:count]})
    else:
        _print(run, told, count or _SHOWN)


def ranking(run: Path, known, conditions) -> dict[str, Any]:
    """The structures of a run that have free energies, lowest G first; units are in the keys."""
    from ..errors import InputError
    from ..funnel import results
    from ..refine.thermo.left import of_run
    from ..refine.thermo.rows import conformer_rows
    from ..rundir.directory import read_manifest, read_result

    made, clusters, composition = of_run(run, known, conditions), read_result(run), results.composition_of(run, known)
    start = f"{run.resolve().name}/"
    by_id = {
        row["id"].removeprefix(start): row
        for cluster in made.clusters
        for row in conformer_rows(cluster)
        if row["id"].startswith(start)
    }
    keys = ("binding_gibbs_kcalmol", "binding_enthalpy_kcalmol", "gibbs_eV", "population", "lowest_frequency_cm1")
    rows = [
        {**row, **{key: by_id[row["id"]][key] for key in keys}, "level_gibbs": made.level}
        for row in results.ranking(clusters, composition, known)
        if row["id"] in by_id and not by_id[row["id"]]["problem"]
    ]
    if not rows:
        raise InputError(f"no structure of {run} has a free energy; this makes them anew: sampler thermo {run}")
    rows.sort(key=lambda row: row["gibbs_eV"])
    lowest = rows[0]["gibbs_eV"]
    from ..units import KCAL_PER_MOL

    for row in rows:
        row["relative_gibbs_kcalmol"] = (row["gibbs_eV"] - lowest) / KCAL_PER_MOL
    return {
        "folder": str(run), "composition": read_manifest(run)["composition"], "by": "G", "level": made.level,
        "temperature_K": conditions.temperature, "pressure_Pa": conditions.pressure,
        "without": len(clusters) - len(rows), "structures": rows,
    }  # fmt: skip


def _print(run: Path, told: dict[str, Any], count: int) -> None:
    rows = told["structures"]
    print_table(
        f"{told['composition']}: the {len(rows[:count])} lowest in G of {len(rows)}, {told['level']}, "
        f"{told['temperature_K']:g} K, kcal/mol",
        ["by G", "by E", "id", "state", "relative G", "ΔG", "ΔE", "part"],
        [
            [
                i, row["rank"], row["id"], row["state"], number(row["relative_gibbs_kcalmol"]),
                number(row["binding_gibbs_kcalmol"]), number(row["binding_energy_kcalmol"]), number(row["population"], 3),
            ]
            for i, row in enumerate(rows[:count], start=1)
        ],
        right={0, 1, 4, 5, 6, 7},
        keys=3,
    )  # fmt: skip
    if told["without"]:
        typer.echo(
            f"{told['without']} more structures have no free energy of their own: sampler thermo {run} --count "
            f"{told['without'] + len(rows)}"
        )


def _screen(folder: Path, runs: Sequence[Path], known, conditions, as_json: bool) -> None:
    from ..errors import InputError
    from ..refine.thermo.left import of_run
    from ..refine.thermo.rows import row as row_of

    rows, lacking = [], []
    for run in runs:
        try:
            made = of_run(run, known, conditions)
        except InputError as error:
            lacking.append((run.name, str(error)))
            continue
        rows += [{"system": c.name, **row_of(c)} for c in made.clusters if c.name == run.resolve().name]
    if not rows:
        raise InputError(f"no system of {folder} has free energies; this makes them: sampler thermo {folder}")
    rows.sort(
        key=lambda row: (row["binding_gibbs_kcalmol"] != row["binding_gibbs_kcalmol"], row["binding_gibbs_kcalmol"])
    )
    if as_json:
        print_json({"folder": folder, "by": "G", "temperature_K": conditions.temperature, "systems": rows})
    else:
        levels = ", ".join(dict.fromkeys(row["level"] for row in rows))
        print_table(
            f"{folder}: {len(rows)} systems by ΔG, {levels}, {conditions.temperature:g} K, kcal/mol",
            ["system", "ΔG", "ΔH", "ΔE", "lowest"],
            [
                [
                    row["system"],
                    *(number(row[f"binding_{k}_kcalmol"]) for k in ("gibbs", "enthalpy", "energy")),
                    row["lowest"],
                ]
                for row in rows
            ],
            right={1, 2, 3},
        )
    for name, why in lacking:
        note(f"{name}: {why}")
