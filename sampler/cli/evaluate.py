"""``sampler evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion
from .common import Json, Monomers, Quiet, library, next_step, note, number, print_json, print_table
from .data import one_thread


def evaluate(
    potential: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... DATA",
            autocompletion=completion.models_and_data,
            help="Model(s), each a folder or the name of one that ships, or a potential; then a data set.",
        ),
    ],
    baseline: Annotated[
        str, typer.Option("--baseline", help="Another potential, judged on the same structures, e.g. gfn1-xtb.")
    ] = "",
    relax: Annotated[
        bool, typer.Option("--relax", help="The structures are minima: relax them and report how far they move.")
    ] = False,
    fmax: Annotated[float, typer.Option(help="eV/Å, for --relax.")] = 0.01,
    plot: Annotated[Path | None, typer.Option("--plot", help="Parity plot to write (.png, .pdf or .svg).")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only these compositions (may be repeated).")] = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """How far a potential is from labels: energies, forces, ranking.

    All of them also by composition. Binding energies count from the monomers of each one's own level, so that a model can be held against labels of
    another engine. Structures that a model was trained on or validated on are counted and said. DATA may be what
    'sampler label --collect' writes.

    \b
    Examples:
      sampler evaluate b97-3c_sa_am_dma_w-seed7 mine.npz
      sampler evaluate models/b97-3c test.npz --plot parity.png
      sampler evaluate models/seed7 models/seed42 models/seed69 test.npz --baseline gfn1-xtb --json
      sampler evaluate models/b97-3c minima.npz --relax
      sampler evaluate gfn1-xtb test.npz
      sampler label frames.xyz --level gfn1-xtb --collect labelled.npz && sampler evaluate gfn1-xtb_sa_am labelled.npz
    """
    import numpy as np

    from ..composition import Composition
    from ..errors import InputError
    from ..learn.evaluate import evaluate as judge
    from ..learn.evaluate import open_potential, parity_plot, relax_known, require_plot
    from ..learn.labels.labels_file import open_labels
    from ..learn.labels.prepare import forces_remark
    from ..learn.labels.seen_in_training import seen_by
    from ..workers import progress as reporting

    if len(potential) < 2:
        raise InputError("give a model and a data set: sampler evaluate MODEL DATA.npz")
    if plot:
        require_plot(plot)
    one_thread()
    *names, file = potential
    known = library(monomers)
    labels = open_labels(file, known)
    digest = labels.digest()
    if large := forces_remark(labels):
        note(large)
    if only:
        wanted = sorted({Composition.parse(n, known).name(known) for n in only})
        labels = labels.subset(np.isin(labels.compositions, wanted))
        if not len(labels):
            raise InputError(f"{file} holds no {', '.join(wanted)}")
    progress = reporting.choose(quiet or as_json)
    # the baseline first: xTB must load before torch
    potentials = [(name, open_potential([name])) for name in [baseline] if baseline]
    potentials.append((" + ".join(names), open_potential(names)))
    reports: dict[str, dict[str, Any]] = {}
    try:
        for k, (name, judged) in enumerate(potentials, start=1):
            progress.start(k, len(potentials) * (1 + relax), f"evaluate {name}", len(labels))
            found = judge(judged, labels, known, progress.advance)
            report = found.report()
            if name != baseline or k == len(potentials):
                seen = seen_by(names, labels, digest)
                report |= seen.report()
                report["note"] = "\n".join([*filter(None, [report.get("note", "")]), *seen.lines()])
            reports = {name: report, **reports}
        for k, (name, judged) in enumerate(reversed(potentials) if relax else (), start=len(potentials) + 1):
            progress.start(k, 2 * len(potentials), f"relax {name}", len(labels))
            done = [0]

            def relaxed(now: int, of: int, done: list[int] = done) -> None:
                progress.advance(now - done[0])
                done[0] = now

            reports[name]["relaxed"] = relax_known(judged, labels.clusters, fmax, progress=relaxed).rows()
    finally:
        progress.close()
    if plot:
        parity_plot(found, plot)
    if as_json:
        print_json(reports)
        return
    for name, report in reports.items():
        _print(name, report)
    if plot:
        next_step(("python", "-m", "webbrowser", plot), quiet=quiet)


def _print(name: str, report: dict) -> None:
    typer.echo(f"{name} ({report['potential_level']}) against {report['structures']} labels at {report['label_level']}")
    if report.get("note"):
        typer.echo(report["note"])
    if report["failures"]:
        typer.echo("left out: " + ", ".join(f"{n} {reason}" for reason, n in report["failures"].items()))
    rows = []
    for part, values in [("all", report["all"]), *report["by_composition"].items()]:
        e, f = values["energy"], values.get("forces", {})
        rows.append(
            [
                part, e["structures"], number(e["mae_kcal_mol"]), number(e["rmse_kcal_mol"]),
                number(e["max_kcal_mol"]), number(e["relative_mae_kcal_mol"]), number(e["spearman"], 3),
                number(f.get("mae_kcal_mol_A")), number(f.get("rmse_kcal_mol_A")), number(f.get("max_kcal_mol_A")),
                number(f.get("mean_angle_deg"), 1),
            ]
        )  # fmt: skip
    header = ["", "n", "MAE ΔE", "RMSE ΔE", "max ΔE", "relative MAE", "rank corr."]
    header += ["MAE F", "RMSE F", "max F", "angle °"]
    print_table("", header, rows, right=set(range(1, len(header))))
    if "relaxed" in report:
        rows = [
            [r["id"], r["composition"], number(r["rmsd_A"], 3), number(r["energy_change_kcal_mol"]),
             "yes" if r["converged"] else "no", r["steps"]]
            for r in report["relaxed"]
        ]  # fmt: skip
        print_table(
            "relaxed", ["structure", "composition", "RMSD, Å", "ΔE, kcal/mol", "converged", "steps"], rows,
            right={2, 3, 5},
        )  # fmt: skip
    typer.echo("energies in kcal/mol, forces in kcal/mol/Å (components); relative: the mean deviation taken off")
