"""``sampler data describe``: what data sets hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Json, Monomers, library, next_step, note, number, print_json, print_table


def describe(
    data: Annotated[list[Path], typer.Argument(help="Data set(s) (.npz), each described by itself.")],
    plot: Annotated[Path | None, typer.Option("--plot", help="Plot to write (.png, .pdf or .svg).")] = None,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Sizes, energies, forces and protonation states of data.

    \b
    Examples:
      sampler data describe sa-w.npz
      sampler data describe sa-w-train.npz sa-w-test.npz --plot sets.png
    """
    from ..learn.describe import commonest, plot_sets, require_plot
    from ..learn.describe import describe as numbers
    from ..learn.labels.labels_file import open_labels

    if plot:
        require_plot(plot)
    known = library(monomers)
    sets = {str(file): open_labels(file, known) for file in data}
    found = {file: numbers(labels, known) for file, labels in sets.items()}
    if plot:
        plot_sets({Path(file).stem: labels for file, labels in sets.items()}, known, plot)
    levels = sorted({labels.level for labels in sets.values()})
    if as_json:
        print_json({"files": found, "levels": levels, **({"plot": plot} if plot else {})})
        return
    for file, said in found.items():
        _print(file, said, commonest)
    if len(levels) > 1:
        note(f"these are labels of different levels, which are never trained on together: {', '.join(levels)}")
    if plot:
        next_step(("python", "-m", "webbrowser", plot))


def _print(file: str, said: dict, commonest) -> None:
    typer.echo(
        f"{file}: {said['structures']} labels at {said['level']} ({said['engine'] or 'engine not recorded'}), "
        f"sha256 {said['sha256'][:16]}…"
    )
    if origin := said["origin"]:
        typer.echo(
            f"the {origin.get('part', 'part')} part of {origin.get('source', '?')} ({origin.get('by', '?')}); "
            f"{origin.get('leaks_removed', 0)} duplicates of the test were taken out of training"
        )
    rows = []
    for row in said["compositions"]:
        rows.append(
            [
                row["composition"], row["molecules"], row["atoms"], row["structures"],
                number(row["lowest_binding_kcal_mol"], 1), number(row["highest_binding_kcal_mol"], 1),
                number(row["rms_force_kcal_mol_A"], 1), number(row["largest_force_kcal_mol_A"], 1),
                "; ".join(commonest(row["states"], 1)),
            ]
        )  # fmt: skip
    header = ["composition", "molecules", "atoms", "n", "ΔE from", "to", "RMS F", "max F", "protonation"]
    print_table("", header, rows, right={1, 2, 3, 4, 5, 6, 7}, wrap={8})
    charges = ", ".join(f"{int(q):+d}: {n}" if int(q) else f"0: {n}" for q, n in said["charges"].items())
    typer.echo(f"charges {charges}; {said['not_whole']} structures do not consist of whole molecules in one cluster")
    typer.echo("ΔE in kcal/mol against the monomers of the same level; forces in kcal/mol/Å")
