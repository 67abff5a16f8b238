"""Results of smaller systems, from which the stage ``grow`` builds candidates of a larger one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..columns import IDENTITY, IDENTITY_DETAIL
from ..composition import Composition
from ..errors import CompositionError, InputError, RunError
from ..monomers import MonomerLibrary
from ..rundir.directory import StageDirectory, read_ledgers, read_manifest, read_result
from ..rundir.ledger import Ledger
from ..rundir.owner import SEARCHES
from ..similarity.frameworks import frameworks, places


@dataclass(frozen=True)
class Parent:
    """The ranked structures of a finished run of a smaller system, and the minima that its search has seen.

    Attributes:
        composition: of the structures. name: the same, as text. clusters: lowest energy first.
        sha256: of the run's output; the results of growth depend on it. source: name of the folder, for people.
        archive: distinct minima on the surface of the last stage that searches, lowest first; empty where there was none, or
            its output is no longer there. archive_sha256: of that output, '' without.
    """

    composition: Composition
    name: str
    clusters: Clusters
    sha256: str
    source: str
    archive: Clusters = field(default_factory=Clusters.empty)
    archive_sha256: str = ""

    def by_framework(self, count: int, library: MonomerLibrary) -> Clusters:
        """``count`` structures, the lowest of each framework first, then the second lowest of each, and so on.

        Results and archive are of different levels, so both count from their own lowest. What a larger cluster is
        built from need not be among the lowest results, which often are variants of one framework.
        """
        parts = [c[np.isfinite(c.energy)] for c in (self.clusters, self.archive) if len(c)]
        parts = [
            c.replace(energy=c.energy - c.energy.min(), level="", forces=None, columns={}) for c in parts if len(c)
        ]
        if not parts:
            return self.clusters[:count].without_energies().replace(columns={})
        everything = Clusters.concatenate(parts).lowest_first()
        turn = places(frameworks(everything, self.composition, library))
        return everything[np.argsort(turn, kind="stable")[:count]].without_energies()


def read_parent(folder: Path | str, library: MonomerLibrary) -> Parent:
    """The result of the finished run in ``folder``.

    Raises:
        RunError: not a run directory, not complete, its output was damaged, or a molecule that the library lacks.
    """
    manifest = read_manifest(folder)
    clusters = read_result(folder).lowest_first()
    try:
        composition = Composition.parse(manifest["composition"], library, manifest["charge"])
    except InputError as error:
        raise RunError(f"--parents {folder}: {error}") from error
    ledgers = read_ledgers(folder)
    archive, archive_sha256 = _archive(Path(folder), ledgers)
    name, sha256 = composition.name(library), ledgers[-1].output_sha256
    return Parent(composition, name, clusters, sha256, Path(folder).name, archive, archive_sha256)


def _archive(folder: Path, ledgers: Sequence[Ledger]) -> tuple[Clusters, str]:
    """What the last stage of the run that searches left, and its sha256; nothing if there is no such output."""
    for ledger in reversed(ledgers):
        if ledger.kind in SEARCHES:
            found, written, _ = StageDirectory(folder / "stages" / ledger.folder).read_output()
            return (
                (Clusters.empty(), "")
                if found is None or written is None
                else (found.lowest_first(), written.output_sha256)
            )
    return Clusters.empty(), ""


def is_part_of(small: Composition, large: Composition, library: MonomerLibrary) -> bool:
    """Whether ``large`` is ``small`` and at least one molecule more, whose charge molecules of the library can have."""
    try:
        missing(small, large, library)
    except CompositionError:
        return False
    return True


def missing(small: Composition, large: Composition, library: MonomerLibrary) -> Composition:
    """What has to be added to ``small`` to make ``large``, with the difference of the charges.

    Raises:
        CompositionError: it holds molecules that ``large`` lacks, is no smaller, or the charge does not work out.
    """
    has, wanted = dict(small.counts), dict(large.counts)
    names = f"{small.name(library)} is no part of {large.name(library)}"
    surplus = [family for family, n in has.items() if n > wanted.get(family, 0)]
    if surplus:
        raise CompositionError(f"{names}: too many {', '.join(surplus)}; give runs of smaller systems as parents")
    counts = tuple((f, n - has.get(f, 0)) for f, n in large.counts if n > has.get(f, 0))
    if not counts:
        raise CompositionError(f"{names}: it is no smaller; give runs of smaller systems as parents")
    added = Composition(counts, large.charge - small.charge)
    low, high = added.charge_range(library)
    if not low <= added.charge <= high:
        raise CompositionError(
            f"{names}: what is to be added cannot have the charge {added.charge:+d}; give parents of another charge"
        )
    return added


def check_parents(parents: Iterable[Parent], composition: Composition, library: MonomerLibrary) -> tuple[Parent, ...]:
    """The parents in a fixed order, each once.

    Raises:
        RunError: one is no part of ``composition``; names its folder.
    """
    unique = {parent.sha256: parent for parent in parents}
    for parent in unique.values():
        try:
            missing(parent.composition, composition, library)
        except CompositionError as error:
            raise RunError(f"--parents {parent.source}: {error}") from error
    return tuple(sorted(unique.values(), key=lambda p: (p.composition.molecules(), p.name, p.sha256)))


def left_out(parent: Parent, library: MonomerLibrary) -> dict[str, int]:
    """Why -> how many of the parent's structures cannot be grown from.

    A structure can if it is intact and the library has each of its molecules, ions included.

    Raises:
        RunError: the structures do not consist of the atoms of the library's molecules; names the folder.
    """
    from ..generate.bodies import Kinds, take_apart
    from ..identify import identify

    try:
        bodies = take_apart(parent.clusters, parent.composition, Kinds(library))
    except InputError as error:
        raise RunError(f"--parents {parent.source}: {error}") from error
    lost = parent.clusters[np.array([b is None for b in bodies], bool)]
    columns = identify(lost, parent.composition, library).columns
    told = zip(columns[IDENTITY], columns[IDENTITY_DETAIL])
    return dict(Counter(_why(str(identity), str(detail)) for identity, detail in told))


def _why(identity: str, detail: str) -> str:
    if identity == "intact":
        return detail or "its molecules are not built as those of the library"
    return identity + (f": {detail}" if detail else "")


def in_words(reasons: Mapping[str, int]) -> str:
    """``H3SO4⁺ is not in the library (3), evaporated: 1 NH3 (1)``; the three most frequent reasons."""
    ordered = sorted(reasons.items(), key=lambda r: (-r[1], r[0]))
    return ", ".join(f"{reason} ({n})" for reason, n in ordered[:3]) + (", …" if len(ordered) > 3 else "")


def takes_parents(stages: Sequence) -> bool:
    """Whether a protocol's stages make use of parents."""
    return any(stage.kind == "grow" for stage in stages)
