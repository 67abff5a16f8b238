"""``sampler import orca``: results of ORCA jobs, which of them can be trusted, and what they did to the ranking."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ..columns import DUPLICATE_OF, IDENTITY, IDENTITY_DETAIL, IMAGINARY_MODES, RANK_BEFORE, STATE
from .common import Json, Monomers, library, next_step, number, print_json, print_table, submitting


def import_orca(
    folder: Annotated[Path, typer.Argument(help="A folder with ORCA outputs (*.out), also in folders below it.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the structures to this npz file.")] = None,
    level: Annotated[
        str | None, typer.Option("--level", "-l", help="Take outputs of this level only, e.g. b97-3c@orca5.")
    ] = None,
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="Write new inputs for failed jobs, from their last geometry.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder of the new inputs. Default: FOLDER-again beside the old one.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Structures in the table.")] = 20,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """Read ORCA outputs: what finished, what failed, the new ranking.

    \b
    Examples:
      sampler import orca 4sa4am/orca
      sampler import orca 4sa4am/orca --resubmit
      sampler import orca 4sa4am/orca --out refined.npz --json
    """
    from ..refine.orca import read_folder
    from ..refine.orca import resubmit as write_again
    from ..refine.orca.review import review

    found = read_folder(folder, level=level)
    again = None
    if resubmit:
        again = write_again(found, to or folder.resolve().with_name(f"{folder.resolve().name}-again"))
    judged = review(found.clusters, library(monomers))
    if out is not None:
        judged.clusters.save(out)
    if as_json:
        print_json(_json(found, judged, again))
    else:
        _print(found, judged, again, count)
        if again is not None and again.manifest:
            next_step(submitting(again.manifest.parent))
        next_step(*_next(found, judged, folder, again))


def _next(found, judged, folder: Path, again) -> list[tuple | str]:
    """Jobs that did not start, and failed ones once more; free energies of what brings frequencies, else the page of the run."""
    from ..rundir.directory import is_run

    steps: list[tuple | str] = []
    lost = {row["status"] for row in found.rows() if not row.get("usable")} if again is None else set()
    if "missing" in lost and (folder / "slurm_array.sh").is_file():
        steps.append(submitting(folder))
    if lost - {"missing"}:
        steps.append(("sampler", "import", "orca", folder, "--resubmit"))
    if len(judged.clusters) and (judged.clusters.columns[IMAGINARY_MODES] >= 0).any():
        steps.append(("sampler", "thermo", folder))
    elif is_run(folder.resolve().parent):
        steps.append(("sampler", "report", folder.parent))
    return steps


def _json(found, judged, again) -> dict:
    clusters = judged.clusters
    structures = [
        {"id": str(clusters.ids[i]), "energy_eV": float(clusters.energy[i]), "level": clusters.level}
        | {k: v[i].item() for k, v in clusters.columns.items()}
        for i in range(len(clusters))
    ]
    return {
        "folder": str(found.folder),
        "jobs": found.rows(),
        "ignored": list(found.ignored),
        "structures": structures,
        "level_before": judged.level_before,
        "spearman": judged.spearman,
        "kendall": judged.kendall,
        "resubmitted": again.written if again else {},
        "left": again.left if again else {},
        "manifest": str(again.manifest) if again and again.manifest else None,
    }


def _print(found, judged, again, count: int) -> None:
    clusters, rows = judged.clusters, found.rows()
    status = Counter(row["status"] for row in rows)
    typer.echo(", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(status.items())))
    failed = [[row["name"], row["status"], row["message"]] for row in rows if not row.get("usable")]
    if failed:
        print_table("Not usable", ["job", "status", "because"], failed, wrap={2})
    if len(clusters):
        _print_ranking(clusters, judged, count)
    _print_remarks(found)
    if again is not None:
        for name, what in again.written.items():
            typer.echo(f"again: {name}: {what}")
        for name, why in again.left.items():
            typer.echo(f"left: {name}: {why}")
        if again.manifest:
            typer.echo(f"{len(again.written)} inputs in {again.manifest.parent}")


def _print_remarks(found) -> None:
    """What was left out or not understood, once for all outputs it is said of."""
    said: dict[str, list[str]] = {}
    for result in found.results:
        for remark in result.remarks:
            said.setdefault(remark, []).append(result.name)
    for remark, names in said.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        typer.echo(f"note: {names[0]}{more}: {remark}")
    if found.ignored:
        typer.echo(f"ignored, no ORCA output: {', '.join(found.ignored[:5])}{', …' if len(found.ignored) > 5 else ''}")


def _print_ranking(clusters, judged, count: int) -> None:
    from ..units import KCAL_PER_MOL

    columns = clusters.columns
    one = judged.compositions == 1
    relative = (clusters.energy - clusters.energy[0]) / KCAL_PER_MOL
    table = []
    for i in range(min(count, len(clusters))):
        state = str(columns[STATE][i])
        if columns[IDENTITY][i] != "intact":
            state = f"{columns[IDENTITY][i]}: {columns[IDENTITY_DETAIL][i]}"
        modes, moved = int(columns[IMAGINARY_MODES][i]), int(columns[RANK_BEFORE][i])
        table.append(
            [
                i + 1,
                moved if moved > 0 else "–",
                clusters.ids[i],
                number(relative[i]) if one else "–",
                modes if modes >= 0 else "–",
                str(columns[DUPLICATE_OF][i]) or "–",
                state,
            ]
        )
    title = f"{len(clusters)} structures, {clusters.level}"
    header = ["rank", "before", "structure", "ΔE kcal/mol", "imaginary", "duplicate of", "state"]
    print_table(title, header, table, right={0, 1, 3, 4}, wrap={6}, keys=3)
    if judged.spearman == judged.spearman:
        typer.echo(
            f"rank correlation with {judged.level_before or 'the energies before'}: "
            f"Spearman {judged.spearman:.3f}, Kendall {judged.kendall:.3f}"
        )
