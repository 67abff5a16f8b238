"""Labels from folders and files into one data set, with a count of what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...columns import COMPOSITION
from ...composition import Composition
from ...errors import InputError
from ...monomers import MonomerLibrary
from ..sampling.near_duplicates import distinct, first_copies
from ..sampling.sample import LARGEST_FORCE, sane
from .compositions import checked
from .dataset import LabelSet
from .labels_file import label_set, open_labels
from .prepare import contradiction_remark
from .trained_on import COPY

LEFT_OUT = {
    "failed": "without a label",
    "other_charge": "of another charge",
    "other_molecules": "of other molecules",
    "held_out": "held out",
    "large_forces": "above {largest_force:g} eV/Å",
    "near_duplicates": "within {threshold:g} Å of another",
}
"""Why a structure is left out, for programs and for people."""


@dataclass(frozen=True)
class Gathered:
    """A data set, reason (see LEFT_OUT) -> structures left out, and what should be known besides."""

    labels: LabelSet
    left_out: Mapping[str, int]
    remarks: tuple[str, ...] = ()


def gather(
    sources: Sequence[Path],
    library: MonomerLibrary,
    families: Sequence[str],
    charge: int = 0,
    hold_out: Sequence[str] = (),
    largest_force: float = LARGEST_FORCE,
    threshold: float = 0.005,
    mix_engines: bool = False,
) -> Gathered:
    """One data set from label folders and data sets of one level.

    Args:
        families: what structures that come without a composition may be made of; none: of any molecules. hold_out:
            compositions.
        largest_force: eV/Å, on any atom. threshold: Å; of structures closer than this the first is kept.
        mix_engines: see :meth:`.dataset.LabelSet.join`.

    Raises:
        LevelError: different levels or engines, no monomer energies, or labels that a model made.
        InputError: nothing is left, or a structure is something else than its column ``composition`` says.
    """
    from .label import collect, count
    from .teach import require_labels

    left_out, parts = Counter(dict.fromkeys(LEFT_OUT, 0)), []
    for source in sources:
        if source.is_file():
            part = open_labels(source, library)
            chosen = part.subset(part.clusters.charge == charge)
            left_out["other_charge"] += len(part) - len(chosen)
        else:
            found = collect(source)
            left_out["failed"] += count(source) - len(found)
            charged = found[found.charge == charge]
            left_out["other_charge"] += len(found) - len(charged)
            chosen = label_set(charged, library, families, source=source)
            left_out["other_molecules"] += len(charged) - len(chosen)
        require_labels(chosen, source, "it stays a file of its own, for: sampler train --taught")
        parts.append(chosen)
    if any(len(p) for p in parts):
        whole = LabelSet.join(parts, mix_engines)
        held = np.isin(whole.compositions, sorted({Composition.parse(h, library).name(library) for h in hold_out}))
        torn = ~sane(whole.clusters, largest_force)
        usable = whole.subset(~held & ~torn)
        kept = usable.subset(distinct(usable.clusters, threshold))
        left_out.update(
            held_out=int(held.sum()), large_forces=int((torn & ~held).sum()), near_duplicates=len(usable) - len(kept)
        )
        if len(kept):
            remark = contradiction_remark(usable, first_copies(usable.clusters, min(threshold, COPY)))
            return Gathered(kept, dict(left_out), (remark,) if remark else ())
    names = " and ".join(str(s) for s in sources)
    words = in_words(left_out, largest_force, threshold)
    if not words:
        raise InputError(f"{names}: no labels yet; sampler label makes them")
    remedy = f"; --molecules is {','.join(families) or 'not given'}" if left_out["other_molecules"] else ""
    remedy += f"; --charge is {charge}" if left_out["other_charge"] else ""
    raise InputError(f"{names}: no labelled structures are left; left out: {words}{remedy}")


def in_words(left_out: Mapping[str, int], largest_force: float, threshold: float) -> str:
    """What was left out, for people: ``2 held out, 1 of another charge``; '' for nothing."""
    every = ((n, LEFT_OUT[why]) for why, n in left_out.items() if n)
    return ", ".join(f"{n} {w.format(largest_force=largest_force, threshold=threshold)}" for n, w in every)


def by_composition(
    clusters: Clusters, wanted: Sequence[str], library: MonomerLibrary, source: Path | str
) -> dict[str, Clusters]:
    """Composition name -> structures: by the column ``composition``, or (results of a run) by their atoms and charge.

    Raises:
        InputError: none of a composition that is wanted; ``source`` is named.
    """
    if COMPOSITION in clusters.columns:
        names = checked(clusters, library, source).columns[COMPOSITION].tolist()
    else:
        made_of = {}
        for text in wanted:
            composition = Composition.parse(text, library)
            made_of[tuple(sorted(composition.atoms(library).items())), composition.charge] = composition.name(library)
        names = []
        for i in range(len(clusters)):
            z, counts = np.unique(clusters.numbers[clusters.atoms_of(i)], return_counts=True)
            names.append(made_of.get((tuple(zip(z.tolist(), counts.tolist())), int(clusters.charge[i])), ""))
    names = np.array(names, dtype=np.str_)
    found = {n: clusters[names == n] for n in sorted(set(names.tolist())) if n}
    if missing := [n for n in wanted if Composition.parse(n, library).name(library) not in found]:
        raise InputError(
            f"{source} has no structure of {', '.join(missing)} to start from; leave out --start for these"
        )
    return found
