"""What a study trains on and tests with: two data sets of one level without duplicates across, ready as targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import InputError
from ..learn.labels.dataset import LabelSet
from ..learn.training.targets import Targets
from ..monomers import MonomerLibrary
from ..potentials import Evaluation, Potential

DIRECT, DELTA = "direct", "delta"


@dataclass(frozen=True)
class StudyData:
    """
    Attributes:
        train, test: labels; both of one level, engine and set of monomers.
        files: name -> {file, sha256, structures}, for the manifest. remarks: lines for people.
    """

    train: LabelSet
    test: LabelSet
    files: dict[str, dict[str, Any]]
    remarks: tuple[str, ...]

    @property
    def level(self) -> str:
        return self.train.level


def open_data(
    train: Sequence[Path],
    test: Path | None,
    library: MonomerLibrary,
    mix_engines: bool = False,
    mix_charges: bool = False,
) -> StudyData:
    """Read both sets, and see that they may be compared; without ``test``, one that is empty.

    Raises:
        LevelError: several levels, engines or sets of monomers.
        InputError: a structure of the test is trained on; too few structures.
    """
    from ..learn.labels.labels_file import open_labels
    from ..learn.labels.prepare import prepare
    from ..learn.labels.teach import require_labels
    from ..learn.split import leaks_between

    ready = prepare(train, (), library, mix_engines=mix_engines, mix_charges=mix_charges)
    told = {
        f"train_{k}" if len(train) > 1 else "train": _about(file, open_labels(file, library))
        for k, file in enumerate(train, start=1)
    }
    if test is None:
        return StudyData(ready.labels, ready.labels.subset(np.zeros(0, np.int64)), told, tuple(ready.remarks))
    tested = open_labels(test, library)
    require_labels(tested, test, "test with labels")
    LabelSet.join([ready.labels, tested], mix_engines)  # of one level, engine and set of monomers
    good = np.isfinite(tested.clusters.energy)
    remarks = list(ready.remarks)
    if not good.all():
        remarks.append(f"{(~good).sum()} structures of {test.name} have no energy, and are not tested with")
        tested = tested.subset(good)
    twins = leaks_between(tested, ready.labels)
    leaks = np.flatnonzero(twins >= 0)
    if len(leaks):
        one, other = ready.labels.clusters.ids[leaks[0]], tested.clusters.ids[twins[leaks[0]]]
        raise InputError(
            f"{len(leaks)} structures to train on are duplicates of structures of {test} (first: {one} of {other}); "
            "divide one set without such leaks: sampler data split"
        )
    return StudyData(ready.labels, tested, told | {"test": _about(test, tested)}, tuple(remarks))


def _about(file: Path, labels: LabelSet) -> dict[str, Any]:
    return {"file": str(file), "sha256": labels.digest(), "structures": len(labels)}


@dataclass(frozen=True)
class Pair:
    """Targets to train on and to test with, of one zero of energy, and the labels they were made of."""

    train: Targets
    test: Targets
    labels: LabelSet

    def part(self, chosen: np.ndarray) -> Targets:
        """Those of the structures ``chosen`` of the set to train on."""
        t = self.train
        labels = self.labels.subset(chosen)
        _, energy, forces = t.take(chosen)
        return replace(t, clusters=labels.clusters, energy=energy, forces=forces, digest=labels.digest())


def pair_of(data: StudyData, library: MonomerLibrary, base: Potential | None = None) -> Pair:
    """Binding energies and forces of both sets; with ``base``, what they differ from its own.

    The zero is that of both sets together, so that every training of a study has the same.
    """
    from ..learn.training.targets import delta_targets, direct_targets

    parts = [_without_forces(s) for s in (data.train, data.test)]
    both = LabelSet.join(parts, mix_engines=True)
    made = delta_targets(both, base, library, True) if base else direct_targets(both, library, True)
    n = len(data.train)
    cut = [slice(0, n), slice(n, None)]
    targets = [_half(made, labels, s, base) for labels, s in zip((data.train, data.test), cut)]
    return Pair(targets[0], targets[1], data.train)


def _without_forces(labels: LabelSet) -> LabelSet:
    return replace(labels, clusters=labels.clusters.replace(forces=None))


def _half(made: Targets, labels: LabelSet, rows: slice, base: Potential | None) -> Targets:
    c = labels.clusters
    known = c.forces is not None
    forces = c.forces if c.forces is not None else np.zeros(c.positions.shape)
    if base is not None and known:
        forces = forces - base.evaluate(c).needed_forces
    return replace(
        made, clusters=c, energy=made.energy[rows], forces=forces, digest=labels.digest(), has_forces=known
    )  # fmt: skip


class KeptBase(Potential):
    """A cheaper method whose energies and forces at the structures of a study were computed once.

    Other structures, such as monomers, go to the method itself.
    """

    def __init__(self, base: Potential, clusters: Clusters):
        self.base, self._clusters = base, clusters
        self._row = {key: i for i, key in enumerate(_keys(clusters))}

    @property
    def level(self) -> str:
        return self.base.level

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        rows = [self._row.get(key) for key in _keys(clusters)]
        known = [r for r in rows if r is not None]
        if len(known) != len(rows):
            return self.base.evaluate(clusters, forces)
        kept = self._clusters[np.array(known, np.int64)]
        failure = np.where(np.isfinite(kept.energy), "", "failed")
        return Evaluation(kept.energy, kept.forces if forces else None, failure)


def _keys(clusters: Clusters) -> list[str]:
    from ..learn.labels.label import key

    c = clusters
    return [key(c.numbers[a], c.positions[a], int(c.charge[i])) for i, a in enumerate(map(c.atoms_of, range(len(c))))]


_CHUNK = 100  # structures


def keep_base(
    data: StudyData,
    base: Potential,
    folder: Path,
    workers: int = 1,
    start: Callable[[int], None] = lambda total: None,
    advance: Callable[[int, bool], None] = lambda n, found: None,
) -> KeptBase:
    """Energies and forces of ``base`` at all structures, in files of ``folder``; a killed call goes on.

    Args:
        start: called with the number of structures. advance: with how many more are done, and whether they were found.
    """
    from ..learn.planned_chunks import do_chunks

    both = Clusters.concatenate([s.clusters.without_energies() for s in (data.train, data.test)])
    bounds = range(0, len(both), _CHUNK)
    chunks = [
        (folder / f"{k:05d}.npz", (base, both[np.arange(b, min(b + _CHUNK, len(both)))])) for k, b in enumerate(bounds)
    ]
    start(len(both))
    for _, count, found in do_chunks(_evaluated, chunks, workers):
        advance(count, found)
    return KeptBase(base, Clusters.concatenate([Clusters.load(file) for file, _ in chunks]))


def _evaluated(task: tuple[Potential, Clusters]) -> Clusters:
    base, clusters = task
    found = base.evaluate(clusters)
    return clusters.replace(energy=found.energy, forces=found.forces, level=base.level)


def without_failures(data: StudyData, base: KeptBase) -> StudyData:
    """Both sets without the structures that the base failed on, which no target may use: all train on the same."""
    from ..errors import PotentialError

    good = [np.isfinite(base.evaluate(s.clusters, False).energy) for s in (data.train, data.test)]
    if all(g.all() for g in good):
        return data
    if not all(g.any() for g in good):
        raise PotentialError(f"{base.level} failed on every structure to train on, or to test with")
    lost = sum(int((~g).sum()) for g in good)
    remark = f"{lost} structures that {base.level} fails on are left out, of all targets"
    return replace(
        data, train=data.train.subset(good[0]), test=data.test.subset(good[1]), remarks=(*data.remarks, remark)
    )
