"""``sampler evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import completion
from .common import Json, Monomers, Quiet, library, next_step, note, number, print_json, print_table
from .data import one_thread

if TYPE_CHECKING:
    from ..learn.evaluate import Evaluated
    from ..learn.labels.dataset import LabelSet
    from ..learn.labels.seen_in_training import Seen
    from ..monomers import MonomerLibrary
    from ..potentials import Potential


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
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Plot of parity, errors and angles to write (.png, .pdf or .svg).")
    ] = None,
    by_state: Annotated[
        bool, typer.Option("--by-state", help="Errors also by the number of protons that moved, from the identity.")
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Write into the cards of a committee by what its spread is to be multiplied."),
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only these compositions (may be repeated).")] = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """How far a potential is from labels: energies, forces, ranking.

    All of them also by composition. Binding energies count from the monomers of each one's own level, so that a model can be held against labels of
    another engine. Structures that a model was trained on or validated on are counted and said. DATA may be what
    'sampler label --collect' writes.

    Of a committee also how its spread goes with its errors. --calibrate keeps the factor between them on the cards of its
    members; it should come from structures that none of them was trained on.

    \b
    Examples:
      sampler evaluate b97-3c_sa_am_dma_w-seed7 mine.npz
      sampler evaluate models/b97-3c test.npz --plot parity.png
      sampler evaluate models/seed7 models/seed42 models/seed69 test.npz --baseline gfn1-xtb --json
      sampler evaluate models/b97-3c minima.npz --relax
      sampler evaluate models/b97-3c test.npz --by-state --plot errors.png
      sampler evaluate models/seed7 models/seed42 models/seed69 test.npz --calibrate
      sampler evaluate gfn1-xtb test.npz
      sampler label frames.xyz --level gfn1-xtb --collect labelled.npz && sampler evaluate gfn1-xtb_sa_am labelled.npz
    """
    import numpy as np

    from ..composition import Composition
    from ..errors import InputError
    from ..learn.by_protons import protons
    from ..learn.evaluate import evaluate as judge
    from ..learn.evaluate import open_potential, relax_known, require_plot
    from ..learn.labels.labels_file import open_labels
    from ..learn.labels.prepare import forces_remark
    from ..learn.labels.seen_in_training import seen_by
    from ..learn.parity import parity_plot
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
    if calibrate:
        _require_committee(names, potentials[-1][1])
    reports: dict[str, dict[str, Any]] = {}
    try:
        for k, (name, judged) in enumerate(potentials, start=1):
            progress.start(k, len(potentials) * (1 + relax), f"evaluate {name}", len(labels))
            found = judge(judged, labels, known, progress.advance)
            report = found.report() | _more(found, judged, known, by_state)
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
        parity_plot(found, plot, protons(found, known) if by_state else None)
    if calibrate:
        reports[potentials[-1][0]]["calibrated"] = _calibrate(names, found, labels, digest, seen, quiet)
    if as_json:
        print_json(reports)
        return
    for name, report in reports.items():
        _print(name, report)
    if plot:
        next_step(("python", "-m", "webbrowser", plot), quiet=quiet)


def _more(found: Evaluated, judged: Potential, known: MonomerLibrary, by_state: bool) -> dict[str, Any]:
    """What a report has besides: errors by protonation state, and of a committee its spread."""
    from ..learn.by_protons import by_protons
    from ..learn.spread import spread_report
    from ..potentials.painn.calibration import factors

    told: dict[str, Any] = {}
    if by_state:
        told["by_moved_protons"] = by_protons(found, known)
    if spread := spread_report(found):
        told["spread"] = spread | {"on_card": factors([m.card for m in judged.models])}
    return told


def _require_committee(names: list[str], potential: Potential) -> None:
    from ..errors import InputError

    if len(potential.models) < 2:
        raise InputError(
            f"{' '.join(names)} is no committee and has no spread to calibrate; name several models: "
            "sampler evaluate A B C DATA.npz --calibrate"
        )


def _calibrate(
    names: list[str], found: Evaluated, labels: LabelSet, digest: str, seen: Seen, quiet: bool
) -> dict[str, Any]:
    """Keep the factors on the cards of all members."""
    from ..errors import InputError
    from ..learn.spread import FEWEST, energy_reliability, force_reliability
    from ..potentials.painn.calibration import store
    from ..potentials.trained import model_folder, named

    if seen.trained:
        raise InputError(
            f"{seen.trained} of {seen.structures} structures were trained on: their errors are too small to calibrate a spread "
            "with; take others"
        )
    energy, forces = energy_reliability(found), force_reliability(found)
    if energy is None:
        raise InputError(f"{len(found.labels)} structures are too few to calibrate a spread with; {FEWEST} are needed")
    folders = [model_folder(n) for n in named(names)]
    factors = {"energy": energy.factor, "forces": forces.factor if forces else None}
    data = {"structures": energy.count, "data_level": labels.level, "data_hash": digest}
    store(folders, energy.factor, factors["forces"], data)
    if not quiet:
        note(f"the cards of {len(folders)} models name the factors: {', '.join(map(str, folders))}")
    return factors | data | {"folders": folders}


def _print(name: str, report: dict) -> None:
    from ..learn.metrics import SMALL_FORCE

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
                number(f.get("mean_angle_deg"), 1), number(f.get("median_angle_deg"), 1),
            ]
        )  # fmt: skip
    header = ["", "n", "MAE ΔE", "RMSE ΔE", "max ΔE", "relative MAE", "rank corr."]
    header += ["MAE F", "RMSE F", "max F", "angle °", "median °"]
    print_table("", header, rows, right=set(range(1, len(header))))
    if "by_moved_protons" in report:
        _print_states(report["by_moved_protons"])
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
    for name, words in (("energy", "ΔE"), ("forces", "forces")):
        if part := report.get("spread", {}).get(name):
            typer.echo(_spread_words(words, part, (report["spread"]["on_card"] or {}).get(name)))
    typer.echo("energies in kcal/mol, forces in kcal/mol/Å (components); relative: the mean deviation taken off")
    if "forces" in report["all"]:
        typer.echo(f"angles between true and predicted forces, of atoms with a true one above {SMALL_FORCE:g} eV/Å")


def _print_states(rows: list[dict[str, Any]]) -> None:
    table = []
    for r in rows:
        e, f = r["energy"], r.get("forces", {})
        state, count = next(iter(r["states"].items()))
        others = len(r["states"]) - 1
        table.append(
            [
                "not whole" if r["moved_protons"] is None else r["moved_protons"], r["structures"],
                number(e["mae_kcal_mol"]), number(e["mean_kcal_mol"]), number(e["max_kcal_mol"]),
                number(f.get("mae_kcal_mol_A")), f"{state} ({count})" + (f", {others} more" if others else ""),
            ]
        )  # fmt: skip
    header = ["protons moved", "n", "MAE ΔE", "mean ΔE", "max ΔE", "MAE F", "states"]
    print_table("by protonation state", header, table, right=set(range(6)), wrap={6})


def _spread_words(what: str, part: dict[str, Any], on_card: float | None) -> str:
    card = f"the cards say {on_card:.2f}" if on_card is not None else "the cards do not say it"
    normal = "61 and 99" if what == "forces" else "68 and 95"  # of the length of a vector, of a number
    return (
        f"spread of the committee, {what}: errors are {part['factor']:.2f} times as large ({card}); once multiplied, "
        f"{100 * part['within_1_spread']:.0f} % of the errors are below one spread, {100 * part['within_2_spreads']:.0f} % below "
        f"two ({normal} if they were normal); rank correlation {part['rank_correlation']:.2f}"
    )
