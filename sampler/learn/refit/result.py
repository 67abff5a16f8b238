"""What a fit leaves: a file of parameters that is a level of theory, and the errors with and without them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...potentials.xtb import XTBPotential
from ...potentials.xtb_parameters import BASE, XTBParameters, toml
from ...storage import write_text
from ...workers.progress import Progress
from ..labels.monomer_minima import entries, level_text
from ..labels.provenance import describe
from ..planned_chunks import keep_plan
from .fit import Fit, Fitted
from .objective import largest
from .pieces import minimum_of
from .plan import Plan
from .vector import changed

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Refitted:
    """
    Attributes:
        file: of the parameters. level: their id. errors: ``fitted`` and ``held_out`` -> ``before`` and ``after`` -> error -> number.
        changes: the largest ones, relative. why: the fit ended. steps: that were taken. without: molecules without a minimum.
    """

    file: Path
    level: str
    errors: dict[str, dict[str, dict[str, float]]]
    changes: dict[str, float]
    why: str
    steps: int
    without: tuple[str, ...]


def unfinished(out: Path) -> Path:
    """The folder of finished pieces, beside the file to be."""
    return out.with_suffix(".run")


def require_new(out: Path) -> None:
    """
    Raises:
        InputError: the file is there, or is none of TOML.
    """
    if out.suffix != ".toml":
        raise InputError(f"--out {out}: parameters are written to a .toml file")
    if out.exists():
        raise InputError(
            f"{out} exists; remove it, or give another --out (parameters that something was labelled with are kept)"
        )


def refit(
    plan: Plan, out: Path, files: Sequence[Path], command: str, workers: int | str, progress: Progress,
    say: Callable[[str], None],
) -> Refitted:  # fmt: skip
    """Fit, and write the file; a fit that was stopped goes on.

    Args:
        files, command: where the labels are from, and how the file came to be; told in it.

    Raises:
        InputError: the file exists. RunError: another fit was begun under its name, or worker processes died.
        PotentialError: GFN1-xTB fails.
    """
    require_new(out)
    folder = unfinished(out)
    keep_plan(folder, plan.digest, "another fit")
    problem = plan.problem
    fit = Fit(problem, folder, workers, progress, say)
    found = fit.run()
    potential = XTBPotential(parameters=XTBParameters.of(changed(problem.table, problem.parameters, found.best.x)))
    molecules = [m for m in problem.library if set(m.numbers.tolist()) <= set(plan.labels.clusters.numbers.tolist())]
    lowest = fit.minima(found.best.x, molecules, "references", problem.steps)
    minima = [minimum_of(m, one) for m, one in zip(molecules, lowest)]
    done = Refitted(
        out, potential.level, errors(plan, found), largest([str(p) for p in problem.parameters], found.best.x), found.why,
        len(found.history) - 1, tuple(m.name for m, one in zip(molecules, minima) if one is None),
    )  # fmt: skip
    sets = {"minima": {"source": command, "monomers": entries(m for m in minima if m is not None)}}
    write_text(out, _text(plan, potential, done, sets, files))
    shutil.rmtree(folder, ignore_errors=True)
    return done


def errors(plan: Plan, found: Fitted) -> dict[str, dict[str, dict[str, float]]]:
    """See :class:`Refitted`; ``failed`` structures are as far off afterwards as before."""
    problem = plan.problem
    told: dict[str, dict[str, dict[str, float]]] = {}
    for name, target, good, before, after, failed in (
        ("fitted", problem.fitted, found.good[0], found.start.fitted, found.best.fitted, found.best.failed[0]),
        ("held_out", problem.judging, found.good[1], found.start.judging, found.best.judging, found.best.failed[1]),
    ):
        told[name] = {BEFORE: target.report(*before, good), AFTER: target.report(*after, good) | {"failed": failed}}
    return told


def _text(plan: Plan, potential: XTBPotential, done: Refitted, sets: dict[str, Any], files: Sequence[Path]) -> str:
    assert isinstance(potential.parameters, XTBParameters)
    labels, about = plan.labels, describe(potential)
    table = potential.parameters.table
    meta = table["meta"] | {"name": f"GFN1-xTB refitted to {labels.level}"}
    fit = {
        "level": labels.level, "engine": labels.engine, "labels": [f.name for f in files], "structures": len(plan.problem.fitted.labels),
        "compositions": list(plan.problem.fitted.compositions), "held_out_compositions": list(plan.problem.judging.compositions),
        "regularisation": plan.problem.regularisation, "steps": done.steps, "ended": done.why,
        "errors": {k: {w: _rounded(v) for w, v in both.items()} for k, both in done.errors.items()},
    }  # fmt: skip
    head = (
        f"# Parameters of {BASE} fitted to {labels.level}, as tblite reads them, and the energies of monomers with them.\n"
        "# Whoever changes a parameter changes the level: the id holds a digest of them.\n\n"
    )
    level = level_text(about["id"], about["method"], about["engine"], about["settings"], sets, plan.problem.library)
    return f"{head}{level}\n{toml({'fit': fit, 'meta': meta} | {k: v for k, v in table.items() if k != 'meta'})}"


def _rounded(errors: dict[str, float]) -> dict[str, float]:
    return {k: v if isinstance(v, int) else round(v, 3) for k, v in errors.items() if np.isfinite(v)}
