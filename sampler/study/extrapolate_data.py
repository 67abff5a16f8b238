"""What an extrapolation judges: models, and test sets of which they have not seen a structure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, LevelError
from ..learn.labels.dataset import LabelSet
from ..monomers import MonomerLibrary
from ..potentials import Potential


@dataclass(frozen=True)
class Subject:
    """A model, a committee, or a method that is held against the same labels.

    Attributes:
        name: as the user calls it. names: its members in full. potential: all of it.
        trained: number of molecules -> structures that the cards of its members name, the most of them; empty where no card
            says anything, and of a method.
    """

    name: str
    names: tuple[str, ...]
    potential: Potential
    trained: dict[int, int]

    @property
    def largest(self) -> int | None:
        """Molecules of the largest cluster trained on; None where that is not known."""
        return max(self.trained, default=None)

    @property
    def weights(self) -> tuple[str, ...]:
        return tuple(m.card.weights_sha256 for m in self.potential.models)

    def about(self) -> dict[str, Any]:
        """What its numbers depend on."""
        return {"name": self.name, "level": self.potential.level, "weights_sha256": self.weights}


@dataclass(frozen=True)
class TestSet:
    """Labels to test with, by the name of their file; ``digest`` is that of the whole file."""

    __test__ = False  # no test of pytest's

    name: str
    labels: LabelSet
    digest: str


@dataclass(frozen=True)
class ExtrapolationData:
    """
    Attributes:
        files: name -> {file, sha256, structures}, for the manifest. remarks: lines for people.
    """

    subjects: tuple[Subject, ...]
    tests: tuple[TestSet, ...]
    files: dict[str, dict[str, Any]]
    remarks: tuple[str, ...]

    @property
    def level(self) -> str:
        return ", ".join(sorted({t.labels.level for t in self.tests}))


def divided(words: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Models, and files to test with, of one list.

    Raises:
        InputError: one of the two is missing.
    """
    tests = [Path(w) for w in words if w.endswith(".npz") or Path(w).is_file()]
    models = [w for w in words if Path(w) not in tests]
    if not models or not tests:
        raise InputError(
            f"give models and test sets with labels, {'no model' if tests else 'no test set'} is among {' '.join(words)}: "
            "sampler study extrapolate MODEL... TEST.npz... -o OUT"
        )
    return models, tests


def open_extrapolation(
    models: Sequence[str], tests: Sequence[Path], library: MonomerLibrary, leave_out_seen: bool = False
) -> ExtrapolationData:
    """Open all of it, and see that it may be compared.

    Args:
        models: each a model, a committee ``A,B,C``, a short name, or a potential. leave_out_seen: leave out what one of the
            models was trained or validated on, of all of them.

    Raises:
        LevelError: labels, or a model, of another method. InputError: structures that a model has seen.
    """
    from ..learn.labels.labels_file import open_labels
    from ..learn.labels.teach import require_labels

    subjects = [_subject(word) for word in dict.fromkeys(models)]
    sets, files, remarks = [], {}, []
    for name, file in _named(tests).items():
        labels = open_labels(file, library)
        require_labels(labels, file, "test with labels")
        sets.append(TestSet(name, labels, labels.digest()))
        files[name] = {"file": str(file), "sha256": labels.digest(), "structures": len(labels)}
    remarks += _compare_levels(subjects, sets)
    sets, more = _unseen(subjects, sets, leave_out_seen)
    return ExtrapolationData(tuple(subjects), tuple(sets), files, (*remarks, *more))


def _subject(word: str) -> Subject:
    from ..learn.evaluate import open_potential
    from ..potentials.catalogue import trained_sizes
    from ..potentials.trained import named

    names = [n for n in (w.strip() for w in word.split(",")) if n]
    if not names:
        raise InputError(f"{word!r} names no model")
    potential = open_potential(names)
    trained: dict[int, int] = {}
    for model in potential.models:
        for size, count in trained_sizes(model.card).items():
            trained[size] = max(count, trained.get(size, 0))
    return Subject(word, tuple(named(names)), potential, dict(sorted(trained.items())))


def _named(tests: Sequence[Path]) -> dict[str, Path]:
    """Short names of files, the whole path where two have one."""
    stems = [t.stem for t in tests]
    return {t.stem if stems.count(t.stem) == 1 else re.sub(r"\.npz$", "", str(t)): t for t in tests}


def _method(level: str) -> str:
    return level.partition("@")[0]


def _compare_levels(subjects: Sequence[Subject], sets: Sequence[TestSet]) -> list[str]:
    """Remarks on engines that differ, and on methods of another level."""
    methods = {_method(t.labels.level): t.name for t in sets}
    if len(methods) > 1:
        raise LevelError(
            f"labels of different levels: {', '.join(f'{level} in {name}' for level, name in methods.items())}; test with one"
        )
    (wanted,) = methods
    remarks = []
    for s in subjects:
        level = s.potential.level
        if s.potential.models and _method(level) != wanted:
            raise LevelError(
                f"{s.name} is a model of {level}, the labels are of {wanted}; name models of that level, or other labels"
            )
        others = sorted({t.labels.level for t in sets} - {level})
        if others:
            remarks.append(
                f"{s.name} is of {level}, labels of {', '.join(others)}: each binding energy counts from the monomers of its own "
                "level"
            )
    return remarks


def _unseen(subjects: Sequence[Subject], sets: Sequence[TestSet], leave_out: bool) -> tuple[list[TestSet], list[str]]:
    """The sets without what a model has seen, and remarks.

    Raises:
        InputError: it has seen some, and they are not to be left out; or all of a set.
    """
    from ..learn.labels.seen_in_training import uses

    kept, remarks = [], []
    silent: dict[str, None] = {}
    for t in sets:
        use = np.zeros(len(t.labels), np.uint8)
        for s in subjects:
            seen, _, unknown = uses(s.names, t.labels, t.digest)
            silent |= dict.fromkeys(unknown)
            if seen.any() and not leave_out:
                raise InputError(
                    f"{s.name} was trained or validated on {(seen > 0).sum()} of the {len(t.labels)} structures of {t.name} "
                    f"(first: {t.labels.clusters.ids[np.flatnonzero(seen)[0]]}); they are left out with --leave-out-seen"
                )
            use = np.maximum(use, seen)
        if (use > 0).all() and len(use):
            raise InputError(f"the models have seen every structure of {t.name}; test with others")
        if use.any():
            remarks.append(f"{(use > 0).sum()} structures of {t.name} that a model has seen are left out")
        kept.append(TestSet(t.name, t.labels.subset(use == 0), t.digest))
    if silent:
        remarks.append(
            f"which structures {', '.join(silent)} saw in training is not recorded; whether some are tested with cannot be known"
        )
    return kept, remarks
