"""``sampler models``: the trained models that ship."""

from __future__ import annotations

import typer

from .common import Json, number, print_json, print_table


def models(as_json: Json = False) -> None:
    """List the trained models that ship, by the names of --model.

    Errors are mean absolute ones of structures that were not trained on, as the card of a model has them: energies in
    kcal/mol, forces in kcal/mol/Å. A name of several models is their committee. --json has all errors, and the folders.
    The second table says which of them a run takes by itself, for which clusters, and for what.

    \b
    Examples:
      sampler models
      sampler models --json | jq '.[].errors'
      sampler relax structures.xyz --model b97-painn
    """
    from ..funnel.protocols.automatic import home, recommendations
    from ..potentials.catalogue import catalogue

    rows = catalogue()
    for row in rows:
        row["at_home"] = [
            {"in": home(entry), "purpose": entry["purpose"]}
            for entry in recommendations()
            if row["models"] == _in_full(entry["options"]["model"])
        ]
    if as_json:
        print_json(rows)
        return
    print_table(
        "",
        ["name", "level", "of", "size", "MAE E", "MAE F", "on"],
        [
            [
                row["name"],
                row["level"].partition("@")[0],
                " ".join(row["molecules"]),
                row["largest_molecules"] or "–",
                number(row["mae_energy_kcal_mol"]),
                number(row["mae_forces_kcal_mol_A"]),
                _set(row["error_on"]),
            ]
            for row in rows
        ],
        right={3, 4, 5},
        wrap={6},
    )
    for row in rows:
        if len(row["models"]) > 1:
            typer.echo(f"{row['name']}: {_committee(row)}")
    typer.echo("size: molecules of the largest cluster trained on; MAE: kcal/mol, kcal/mol/Å")
    typer.echo()
    print_table(
        "what a run takes by itself",
        ["name", "charge", "at home in", "for"],
        [
            [row["name"], " ".join(f"{q:+d}" if q else "0" for q in row["charges"]), one["in"], one["purpose"]]
            for row in rows
            for one in row["at_home"]
        ],
        wrap={2, 3},
    )


def _committee(row) -> str:
    correction = f", corrections to {row['correction_to']}" if row["correction_to"] else ""
    return f"{len(row['models'])} models{correction}"


def _in_full(models: str | list[str]) -> list[str]:
    from ..potentials.trained import named

    return named([models] if isinstance(models, str) else models)


def _set(name: str) -> str:
    """The structures of an error, without who calculated them."""
    return name.removeprefix("orca_").removeprefix("held_out_").replace("_", " ")
