"""From data sets to what a model is trained on: one level, engine and charge, no structure twice, nothing silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...composition import Composition
from ...errors import InputError
from ...monomers import MonomerLibrary
from ...units import KCAL_PER_MOL
from ..sampling.near_duplicates import first_copies
from ..sampling.sample import LARGEST_FORCE, sane
from .dataset import LabelSet
from .engine_names import different_engines
from .labels_file import open_labels
from .teach import require_labels
from .trained_on import COPY

_SAME_LABEL = 1e-3
"""eV; labels of one structure that differ by more contradict each other."""


@dataclass(frozen=True)
class Prepared:
    """
    Attributes:
        labels: real labels first, then those that a model made. taught: how many the latter are.
        counts: what was left out, for the card: ``copies``, ``taught_copies`` (only what is not 0).
        remarks: lines for people.
    """

    labels: LabelSet
    taught: int
    counts: dict[str, int]
    remarks: tuple[str, ...]


def prepare(
    data: Sequence[Path],
    taught: Sequence[Path],
    library: MonomerLibrary,
    hold_out: Sequence[str] = (),
    mix_engines: bool = False,
    mix_charges: bool = False,
) -> Prepared:
    """Join data sets for a training.

    Copies of a structure (turned, mirrored, atoms in another order) are taken once, so that none is trained on and
    validated on. A taught structure that has a label is left out.

    Args:
        data: sets of labels. taught: sets that a model labelled. hold_out: compositions left out.
        mix_engines, mix_charges: allow labels of several engines, structures of several charges.

    Raises:
        LevelError: sets that do not go together. InputError: too few structures, several charges.
    """
    own, others = [open_labels(f, library) for f in data], [open_labels(f, library) for f in taught]
    for file, part in zip(data, own):
        require_labels(part, file, "give it as --taught")
    parts = [LabelSet.join(p, mix_engines) for p in (own, others) if p]
    whole = LabelSet.join(parts, mix_engines=True)
    by_model = np.arange(len(whole)) >= sum(map(len, own))
    held = sorted({Composition.parse(h, library).name(library) for h in hold_out})
    kept = ~np.isin(whole.compositions, held)
    whole, by_model = whole.subset(kept), by_model[kept]
    source = first_copies(whole.clusters, COPY)
    copy = source != np.arange(len(whole))
    counts = {"copies": int((copy & ~by_model).sum()), "taught_copies": int((copy & by_model).sum())}
    remarks = _remarks(whole, source, by_model, own)
    labels, by_model = whole.subset(~copy), by_model[~copy]
    if (~by_model).sum() < 2:
        out = f" ({(~kept).sum()} held out)" if (~kept).any() else ""
        raise InputError(f"{(~by_model).sum()} structures are left to train on{out}; at least two are needed")
    charges = np.unique(labels.clusters.charge).tolist()
    if len(charges) > 1 and not mix_charges:
        raise InputError(
            f"structures of the charges {' and '.join(f'{q:+d}' if q else '0' for q in charges)}; the network does not know "
            "the charge: train on one (sampler data collect --charge), or, where atoms alone tell them apart: --mix-charges"
        )
    return Prepared(labels, int(by_model.sum()), {k: n for k, n in counts.items() if n}, tuple(remarks))


def _remarks(whole: LabelSet, source: np.ndarray, by_model: np.ndarray, own: Sequence[LabelSet]) -> list[str]:
    copy, found = source != np.arange(len(whole)), []
    if n := int((copy & ~by_model).sum()):
        found.append(f"{n} copies of structures are left out: each is trained on, or validated on, once")
    own_source = np.where(by_model, np.arange(len(whole)), source)
    if contradiction := contradiction_remark(whole, own_source):
        found.append(contradiction)
    if n := int((copy & by_model).sum()):
        found.append(f"{n} taught structures are left out: they have labels, or are copies")
    if outliers := forces_remark(whole.subset(~copy)):
        found.append(outliers)
    if any(not p.engine for p in own) and any(p.engine for p in own):
        known = " and ".join(different_engines([p.engine for p in own]))
        found.append(f"some sets do not say which engine made them; the others: {known}")
    return found


def contradiction_remark(labels: LabelSet, source: np.ndarray) -> str:
    """One line where copies (``source`` as of :func:`sampler.learn.sampling.near_duplicates.first_copies`) have other energies than the first; else ''."""
    energy, ids = labels.clusters.energy, labels.clusters.ids
    apart = np.nan_to_num(np.abs(energy - energy[source]))
    if apart.max(initial=0.0) <= _SAME_LABEL:
        return ""
    i = int(np.argmax(apart))
    return (
        f"labels of one structure contradict each other, by {apart[i] / KCAL_PER_MOL:.2f} kcal/mol for {ids[source[i]]} and "
        f"{ids[i]}; the first is taken"
    )


def forces_remark(labels: LabelSet) -> str:
    """One line where forces are larger than any that :mod:`sampler.learn.sampling.sample` and ``data collect`` let in; else ''."""
    clusters = labels.clusters
    torn = np.flatnonzero(~sane(clusters, LARGEST_FORCE) & np.isfinite(clusters.energy))
    if not len(torn) or clusters.forces is None:
        return ""
    norm = np.linalg.norm(clusters.forces, axis=1)
    worst = np.array([norm[clusters.atoms_of(i)].max() for i in torn])
    first = int(torn[np.argmax(worst)])
    return (
        f"{len(torn)} structures have forces above {LARGEST_FORCE:g} eV/Å (largest {worst.max():.4g}, {clusters.ids[first]}); "
        "sampler data collect leaves such structures out"
    )
