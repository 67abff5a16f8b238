"""Relaxation of a population: a queue of structures through batches of evaluations."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import ENERGY_SPREAD, remaining
from ..fate import Fate
from ..potentials.base import Evaluation, Potential
from .fire import FIRE
from .lbfgs import LBFGS
from .params import RelaxParams

_OPTIMIZERS: dict[str, type[LBFGS] | type[FIRE]] = {"lbfgs": LBFGS, "fire": FIRE}
# eV above the first energy, and Å between an atom and its nearest neighbour: no minimisation gets there.
_EXPLODED_ENERGY = 20.0
_LONE_ATOM = 8.0
_BATCH_ATOMS = 300  # best between 200 and 400 on a CPU: enough for matrix products, few enough for the cache


@dataclass
class _Walker:
    """One structure on its way down."""

    index: int
    trial: np.ndarray
    optimizer: LBFGS | FIRE | None = None
    evaluations: int = 0
    steps: int = 0
    converged: bool = False
    fate: str = Fate.GOES_ON
    detail: str = ""
    memory: Any = None
    first_energy: float = np.nan
    spread: float = np.nan
    start: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))


def relax(
    clusters: Clusters,
    potential: Potential,
    params: RelaxParams | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Clusters:
    """Minimise every structure of ``clusters``; what breaks leaves with a reason and stops nobody.

    Structures are evaluated together, as many as a batch holds (``params.batch_atoms``); one that is done makes room for the
    next. The result of a structure depends on nothing but itself (with potentials whose batches do not either).

    Args:
        clusters: B structures. Their energies and forces are not used.
        potential: gives energies and forces; its ``evaluate_warm`` is used where it has one.
        progress: called with (structures done, B) whenever one is done.

    Returns:
        the same structures in the same order, with the last accepted positions, energy (eV; NaN without one), forces
        (eV/Å; NaN without), the potential's level, the columns that derive from neither geometry nor energies, and

        * ``converged`` bool. ``steps``, ``evaluations`` int, accepted steps and evaluations of the potential.
        * ``fmax_eV_per_A`` the largest force on an atom.
        * ``energy_spread_eV`` of a committee alone.
        * ``fate`` str: '' for what goes on (converged or not), else why the structure is to be dropped:
          ``scf_failed``, ``nan``, ``clash``, ``engine_error``, … from the potential; ``clash`` at the start,
          ``exploded`` (energy far above the start, or an atom alone), ``displaced``, ``interrupted``.
        * ``fate_detail`` str, in words.
    """
    params = params or RelaxParams()
    room = params.batch_atoms or potential.batch_atoms or _BATCH_ATOMS
    deadline = np.inf if params.time_budget is None else time.monotonic() + params.time_budget
    waiting = deque(range(len(clusters)))
    done: list[_Walker] = []
    active: list[_Walker] = []
    atoms = 0
    while waiting or active:
        while waiting and (not active or atoms + clusters.natoms[waiting[0]] <= room):
            walker = _enter(clusters, waiting.popleft(), params)
            (done if walker.fate else active).append(walker)
            atoms += 0 if walker.fate else len(walker.trial)
            if walker.fate and progress:
                progress(len(done), len(clusters))
        if not active:
            continue
        if time.monotonic() > deadline:
            for walker in [*active, *(_enter(clusters, i, params) for i in waiting)]:
                walker.fate = walker.fate or Fate.INTERRUPTED
                done.append(walker)
            break
        batch = _batch(clusters, active)
        evaluation, memory = potential.evaluate_warm(batch, [w.memory for w in active])
        going = []
        for k, walker in enumerate(active):
            walker.memory = memory[k]
            _advance(walker, evaluation, k, batch, params)
            if walker.fate or walker.converged or walker.evaluations >= params.max_steps:
                walker.memory = None
                done.append(walker)
                atoms -= len(walker.trial)
                if progress:
                    progress(len(done), len(clusters))
            else:
                going.append(walker)
        active = going
    return _gather(clusters, sorted(done, key=lambda w: w.index), potential.level)


def _batch(clusters: Clusters, active: list[_Walker]) -> Clusters:
    chosen = clusters[np.array([w.index for w in active])]
    return chosen.replace(positions=np.concatenate([w.trial for w in active]), columns={}, forces=None)


def _enter(clusters: Clusters, index: int, params: RelaxParams) -> _Walker:
    start = clusters.positions[clusters.atoms_of(index)].copy()
    walker = _Walker(index, start, start=start)
    if not len(start):
        walker.fate, walker.detail = Fate.EMPTY, "the structure has no atoms"
    elif not np.isfinite(start).all():
        walker.fate, walker.detail = Fate.NAN, "a coordinate is not a number"
    else:
        nearest = _distances(start)
        if nearest.min() < params.min_distance:
            i, j = np.unravel_index(nearest.argmin(), nearest.shape)
            walker.fate, walker.detail = Fate.CLASH, f"atoms {i} and {j} start {nearest[i, j]:.2f} Å apart"
    return walker


def _advance(walker: _Walker, evaluation: Evaluation, k: int, batch: Clusters, params: RelaxParams) -> None:
    """Tell the walker's optimizer what was found, and set its next trial or its end."""
    walker.evaluations += 1
    failure = str(evaluation.failure[k])
    optimizer = walker.optimizer
    if failure:
        if optimizer is None or not optimizer.failed():
            walker.fate, _, walker.detail = (part.strip() for part in failure.partition(":"))
            return
        walker.trial = optimizer.propose()
        return
    atoms = batch.atoms_of(k)
    energy, forces = float(evaluation.energy[k]), np.array(evaluation.needed_forces[atoms])
    if optimizer is None:
        make = _OPTIMIZERS[params.optimizer]
        optimizer = walker.optimizer = make(batch.numbers[atoms], walker.trial, energy, forces, params)
        walker.first_energy, walker.spread = energy, _spread(evaluation, k)
    elif optimizer.observe(energy, forces):
        walker.steps += 1
        walker.spread = _spread(evaluation, k)
    walker.converged = params.thresholds.met(optimizer.forces, optimizer.last_change, optimizer.last_step)
    if walker.converged:
        return
    walker.trial = optimizer.propose()
    walker.fate, walker.detail = _broken(walker, energy, params)


def _spread(evaluation: Evaluation, k: int) -> float:
    """Of a committee; NaN of anything else."""
    return np.nan if evaluation.energy_spread is None else float(evaluation.energy_spread[k])


def _broken(walker: _Walker, energy: float, params: RelaxParams) -> tuple[str, str]:
    if energy > walker.first_energy + _EXPLODED_ENERGY:
        return Fate.EXPLODED, f"{energy - walker.first_energy:.1f} eV above the first energy"
    moved = np.sqrt(((walker.trial - walker.start) ** 2).sum(1))
    if not moved.max() <= params.max_displacement:
        return Fate.DISPLACED, f"atom {moved.argmax()} is {moved.max():.1f} Å from its start"
    if moved.max() > 0.5 * _LONE_ATOM and len(moved) > 1:  # nothing can be that lonely with less
        lonely = _distances(walker.trial).min(1)
        if lonely.max() > _LONE_ATOM:
            return Fate.EXPLODED, f"atom {lonely.argmax()} is {lonely.max():.1f} Å from all others"
    return Fate.GOES_ON, ""


def _distances(positions: np.ndarray) -> np.ndarray:
    """(n, n) Å, inf on the diagonal."""
    squares = ((positions[:, None] - positions[None]) ** 2).sum(-1)
    np.fill_diagonal(squares, np.inf)
    return np.sqrt(squares)


def _gather(clusters: Clusters, walkers: list[_Walker], level: str) -> Clusters:
    positions, forces = clusters.positions.copy(), np.full(clusters.positions.shape, np.nan)
    energy = np.full(len(clusters), np.nan)
    fmax = np.full(len(clusters), np.nan)
    for w in walkers:
        if w.optimizer is not None:
            atoms = clusters.atoms_of(w.index)
            positions[atoms], forces[atoms] = w.optimizer.positions, w.optimizer.forces
            energy[w.index] = w.optimizer.energy
            fmax[w.index] = np.sqrt((w.optimizer.forces**2).sum(1).max())
    # the same columns whatever moved: chunks of one population must be alike
    left = remaining(clusters.columns, moved=True, judged=True)
    spread = np.full(len(clusters), np.nan)
    spread[[w.index for w in walkers]] = [w.spread for w in walkers]
    if np.isfinite(spread).any():
        left[ENERGY_SPREAD] = spread
    relaxed = clusters.replace(positions=positions, forces=forces, energy=energy, level=level, columns=left)
    return relaxed.with_columns(
        converged=np.array([w.converged for w in walkers], bool),
        steps=np.array([w.steps for w in walkers], np.int64),
        evaluations=np.array([w.evaluations for w in walkers], np.int64),
        fmax_eV_per_A=fmax,
        fate=np.array([w.fate for w in walkers], np.str_),
        fate_detail=np.array([w.detail for w in walkers], np.str_),
    )
