"""The children of a round: made by a move, and compared with their parents on the way down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import CEILING, EVALUATIONS, FATE, FATE_DETAIL, MOVE, PARENT, PARENT_ENERGY, STREAM
from ..composition import Composition
from ..fate import Fate
from ..monomers import MonomerLibrary
from ..potentials import Potential
from ..random_keys import named_key
from ..units import KCAL_PER_MOL
from .moves import Child

_SAME_RMSD, _SAME_DISPLACEMENT = 0.125, 0.4  # Å, as in the stage dedupe
_SAME_ENERGY = 0.25 * KCAL_PER_MOL
_TRIALS, _STEPS = 8, 8  # of the move repoint: proposals of which one is chosen, after so many steps


@dataclass(frozen=True)
class Mover:
    """What moves need besides the structures.

    Attributes:
        composition, library: of the clusters. seed: of the whole run.
        potential: judges proposals, and moves the atoms in the move ``md``.
        coarse_fmax: eV/Å, where a proposal of ``repoint`` stops. md_temperature: K. md_steps: of 2 fs.
    """

    composition: Composition
    library: MonomerLibrary
    seed: int
    potential: Potential
    coarse_fmax: float
    md_temperature: float = 0.0
    md_steps: int = 0

    def generator(self, stream: int) -> np.random.Generator:
        """The random numbers of one child."""
        name = self.composition.name(self.library)
        return np.random.default_rng(named_key(self.seed, f"child {name}", stream))


class _Noise:
    """Normal deviates for the atoms of several structures, each structure with its own generator."""

    def __init__(self, generators: list[np.random.Generator], sizes: np.ndarray):
        self.generators, self.sizes = generators, sizes

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.concatenate([g.standard_normal((n, 3)) for g, n in zip(self.generators, self.sizes)])


def moved(task: Clusters, mover: Mover) -> tuple[Clusters, np.ndarray]:
    """One child for every structure of ``task`` by the move in its column ``move`` ('' leaves it as it is).

    A move that a structure does not offer is replaced by another; where there is none the child has the fate
    ``no_move``. Each child depends on its own structure and on its own random key alone.

    Returns: the children, in order, with the column ``fate``; (B,) evaluations of the potential spent on them.
    """
    from ..generate.bodies import Kinds, take_apart
    from .moves import MD, MOVES, REPOINT, child_of

    move = task.columns[MOVE].astype("U16")
    if not (move != "").any():
        return task.with_columns(fate=Fate.GOES_ON), np.zeros(len(task), np.int64)
    rngs = [mover.generator(stream) for stream in task.columns[STREAM]]
    bodies = take_apart(task, mover.composition, Kinds(mover.library))
    positions = [task.positions[task.atoms_of(i)] for i in range(len(task))]
    numbers = [task.numbers[task.atoms_of(i)] for i in range(len(task))]
    fate = np.full(len(task), Fate.GOES_ON, "U16")
    for i in range(len(task)):
        if move[i] in ("", MD):
            continue
        one = bodies[i]
        made = None if one is None else child_of(one, str(move[i]), mover.composition, mover.library, rngs[i])
        if made is None:
            fate[i] = Fate.NO_MOVE
        else:
            (numbers[i], positions[i]), move[i] = made
    assert set(move) <= {"", MD, *MOVES}
    spent = np.zeros(len(task), np.int64)
    network = np.flatnonzero((move == REPOINT) & (fate == Fate.GOES_ON)).tolist()
    if network:
        first = {i: (numbers[i], positions[i]) for i in network}
        for i, best in _best_networks(network, first, task, bodies, rngs, mover).items():
            positions[i], spent[i] = best
    children = Clusters.make(
        positions, numbers, charge=task.charge, ids=task.ids, columns={**task.columns, MOVE: move, FATE: fate}
    )
    hot = np.flatnonzero(move == MD)
    if len(hot):
        from ..relax.langevin import Langevin

        some = children[hot]
        noise = _Noise([rngs[i] for i in hot], some.natoms)
        end, _ = Langevin().run(some, mover.potential, mover.md_temperature, mover.md_steps, noise)
        everything = children.positions.copy()
        for k, i in enumerate(hot.tolist()):
            everything[children.atoms_of(i)] = end.positions[end.atoms_of(k)]
        children = children.replace(positions=everything)
        spent[hot] += mover.md_steps + 1
    return children, spent


def _best_networks(
    chosen: list[int], made: dict[int, Child], task: Clusters, bodies: list[Any],
    rngs: list[np.random.Generator], mover: Mover,
) -> dict[int, tuple[np.ndarray, int]]:  # fmt: skip
    """For each of ``chosen``: (positions, evaluations) of the lowest of its proposals by ``repoint`` after a few steps.

    Most networks of hydrogen bonds are far too high, and a few steps show which.

    Args:
        made: the first proposal of each.
    """
    from ..relax import RelaxParams, relax
    from .moves import REPOINT, child_of

    proposals: list[Child] = []
    of: list[int] = []
    for i in chosen:
        more = (child_of(bodies[i], REPOINT, mover.composition, mover.library, rngs[i]) for _ in range(_TRIALS - 1))
        proposals += [made[i], *(child for child, move in filter(None, more) if move == REPOINT)]
        of += [i] * (len(proposals) - len(of))
    clusters = Clusters.make([x for _, x in proposals], [z for z, _ in proposals], charge=task.charge[of])
    tried = relax(clusters, mover.potential, RelaxParams(fmax=mover.coarse_fmax, max_steps=_STEPS))
    energy = np.where(np.isfinite(tried.energy), tried.energy, np.inf)
    best: dict[int, tuple[np.ndarray, int]] = {}
    for i in chosen:
        mine = np.flatnonzero(np.array(of) == i)
        lowest = mine[energy[mine].argmin()]
        spent = int(tried.columns[EVALUATIONS][mine].sum())
        best[i] = tried.positions[tried.atoms_of(lowest)], spent
    return best


def compared(children: Clusters, task: Clusters) -> Clusters:
    """``children`` with the fate ``above_window`` or ``returned`` (to the parent's minimum, or its mirror image)."""
    from ..similarity import permutation_rmsd

    fate, detail = (children.columns[k].astype("U64") for k in (FATE, FATE_DETAIL))
    parent_energy = task.columns.get(PARENT_ENERGY, np.full(len(task), np.nan))
    for i in np.flatnonzero(fate == Fate.GOES_ON):
        if children.energy[i] > task.columns[CEILING][i]:
            fate[i] = Fate.ABOVE_WINDOW
        elif abs(children.energy[i] - parent_energy[i]) < _SAME_ENERGY:  # never where there is no parent: NaN
            mine, theirs = children.atoms_of(i), task.atoms_of(i)
            match = permutation_rmsd(
                children.numbers[mine], children.positions[mine], task.numbers[theirs], task.positions[theirs]
            )
            if match.rmsd <= _SAME_RMSD and match.max_displacement <= _SAME_DISPLACEMENT:
                fate[i], detail[i] = Fate.RETURNED, str(task.columns[PARENT][i])
    return children.with_columns(fate=fate, fate_detail=detail)
