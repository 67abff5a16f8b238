"""The way of a round's children down to minima: moved, relaxed in two steps, compared with their parents, identified."""

from __future__ import annotations

import numpy as np

from ..clusters import Clusters
from ..columns import (
    CEILING,
    CONVERGED,
    EVALUATIONS,
    FATE,
    FATE_DETAIL,
    FMAX,
    IDENTITY,
    IDENTITY_DETAIL,
    INTACT,
    MOVE,
    STEPS,
    STREAM,
)
from ..fate import Fate
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
    return quench(children, spent, task, mover, fmax, max_steps)


def quench(
    children: Clusters, spent: np.ndarray, parents: Clusters, mover: Mover, fmax: float, max_steps: int
) -> Clusters:
    """``children`` with a ``fate`` of none relaxed, compared with ``parents`` (one each), identified; see :func:`descend`.

    Args:
        spent: (B,) evaluations that each has cost already.
    """
    made = _before(children, spent)
    going = np.flatnonzero(made.columns[FATE] == Fate.GOES_ON)
    # what came in has no parent to fall back to and no ceiling: it is relaxed in one go
    for limit in (mover.coarse_fmax, fmax) if (parents.columns[MOVE] != "").any() else (fmax,):
        if not len(going):
            break
        before = made[going].columns[EVALUATIONS]
        some = relax(made[going], mover.potential, RelaxParams(fmax=limit, max_steps=max_steps))
        some = compared(some.with_columns(evaluations=some.columns[EVALUATIONS] + before), parents[going])
        made = _put(made, going, some)
        going = going[some.columns[FATE] == Fate.GOES_ON]
    if len(going):
        made = _put(made, going, _judged(made[going], mover))
    return made.replace(columns={k: v for k, v in made.columns.items() if k not in (CEILING, STREAM)})


def _judged(last: Clusters, mover: Mover) -> Clusters:
    """What is no intact cluster of the composition, or no minimum, gets its fate."""
    unfinished = ~last.columns[CONVERGED]
    found = identify(last, mover.composition, mover.library)
    strange = ~found.columns[INTACT]
    fate = np.where(strange, found.columns[IDENTITY], np.where(unfinished, Fate.NOT_CONVERGED, Fate.GOES_ON))
    detail = np.where(strange, found.columns[IDENTITY_DETAIL], "")
    keep = {k: v for k, v in found.columns.items() if k != IDENTITY_DETAIL}
    return found.replace(columns=keep | {FATE: fate, FATE_DETAIL: detail})


def _before(children: Clusters, spent: np.ndarray) -> Clusters:
    """Children before their relaxation, with the columns that it fills."""
    n = len(children)
    blank = {
        EVALUATIONS: spent, CONVERGED: np.zeros(n, bool), STEPS: np.zeros(n, np.int64),
        FMAX: np.full(n, np.nan), FATE_DETAIL: np.full(n, ""),
    }  # fmt: skip
    return children.replace(columns={**children.columns, **blank})


def _put(everything: Clusters, places: np.ndarray, some: Clusters) -> Clusters:
    """``everything`` with ``some`` in ``places``."""
    others = np.setdiff1d(np.arange(len(everything)), places)
    order = np.argsort(np.concatenate([others, places]), kind="stable")
    return Clusters.concatenate([everything[others], some])[order]
