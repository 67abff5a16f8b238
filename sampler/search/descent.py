"""The way of a round's children down to minima: moved, relaxed in two steps, compared with their parents, identified."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters
from ..identify import identify
from ..relax import RelaxParams, relax
from .children import Mover, compared, moved


def descend(task: Clusters, mover: Mover, fmax: float, max_steps: int) -> Clusters:
    """Children (column ``move``) of the structures in ``task``, relaxed and identified, in the same order.

    Args:
        task: parents with the columns ``move`` ('' leaves a structure as it is), ``parent``, ``stream`` (the number of its
            random key), ``ceiling_eV`` and, where it has a parent, ``parent_energy_eV``.
        fmax: eV/Å at which a child counts as a minimum. At the mover's ``coarse_fmax`` it is looked at first: what has
            fallen back to its parent or lies too high goes no further.
        max_steps: evaluations of each of the two relaxations.

    Returns:
        the children with ``fate``, ``fate_detail``, ``evaluations`` and what relaxation and identification say.
    """
    children, spent = moved(task, mover)
    made = _before(children, spent)
    going = np.flatnonzero(made.columns["fate"] == "")
    # what came in has no parent to fall back to and no ceiling: it is relaxed in one go
    for limit in (mover.coarse_fmax, fmax) if (task.columns["move"] != "").any() else (fmax,):
        if not len(going):
            break
        before = made[going].columns["evaluations"]
        some = relax(made[going], mover.potential, RelaxParams(fmax=limit, max_steps=max_steps))
        some = compared(some.with_columns(evaluations=some.columns["evaluations"] + before), task[going])
        made = _put(made, going, some)
        going = going[some.columns["fate"] == ""]
    if len(going):
        made = _put(made, going, _judged(made[going], mover))
    return made.replace(columns={k: v for k, v in made.columns.items() if k not in ("ceiling_eV", "stream")})


def _judged(last: Clusters, mover: Mover) -> Clusters:
    """What is no intact cluster of the composition, or no minimum, gets its fate."""
    unfinished = ~last.columns["converged"]
    found = identify(last, mover.composition, mover.library)
    strange = ~found.columns["intact"]
    fate = np.where(strange, found.columns["identity"], np.where(unfinished, "not_converged", ""))
    detail = np.where(strange, found.columns["identity_detail"], "")
    keep = {k: v for k, v in found.columns.items() if k != "identity_detail"}
    return found.replace(columns=keep | {"fate": fate, "fate_detail": detail})


def _before(children: Clusters, spent: np.ndarray) -> Clusters:
    """Children before their relaxation, with the columns that it fills."""
    n = len(children)
    blank = {
        "evaluations": spent, "converged": np.zeros(n, bool), "steps": np.zeros(n, np.int64),
        "fmax_eV_per_A": np.full(n, np.nan), "fate_detail": np.full(n, ""),
    }  # fmt: skip
    return children.replace(columns={**children.columns, **blank})


def _put(everything: Clusters, places: np.ndarray, some: Clusters) -> Clusters:
    """``everything`` with ``some`` in ``places``."""
    others = np.setdiff1d(np.arange(len(everything)), places)
    order = np.argsort(np.concatenate([others, places]), kind="stable")
    return Clusters.concatenate([everything[others], some])[order]
