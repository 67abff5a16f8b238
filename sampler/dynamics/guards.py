"""What must not happen to a trajectory without being noticed: chemistry, evaporation, doubt of the model, drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError
from ..monomers import MonomerLibrary
from .events import FAILURES, Event, Kind

LONGEST_MOVE = 0.3
"""Å in one step; at 0.5 fs hydrogen at 1000 K moves 0.02 Å."""


@dataclass(frozen=True)
class Limits:
    """When to object.

    Attributes:
        spread: eV/Å, of the force on one atom within a committee (length of the standard deviation): the shipped ones stay
            below 0.2 where they hold, and are off by about one and a half times as much (docs/evidence/dynamics.md).
        drift: kcal/mol per atom, of the conserved quantity since the start.
        stop_at: kinds of events that end a replica; other ones are written down, and it goes on. ``exploded`` always ends it.
    """

    spread: float = 0.5
    drift: float = 0.1
    stop_at: tuple[Kind, ...] = (Kind.EVAPORATED, Kind.REACTED, Kind.SPREAD, Kind.DRIFT)

    @classmethod
    def stopping_at(cls, words: str, **limits: float) -> Limits:
        """``words``: names of events with commas between, or ``none``.

        Raises:
            InputError: there is no such event.
        """
        known = [k.value for k in FAILURES]
        names = [] if words.strip() in ("none", "") else [w.strip() for w in words.split(",")]
        if unknown := [n for n in names if n not in known]:
            raise InputError(f"--stop-at {unknown[0]}: not one of {', '.join(known)}, none")
        return cls(stop_at=tuple(Kind(n) for n in names), **limits)

    def ends(self, event: Event) -> bool:
        return event.kind is Kind.EXPLODED or event.kind in self.stop_at


@dataclass(frozen=True)
class Settled:
    """What the identity check of a batch compares with.

    Attributes:
        skeleton: (N,) of heavy atoms the first heavy atom of their molecule, as at the start; -1 of hydrogens.
        holder: (N,) of hydrogens the skeleton that holds them for good; -1 where that is not known, and of heavy atoms.
        apart, reacted: (B,) bool, what was found last.
    """

    skeleton: np.ndarray
    holder: np.ndarray
    apart: np.ndarray
    reacted: np.ndarray

    def subset(self, atoms: np.ndarray, which: np.ndarray) -> Settled:
        """Of the atoms and the structures chosen; atoms are counted within their structure, so that nothing moves."""
        return Settled(self.skeleton[atoms], self.holder[atoms], self.apart[which], self.reacted[which])


class IdentityCheck:
    """Finds what has become of clusters of one composition since the last look."""

    def __init__(self, composition: Composition | None, library: MonomerLibrary):
        self.composition, self.library = composition, library

    def begin(self, clusters: Clusters) -> Settled:
        """What is compared with later.

        Raises:
            InputError: a structure is not whole at the start, or not of the composition.
        """
        from ..identify import identify

        found = self._assign(clusters)
        told = identify(clusters, self.composition, self.library)
        for i, identity in enumerate(told.columns["identity"].tolist()):
            if identity != "intact":
                raise InputError(
                    f"{clusters.ids[i]} is not one whole cluster to begin with: {identity}, "
                    f"{told.columns['identity_detail'][i]}; start from a structure of a run, or relax it: sampler relax"
                )
        heavy = clusters.numbers != 1
        skeleton = np.full(len(heavy), -1)
        for i in range(len(clusters)):
            atoms = clusters.atoms_of(i)
            molecule = found.molecule[atoms]
            first = {
                m: int(np.flatnonzero((molecule == m) & heavy[atoms])[0]) for m in np.unique(molecule[heavy[atoms]])
            }
            skeleton[atoms] = [first[m] if h else -1 for m, h in zip(molecule.tolist(), heavy[atoms])]
        holder = self._holders(found, clusters, skeleton)
        holder[(found.other >= 0) & ~heavy] = -1
        none = np.zeros(len(clusters), bool)
        return Settled(skeleton, holder, none, none)

    def look(
        self, clusters: Clusters, settled: Settled, step: int, time_fs: float
    ) -> tuple[Settled, list[tuple[int, Event]]]:
        """(what is settled now, [(structure, event)])."""
        from ..identify import identify
        from ..identify.bond_kernels import APART, FREE_H, H2, SITE, SKELETON

        found = self._assign(clusters)
        broken = (found.status & (SKELETON | SITE | FREE_H | H2)) > 0
        apart = (found.status & APART) > 0
        owner = self._holders(found, clusters, settled.skeleton)
        sure = (clusters.numbers == 1) & (owner >= 0) & (found.other < 0) & ~broken[clusters.structure_of_atom]
        moved = sure & (settled.holder >= 0) & (owner != settled.holder)
        changed = (broken & ~settled.reacted) | (apart != settled.apart) & ~broken
        changed[np.unique(clusters.structure_of_atom[moved])] = True
        events: list[tuple[int, Event]] = []
        which = np.flatnonzero(changed)
        if len(which):
            told = identify(clusters[which], self.composition, self.library).columns
            for k, i in enumerate(which.tolist()):
                state, detail = str(told["state"][k]), str(told["identity_detail"][k])
                events += [
                    (i, Event(step, time_fs, Kind.PROTON, words, {"state": state}))
                    for words in self._moves(clusters, i, moved, settled.holder, owner)
                ]
                if broken[i] and not settled.reacted[i]:
                    events.append((i, Event(step, time_fs, Kind.REACTED, detail, {"state": state})))
                elif apart[i] != settled.apart[i] and not broken[i]:
                    kind = Kind.EVAPORATED if apart[i] else Kind.REJOINED
                    events.append((i, Event(step, time_fs, kind, detail if apart[i] else state, {"state": state})))
        holder = np.where(sure, owner, settled.holder)
        return Settled(
            settled.skeleton, holder, np.where(broken, settled.apart, apart), settled.reacted | broken
        ), events

    def _assign(self, clusters: Clusters):
        from ..identify.assignment import assign_batch

        return assign_batch(clusters, self.composition, self.library)

    def _holders(self, found, clusters: Clusters, skeleton: np.ndarray) -> np.ndarray:
        """(N,) of hydrogens: the skeleton of the heavy atom next to them; -1 without one, and of heavy atoms."""
        start = clusters.ptr[clusters.structure_of_atom]
        held = (clusters.numbers == 1) & (found.owner >= 0)
        return np.where(held, skeleton[np.where(held, start + found.owner, 0)], -1)

    def _moves(self, clusters: Clusters, i: int, moved: np.ndarray, before: np.ndarray, now: np.ndarray) -> list[str]:
        from ase.data import chemical_symbols

        start, stop = int(clusters.ptr[i]), int(clusters.ptr[i + 1])
        name = lambda k: f"{chemical_symbols[clusters.numbers[start + k]]}{k}"  # noqa: E731
        return [
            f"H{h - start} from the molecule of {name(before[h])} to that of {name(now[h])}"
            for h in range(start, stop)
            if moved[h]
        ]


AGAIN = 0.5
"""Share of a limit below which a value has to fall before it can raise another event."""


def crossed(values: np.ndarray, limits: np.ndarray, over: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Which values have gone above their limits, and which are above: both like ``values``, bool.

    Args:
        over: which were above before; None: none.
    """
    before = np.zeros(values.shape, bool) if over is None else over
    now = (values > limits) | (before & (values > AGAIN * limits))
    return now & ~before, now


def doubts(spread: np.ndarray | None, owner: np.ndarray, limit: float) -> list[tuple[int, int, float]]:
    """(structure, atom in the batch, eV/Å) for each structure with a force that the committee disagrees on."""
    if spread is None or not (spread > limit).any():
        return []
    found = []
    for i in np.unique(owner[spread > limit]).tolist():
        atoms = np.flatnonzero(owner == i)
        worst = int(atoms[np.argmax(spread[atoms])])
        found.append((i, worst, float(spread[worst])))
    return found
