"""Moves of a relaxed cluster: molecules docked elsewhere, turned, exchanged or shaken; protons moved.

Every move takes (bodies, library, rng) and gives (numbers (n,), positions (n, 3) Å) of a child with the same atoms, or
None where the cluster offers no such move. Nothing is relaxed but the pose of a docked molecule on the rigid surface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..composition import Composition
from ..errors import InputError
from ..generate import docking
from ..generate.bodies import Bodies
from ..generate.rigid import Poses, molecule_energies, rotation_matrices
from ..monomers import MonomerLibrary
from . import rearranged

Child = tuple[np.ndarray, np.ndarray]

_HYDROGEN_BOND = 2.3  # Å, H···A
_BOND = {7: 1.03, 8: 0.98}  # Å, N–H and O–H as they are put
_TRIES = 6
_NEW_PLACE = 0.3  # Å, by which the largest of the sorted distances between atoms changes at least


def redock(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Take one molecule out and dock it at one of the best sites of the rest.

    In half of the children the molecule is drawn with weights that halve from the most weakly bound to the next, in
    the other half evenly; the site with weights that halve from the best to the next.
    """
    if bodies.molecules < 2:
        return None
    chosen = _loose_first(bodies, rng)
    _, docked = docking.sites(bodies.without([chosen]), bodies.take([chosen]), rng)
    if not docked:
        return None
    weight = 0.5 ** np.arange(len(docked))
    made = docked[rng.choice(len(docked), p=weight / weight.sum())]
    return made.numbers, made.positions


def turn(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Give one or two molecules a random orientation and handedness in their places."""
    if bodies.molecules < 2:
        return None
    count = min(bodies.molecules, int(rng.integers(1, 3)))
    for chosen in sorted(rng.choice(bodies.molecules, count, replace=False).tolist(), reverse=True):
        # what is settled goes to the end, so that the places before it keep their meaning
        guest = docking.turned(bodies.take([chosen]), rng)
        bodies = docking.settle(bodies.without([chosen]), guest)
    return bodies.numbers, bodies.positions


def swap(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Exchange the places of two molecules of different kinds, both turned at random."""
    pairs = [(i, j) for i in range(bodies.molecules) for j in range(i) if bodies.names[i] != bodies.names[j]]
    if not pairs:
        return None
    i, j = pairs[rng.integers(len(pairs))]
    centres = bodies.centres()
    first, second = (docking.turned(bodies.take([m]), rng) for m in (i, j))
    first = first.at(first.positions + centres[j] - centres[i])
    second = second.at(second.positions + centres[i] - centres[j])
    if bodies.molecules == 2:
        made = docking.settle(first, second)
    else:
        made = docking.settle(docking.settle(bodies.without([i, j]), first), second)
    return made.numbers, made.positions


def shake(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Displace every molecule by about 0.5 Å and turn it by about 30°, less where molecules would overlap."""
    if bodies.molecules < 2:
        return None
    of, centres = bodies.molecule_of_atom, bodies.centres()
    shift = rng.normal(0.0, 0.5, (bodies.molecules, 3))
    axis = rng.normal(0.0, np.pi / 6, (bodies.molecules, 3)) / np.sqrt(3.0)
    for _ in range(_TRIES):
        angle = np.linalg.norm(axis, axis=1, keepdims=True)
        q = np.concatenate([np.cos(angle / 2), axis * np.sinc(angle / (2 * np.pi)) / 2], axis=1)
        arm = np.einsum("nij,nj->ni", rotation_matrices(q)[of], bodies.positions - centres[of])
        x = arm + (centres + shift)[of]
        if _nearest(x, of) > 1.2:
            return bodies.numbers, x
        shift, axis = 0.6 * shift, 0.6 * axis
    return None


def transfer(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Move a proton along a hydrogen bond to the other molecule."""
    hydrogens = _movable(bodies)
    x, of = bodies.positions, bodies.molecule_of_atom
    found = []
    for h in hydrogens:
        for a in _acceptors(bodies):
            if of[a] != of[h] and np.linalg.norm(x[a] - x[h]) < _HYDROGEN_BOND and _allowed(bodies, library, h, a):
                found.append((h, a))
    if not found:
        return None
    h, a = found[rng.integers(len(found))]
    line = x[bodies.held_by[h]] - x[a]
    moved = x.copy()
    moved[h] = x[a] + line / np.linalg.norm(line) * _BOND[int(bodies.numbers[a])]
    return bodies.numbers, moved


def resite(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Move a proton to another site, of its own molecule or of any other, whether or not a hydrogen bond leads there."""
    found = [(h, a) for h in _movable(bodies) for a in _acceptors(bodies) if _allowed(bodies, library, h, a)]
    if not found:
        return None
    h, a = found[rng.integers(len(found))]
    x = bodies.positions.copy()
    x[h] = x[a] + _BOND[int(bodies.numbers[a])] * _open_direction(bodies, h, a, rng)
    return bodies.numbers, x


def repoint(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Point the O–H of every oxyacid and its anion at random elsewhere, all at once; the oxygens stay where they are.

    Each molecule is turned by a rotation that exchanges its oxygens (HSO4⁻ and H2SO4: twelve, one of them none). A network
    of hydrogen bonds that holds together as a whole is not reached one bond after another.
    """
    x, moved = bodies.positions.copy(), False
    for start, end, turns in zip(bodies.ptr, bodies.ptr[1:], bodies.exchanges):
        k = int(rng.integers(len(turns)))
        if k:
            centre, rotation = turns[k]
            x[start:end] = (x[start:end] - centre) @ rotation.T + centre
            moved = True
    return (bodies.numbers, x) if moved else None


def rearrange(bodies: Bodies, library: MonomerLibrary, rng: np.random.Generator) -> Child | None:
    """Several molecules elsewhere at once: see :func:`.rearranged.rearrange`."""
    return rearranged.rearrange(bodies, rng)


REPOINT = "repoint"
"""Of this move the stage tries several, with its potential."""

MOVES: dict[str, Callable[[Bodies, MonomerLibrary, np.random.Generator], Child | None]] = {
    "redock": redock,
    "turn": turn,
    "shake": shake,
    "transfer": transfer,
    "resite": resite,
    "swap": swap,
    REPOINT: repoint,
    "rearrange": rearrange,
}
"""Name in a protocol -> move, in the order in which one stands in for another that a cluster does not offer."""

_PLACES = ("redock", "turn", "swap", "rearrange")

MD = "md"
"""The move that the stage makes itself, with its potential: short hot molecular dynamics."""

SHARES: Mapping[str, float] = {
    "redock": 0.45, "turn": 0.25, "shake": 0.1, "transfer": 0.1, MD: 0.05, "resite": 0.03, "swap": 0.02, REPOINT: 0.0,
    "rearrange": 0.0,
}  # fmt: skip
"""How often each move is made, by default."""


def check_shares(shares: Mapping[str, float]) -> None:
    """Raises InputError unless the weights name known moves, none is negative and one is above 0."""
    unknown = sorted(set(shares) - {*MOVES, MD})
    if unknown:
        raise InputError(f"no move is called {unknown[0]!r}; known: {', '.join([*MOVES, MD])}")
    weights = np.array(list(shares.values()), float)
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(f"the moves need weights of 0 or more, at least one above 0; they are {dict(shares)}")


def child_of(
    bodies: Bodies, move: str, composition: Composition, library: MonomerLibrary, rng: np.random.Generator
) -> tuple[Child, str] | None:
    """One child, made by ``move`` or, where that is not possible, by another one: those that cost least first.

    Every child is checked: the same atoms, all molecules whole, one connected cluster, nothing overlapping; molecules
    that were moved are not back where they were.

    Returns: ((numbers, positions), name of the move that made it), or None for a single rigid molecule.
    """
    from ..identify import assign

    for name in dict.fromkeys((move, *MOVES)):
        for _ in range(_TRIES):
            child = MOVES[name](bodies, library, rng)
            if child is None:
                break
            if name in _PLACES and _alike(bodies.positions, child[1]):
                continue  # back where it was, or like molecules exchanged
            if assign(*child, composition, library, composition.charge).intact:
                return child, name
    return None


def _loose_first(bodies: Bodies, rng: np.random.Generator) -> int:
    system = bodies.system()
    quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (1, bodies.molecules, 1))
    poses = Poses(bodies.centres()[None], quaternions, np.ones((1, bodies.molecules)))
    rank = np.argsort(np.argsort(-molecule_energies(system, poses)[0]))
    weight = 0.5**rank if rng.random() < 0.5 else np.ones(bodies.molecules)
    return int(rng.choice(bodies.molecules, p=weight / weight.sum()))


def _movable(bodies: Bodies) -> np.ndarray:
    """Hydrogens on nitrogen and oxygen."""
    return np.flatnonzero((bodies.numbers == 1) & np.isin(bodies.numbers[bodies.held_by], (7, 8)))


def _acceptors(bodies: Bodies) -> np.ndarray:
    """Nitrogen and oxygen; of the oxygens that other heavy atoms hold, those without a hydrogen."""
    hydrogens = np.bincount(bodies.held_by[bodies.numbers == 1], minlength=len(bodies.numbers))
    heavy = np.bincount(bodies.molecule_of_atom, bodies.numbers != 1)[bodies.molecule_of_atom]
    free = (hydrogens == 0) | (heavy == 1) | (bodies.numbers == 7)
    return np.flatnonzero(np.isin(bodies.numbers, (7, 8)) & free)


def _allowed(bodies: Bodies, library: MonomerLibrary, h: int, a: int) -> bool:
    """Whether the library has both molecules after proton ``h`` has gone to atom ``a``."""
    of, donor = bodies.molecule_of_atom, bodies.held_by[h]
    if a == donor:
        return False
    if of[a] == of[h]:
        return True
    return all(_has(library, bodies.names[of[atom]], change) for atom, change in ((h, -1), (a, +1)))


def _has(library: MonomerLibrary, name: str, change: int) -> bool:
    monomer = library[name]
    return any(m.protons == monomer.protons + change for m in library.family(monomer.family))


def _open_direction(bodies: Bodies, h: int, a: int, rng: np.random.Generator) -> np.ndarray:
    """(3,) the best of 40 random directions from atom ``a`` for a proton: towards acceptors, away from the rest."""
    others = np.setdiff1d(np.arange(len(bodies.numbers)), [h, a])
    u = rng.standard_normal((40, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    place = bodies.positions[a] + _BOND[int(bodies.numbers[a])] * u
    r = np.linalg.norm(place[:, None] - bodies.positions[others][None], axis=-1)
    charge = bodies.parameters[others, 0]
    heavy = bodies.numbers[others] != 1
    close = np.where(heavy, 1.5, 1.6)[None]  # Å, below which two atoms that are not bonded repel
    return u[(charge / r + 20.0 * np.maximum(close - r, 0.0) ** 2).sum(1).argmin()]


def _alike(x: np.ndarray, y: np.ndarray) -> bool:
    i, j = np.triu_indices(len(x), 1)
    distances = [np.sort(np.linalg.norm(z[i] - z[j], axis=1)) for z in (x, y)]
    return bool(np.abs(distances[0] - distances[1]).max() < _NEW_PLACE)


def _nearest(x: np.ndarray, of: np.ndarray) -> float:
    """Å, the smallest distance between atoms of different molecules."""
    r = np.linalg.norm(x[:, None] - x[None], axis=-1)
    r[of[:, None] == of[None]] = np.inf
    return float(r.min(initial=np.inf))
