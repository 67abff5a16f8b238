"""A data set into one to train on and one to test with: by size, by composition, at random, by list; without leaks.

A leak is a structure to train on that is a duplicate of one of the test, by the measure that the funnel removes
duplicates with (:mod:`sampler.similarity.dedupe`). Errors on such a test say nothing of what was not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..composition import Composition
from ..errors import InputError
from ..monomers import MonomerLibrary
from ..random_keys import numbered_key
from .labels.dataset import LabelSet

_PURPOSE = 15485863  # of the random key


@dataclass(frozen=True)
class BySize:
    """The largest clusters are the test.

    Attributes:
        test: compositions; what holds one of them and more is left out, so that nothing larger is trained on.
        largest: in place of these: clusters of so many molecules or more. Neither: the most molecules that there are.
    """

    test: tuple[str, ...] = ()
    largest: int = 0


@dataclass(frozen=True)
class ByComposition:
    """The named compositions are the test, all others are trained on."""

    test: tuple[str, ...]


@dataclass(frozen=True)
class AtRandom:
    """A random ``fraction`` of the structures, at least one, is the test."""

    fraction: float = 0.1
    seed: int = 42


@dataclass(frozen=True)
class ByList:
    """The structures of these ids are the test; ``train``: those to train on, all others where it is empty."""

    test: tuple[str, ...]
    train: tuple[str, ...] = ()


How = BySize | ByComposition | AtRandom | ByList


@dataclass(frozen=True)
class Split:
    """
    Attributes:
        train, test: of one level; both say in ``origin`` how they were made.
        leaks: structures taken out of ``train``: duplicates of one in ``test``. left_out: in neither, larger than the test or
            on neither list.
        pairs: ids of (a structure taken out, the one of the test that it duplicates).
    """

    train: LabelSet
    test: LabelSet
    leaks: int
    left_out: int
    pairs: tuple[tuple[str, str], ...] = ()


def split(
    labels: LabelSet, how: How, library: MonomerLibrary, *, leaks: str = "remove", source: str = "the data set"
) -> Split:
    """Split ``labels``.

    Args:
        leaks: ``remove`` from the structures to train on, or ``refuse``.
        source: name of the data set, for messages and the record.

    Raises:
        InputError: nothing is left to train on or to test with; a composition or id that the set does not hold; a structure
            on both lists; leaks that are refused.
        CompositionError: a name that is no composition.
    """
    if leaks not in ("remove", "refuse"):
        raise InputError(f"leaks is {leaks!r}; possible: remove, refuse")
    test, train = _chosen(labels, how, library, source)
    _require_both(train, test, how, source)
    twins = leaks_between(labels.subset(test), labels.subset(train))
    copies = twins >= 0
    ids = labels.clusters.ids
    pairs = tuple(zip(ids[train[copies]].tolist(), ids[test[twins[copies]]].tolist()))
    if pairs and leaks == "refuse":
        raise InputError(
            f"{source}: {len(pairs)} structures to train on are duplicates of structures of the test (first: {pairs[0][0]} of "
            f"{pairs[0][1]}); leave them out with: --leaks remove"
        )
    kept = train[~copies]
    if not len(kept):
        raise InputError(f"{source}: all {len(train)} structures to train on are duplicates of structures of the test")
    record: dict[str, Any] = {
        "made_by": "split", "source": source, "source_sha256": labels.digest(), "source_structures": len(labels),
        "by": type(how).__name__, **_short(how), "leaks_removed": len(pairs),
    }  # fmt: skip
    return Split(
        train=replace(labels.subset(kept), origin={**record, "part": "train"}),
        test=replace(labels.subset(test), origin={**record, "part": "test"}),
        leaks=len(pairs), left_out=len(labels) - len(train) - len(test), pairs=pairs,
    )  # fmt: skip


def leaks_between(test: LabelSet, train: LabelSet) -> np.ndarray:
    """(len(train),) index of the structure of ``test`` that each is a duplicate of, or −1.

    Of one level, energies are compared as the funnel does; of two, geometry alone decides.
    """
    from ..similarity.dedupe import DedupeParams
    from ..similarity.overlap import duplicates_between

    first, second = (p.clusters.replace(columns={}) for p in (test, train))
    if test.level == train.level and np.isfinite(first.energy).all() and np.isfinite(second.energy).all():
        return duplicates_between(first, second)
    params = DedupeParams(energy_window=None)
    return duplicates_between(first.without_energies(), second.without_energies(), params)


def _short(how: How) -> dict[str, Any]:
    """What it was split by, without long lists of ids."""
    found = asdict(how)
    if isinstance(how, ByList):
        return {"listed_" + k: len(v) for k, v in found.items()}
    return {k: v for k, v in found.items() if v}


def _chosen(labels: LabelSet, how: How, library: MonomerLibrary, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the test, and of what is trained on."""
    if isinstance(how, BySize):
        return _by_size(labels, how, library, source)
    if isinstance(how, ByComposition):
        if not how.test:
            raise InputError("no composition is named as the test: --test 4sa4am")
        test = np.isin(labels.compositions, _names(labels, how.test, library, source))
        return np.flatnonzero(test), np.flatnonzero(~test)
    if isinstance(how, AtRandom):
        return _at_random(len(labels), how)
    return _by_list(labels, how, source)


def molecules_of(labels: LabelSet, library: MonomerLibrary) -> dict[str, dict[str, int]]:
    """Composition, of those in ``labels`` -> family -> number of molecules."""
    return {name: dict(Composition.parse(name, library).counts) for name in sorted(set(labels.compositions.tolist()))}


def _by_size(labels: LabelSet, how: BySize, library: MonomerLibrary, source: str) -> tuple[np.ndarray, np.ndarray]:
    if how.test and how.largest:
        raise InputError("give the compositions of the test, or how many molecules the largest have, not both")
    made_of = molecules_of(labels, library)
    size = {name: sum(parts.values()) for name, parts in made_of.items()}
    beyond: set[str] = set()
    if how.test:
        wanted = set(_names(labels, how.test, library, source))
        beyond = {
            name
            for name, parts in made_of.items()
            if name not in wanted and any(_holds(parts, made_of[test]) for test in wanted)
        }
    else:
        least = how.largest or max(size.values(), default=0)
        wanted = {name for name, n in size.items() if n >= least}
        if not wanted:
            raise InputError(
                f"{source} has no cluster of {least} molecules or more; its largest have {max(size.values())}"
            )
    test = np.isin(labels.compositions, sorted(wanted))
    return np.flatnonzero(test), np.flatnonzero(~test & ~np.isin(labels.compositions, sorted(beyond)))


def _holds(parts: dict[str, int], others: dict[str, int]) -> bool:
    return all(parts.get(family, 0) >= n for family, n in others.items())


def _names(labels: LabelSet, wanted: Sequence[str], library: MonomerLibrary, source: str) -> list[str]:
    """Canonical names; each is one that ``labels`` holds."""
    from ..text.nearest import did_you_mean

    held = sorted(set(labels.compositions.tolist()))
    names = sorted({Composition.parse(name, library).name(library) for name in wanted})
    for name in names:
        if name not in held:
            near = did_you_mean(name, held)
            raise InputError(
                f"{source} holds no {name}; {near + ' ' if near else ''}see what it holds: sampler data describe"
            )
    return names


def _at_random(count: int, how: AtRandom) -> tuple[np.ndarray, np.ndarray]:
    if not 0.0 < how.fraction < 1.0:
        raise InputError(f"the fraction of the test is {how.fraction:g}; it must lie between 0 and 1")
    if how.seed < 0:
        raise InputError(f"the seed is {how.seed}; it must not be negative")
    order = np.random.default_rng(numbered_key(how.seed, _PURPOSE)).permutation(count)
    held = max(1, round(count * how.fraction)) if count else 0
    return np.sort(order[:held]), np.sort(order[held:])


def _by_list(labels: LabelSet, how: ByList, source: str) -> tuple[np.ndarray, np.ndarray]:
    if not how.test:
        raise InputError("the list of the test is empty; it has one id of a structure a line")
    if both := sorted(set(how.test) & set(how.train)):
        raise InputError(f"{len(both)} ids are on the list of the test and on that to train on (first: {both[0]})")
    ids = labels.clusters.ids
    known = set(ids.tolist())
    for name in (*how.test, *how.train):
        if name not in known:
            raise InputError(f"{source} holds no structure with the id {name!r}; its first is {ids[0]!r}")
    test = np.isin(ids, how.test)
    return np.flatnonzero(test), np.flatnonzero(np.isin(ids, how.train) if how.train else ~test)


def _require_both(train: np.ndarray, test: np.ndarray, how: How, source: str) -> None:
    for rows, what in ((test, "to test with"), (train, "to train on")):
        if not len(rows):
            asked = ", ".join(f"{k} {v}" for k, v in _short(how).items())
            raise InputError(f"{source}: nothing is left {what} ({type(how).__name__}{': ' + asked if asked else ''})")
