"""Going once through the frames of all replicas, past everyone who wants to see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..clusters import Clusters
from ..composition import Composition
from ..dynamics.reading import Frame, frames
from ..errors import FileFormatError
from ..identify import identify
from ..identify.assignment import assign_batch
from ..identify.bond_kernels import APART, FREE_H, H2, SITE, SKELETON
from ..identify.describe import molecules_of
from ..identify.hydrogen_bonds import BondsOfFrames, of_frames
from ..monomers import MonomerLibrary
from .folder import Group, Replica
from .found import Found

_ATOMS = 20_000
"""Atoms that are looked at together: what the memory of a look is made for."""


@dataclass(frozen=True)
class Molecules:
    """The molecules of a structure at its start: what frames are described by.

    Attributes:
        of_atom: (n,) molecule of each heavy atom; of hydrogens, too, where they were at the start. names: as printed.
    """

    of_atom: np.ndarray
    names: tuple[str, ...]


class Identity:
    """Who is who in the frames of one composition."""

    def __init__(self, start: Clusters, composition: Composition | None, library: MonomerLibrary):
        self.start, self.composition, self.library = start, composition, library
        self.numbers = start.numbers
        found = assign_batch(start, composition, library)
        names = [m.label for m in molecules_of(found, 0, start.ptr, start.numbers)]
        self.molecules = Molecules(found.molecule.copy(), tuple(names))
        self._labels: dict[bytes, str] = {}

    def look(self, time_fs: np.ndarray, positions: np.ndarray) -> Look:
        """F successive frames, (F,) and (F, n, 3)."""
        count, n = positions.shape[:2]
        clusters = Clusters.make(list(positions), [self.numbers] * count, charge=[int(self.start.charge[0])] * count)
        found = assign_batch(clusters, self.composition, self.library)
        owner = found.owner.reshape(count, n)
        molecule = np.where(owner >= 0, self.molecules.of_atom[owner], -1)
        molecule[:, self.numbers != 1] = self.molecules.of_atom[self.numbers != 1]
        broken = (found.status & (SKELETON | SITE | FREE_H | H2)) > 0
        apart = (found.status & APART) > 0
        states = self._states(found, clusters, broken)
        return Look(time_fs, positions, self.numbers, molecule, owner, states, ~(broken | apart))

    def _states(self, found, clusters: Clusters, broken: np.ndarray) -> list[str]:
        """The protonation state of each frame; one of a kind is described in words."""
        keys = []
        for k in range(len(clusters)):
            part = slice(int(clusters.ptr[k]), int(clusters.ptr[k]) + int(found.molecules[k]))
            keys.append(np.sort(found.family[part] * 1000 + found.hydrogens[part]).tobytes())
        new = {key: k for k, key in enumerate(keys) if key not in self._labels and not broken[k]}
        if new:
            which = list(new.values())
            told = identify(clusters[which], self.composition, self.library).columns["state"].tolist()
            self._labels |= dict(zip(new, map(str, told)))
        return ["reacted" if b else self._labels[key] for key, b in zip(keys, broken.tolist())]


@dataclass(frozen=True)
class Look:
    """F successive frames of one replica.

    Attributes:
        time_fs: (F,). positions: (F, n, 3) Å. numbers: (n,). molecule: (F, n) which of the start's molecules holds each atom
            now, -1 for a free hydrogen. owner: (F, n) the heavy atom that holds each hydrogen. state: protonation labels.
            whole: (F,) whether nothing has reacted or left.
    """

    time_fs: np.ndarray
    positions: np.ndarray
    numbers: np.ndarray
    molecule: np.ndarray
    owner: np.ndarray
    state: list[str]
    whole: np.ndarray

    @cached_property
    def distances(self) -> np.ndarray:
        """(F, n, n) Å."""
        x = self.positions
        square = np.einsum("fij,fij->fi", x, x)
        found = square[:, :, None] + square[:, None] - 2.0 * np.einsum("fik,fjk->fij", x, x)
        return np.sqrt(np.maximum(found, 0.0))

    @cached_property
    def hydrogen_bonds(self) -> BondsOfFrames:
        return of_frames(self.numbers, self.positions, self.owner)


class Watcher:
    """Sees the frames of all replicas of one structure go by, in order; base of all analyses."""

    def __init__(self, group: Group, molecules: Molecules):
        self.group, self.molecules = group, molecules

    def begin(self, replica: Replica) -> None: ...

    def see(self, look: Look) -> None: ...

    def end(self, replica: Replica) -> None: ...

    def found(self) -> Found:
        """
        Raises:
            InputError: there is not enough for it.
        """
        raise NotImplementedError


def go_through(
    group: Group, identity: Identity, watchers: Sequence[Watcher], after_fs: float, every: int = 1
) -> list[str]:
    """Show the frames from ``after_fs`` on to everyone, each replica as long as its cluster is whole.

    Args:
        every: only each so many-th frame.

    Returns:
        remarks: trajectories that cannot be read.
    """
    remarks = []
    for replica in group.replicas:
        for one in watchers:
            one.begin(replica)
        try:
            for time, positions in _pieces(replica, len(identity.numbers), after_fs, every, group.frame_fs):
                look = identity.look(time, positions)
                for one in watchers:
                    one.see(look)
        except FileFormatError as error:
            remarks.append(f"replica {replica.number} is read up to where its trajectory is damaged: {error}")
        for one in watchers:
            one.end(replica)
    return remarks


def _pieces(
    replica: Replica, n: int, after_fs: float, every: int, frame_fs: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(F,) fs and (F, n, 3) Å, as much as is looked at together."""
    if not replica.trajectory.exists():
        return
    size = max(1, _ATOMS // n)
    kept: list[Frame] = []
    packed = lambda: (np.array([f.number("time_fs") for f in kept]), np.array([f.positions for f in kept]))  # noqa: E731
    try:
        for frame in frames(replica.trajectory, every):
            time = frame.number("time_fs")
            if time >= replica.whole_until_fs:
                break
            if time < after_fs or abs(time / frame_fs - round(time / frame_fs)) > 1e-3:
                continue  # the very last frame may lie between two
            if len(frame.numbers) != n:
                raise FileFormatError(f"{replica.trajectory}, frame {frame.index}: {len(frame.numbers)} atoms, not {n}")
            kept.append(frame)
            if len(kept) == size:
                yield packed()
                kept = []
    except FileFormatError:
        if kept:
            yield packed()
        raise
    if kept:
        yield packed()
