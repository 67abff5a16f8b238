"""Simple random arrangements of the molecules of a composition: where sampling of training structures starts.

On purpose cruder than :mod:`sampler.generate`: the near misses that a generator makes now and then are the rule here,
and a model has to know them too.
"""

from __future__ import annotations

import numpy as np

from ...clusters import Clusters
from ...composition import Composition, State
from ...monomers import MonomerLibrary


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """(3, 3) rotation, uniform (from a random unit quaternion)."""
    q = rng.standard_normal(4)
    a, b, c, d = q / np.linalg.norm(q)
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d],
        ]
    )


def scatter(
    composition: Composition, library: MonomerLibrary, count: int, rng: np.random.Generator, name: str
) -> tuple[Clusters, np.ndarray]:
    """``count`` arrangements, each in a random protonation and conformer state.

    Returns:
        The structures (column ``state``), and (N,) the molecule that each atom started in, from 0 in each structure.
    """
    states = composition.states(library)
    positions, numbers, molecules, labels = [], [], [], []
    for _ in range(count):
        state = states[rng.integers(len(states))]
        placed, elements, owner = _place(state, library, rng)
        positions.append(placed - placed.mean(0))
        numbers.append(elements)
        molecules.append(owner)
        labels.append("+".join(f"{n}{m}" for m, n in state.monomers.items()))
    made = Clusters.make(
        positions,
        numbers,
        charge=composition.charge,
        ids=[f"{name}-{i}" for i in range(count)],
        columns={"state": np.asarray(labels, dtype=np.str_)},
    )
    return made, np.concatenate(molecules) if count else np.zeros(0, np.int64)


def _place(state: State, library: MonomerLibrary, rng: np.random.Generator):
    """Molecules one by one, each moved in along a random line until it touches those already there."""
    forms = state.forms()
    placed, elements, owner = np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros(0, np.int64)
    for k, index in enumerate(rng.permutation(len(forms))):
        monomer = library[forms[index].monomer]
        body = monomer.conformers[forms[index].conformer].positions @ random_rotation(rng).T
        body = body - body.mean(0)
        if k:
            direction = rng.standard_normal(3)
            direction /= np.linalg.norm(direction)
            aim = placed[rng.integers(len(placed))]
            contact = rng.uniform(1.4, 2.3)
            along = 30.0
            while along > 0.0 and _nearest(placed, body + aim + direction * (along - 0.1)) > contact:
                along -= 0.1
            body = body + aim + direction * along
        placed = np.vstack([placed, body])
        elements = np.concatenate([elements, monomer.numbers])
        owner = np.concatenate([owner, np.full(len(monomer.numbers), k)])
    return placed, elements, owner


def _nearest(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1).min()))
