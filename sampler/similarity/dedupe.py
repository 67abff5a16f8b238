"""Duplicate removal: one representative per distinct minimum, the lowest in energy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..clusters import Clusters
from ..columns import MIRROR_COUNT, OTHER_STATES, STATE, TIMES_FOUND
from ..errors import InputError
from ..identify import SEPARATOR
from ..units import AMU_ANGSTROM2_TO_CM1, KCAL_PER_MOL
from . import fingerprints
from .fingerprints import Group

_TASK_MEMBERS = 512  # small components are joined into tasks of about this many structures


@dataclass(frozen=True)
class DedupeParams:
    """When two structures of one composition, charge and protonation state are the same minimum.

    A structure with a shared proton has both states (see :func:`dedupe`).

    Attributes:
        rmsd: Å; all-atom RMSD over rotations, mirror images and permutations of like atoms, at most this.
        max_displacement: Å; no atom of the superposition may be further off. An RMSD alone forgives ever more as
            clusters grow: in 165 atoms one turned O–H adds 0.12 Å, one proton hop 0.05 Å.
        energy_window: eV; energies must agree within it. None: geometry alone decides, NaN energies are allowed.
        gyration_window: Å; radii of gyration (equal masses) must agree within it. None: ``rmsd``, which is lossless.
        rotational_window: relative; rotational constants must agree within it.
        linkage: "leader" gives each structure, in ascending energy, to the nearest earlier representative that it
            duplicates: representatives are never duplicates of each other, and every structure removed is a duplicate
            of its representative, so chains cannot merge. "complete" and "average" use scikit-learn's agglomerative
            clustering, which give up the first (complete) or both (average) of these properties.
    """

    rmsd: float = 0.125
    max_displacement: float = 0.4
    energy_window: float | None = 0.25 * KCAL_PER_MOL
    gyration_window: float | None = None
    rotational_window: float = 0.1
    linkage: Literal["leader", "complete", "average"] = "leader"

    def __post_init__(self):
        for name in ("rmsd", "max_displacement", "rotational_window"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} = {getattr(self, name)} must be positive")
        for name in ("energy_window", "gyration_window"):
            if getattr(self, name) is not None and not getattr(self, name) >= 0:
                raise InputError(f"{name} = {getattr(self, name)} must not be negative")
        if self.linkage not in ("leader", "complete", "average"):
            raise InputError(f"linkage = {self.linkage!r}; known are leader, complete, average")


@dataclass(frozen=True, eq=False, repr=False)
class DedupeResult:
    """What became of B structures.

    Attributes:
        representatives: the distinct structures in ascending energy, with the columns ``times_found`` (how many
            structures it stands for, itself included) and ``mirror_count`` (how many of these are its mirror image
            only); both sum up columns of these names that came in.
        group: (B,) index of the representative, −1 for structures set aside.
        duplicate_of: (B,) id of the representative of a structure that was removed; '' for the others.
        set_aside: (B,) why a structure could not be compared; '' for the others.
        rmsd: (B,) Å to the representative; 0 for representatives, NaN where set aside.
        mirrored: (B,) True where only the mirror image lies on the representative.
        pairs: number of pairs of structures that were superposed.
    """

    representatives: Clusters
    group: np.ndarray
    duplicate_of: np.ndarray
    set_aside: np.ndarray
    rmsd: np.ndarray
    mirrored: np.ndarray
    pairs: int

    def __repr__(self) -> str:
        aside, removed = int((self.set_aside != "").sum()), int((self.duplicate_of != "").sum())
        return f"DedupeResult({len(self.representatives)} distinct, {removed} duplicates, {aside} set aside)"


def dedupe(
    clusters: Clusters, params: DedupeParams | None = None, *, n_jobs: int = 1, distinct: int = 0
) -> DedupeResult:
    """Find the distinct structures of a population.

    Structures are compared within one composition, charge and, where there is a column ``state``, protonation label. A
    structure whose column ``other_states`` names further labels, because a proton lies midway between two molecules or
    nearly so (:func:`sampler.identify.identify`), is compared with the structures of these as well; a representative that
    lies on a lower one, energies apart, and differs in the side of such a proton alone, takes the label of the lower. Then within sliding windows of energy, gyration radius and rotational constants; then by proven lower bounds of the
    RMSD (:mod:`sampler.similarity.fingerprints`); what remains is superposed (:mod:`sampler.similarity.rmsd`).
    The result does not depend on ``n_jobs`` (threads; the compiled loops release the GIL). The first ``distinct`` structures
    are known to be no duplicates of each other, and are compared with the others only (linkage "leader").

    Structures with a non-finite coordinate, without atoms, or (unless ``energy_window`` is None) without a finite
    energy are set aside with a reason.
    """
    params = params or DedupeParams()
    b = len(clusters)
    set_aside = _broken(clusters, params)
    leader, mirrored, rmsd = np.arange(b), np.zeros(b, bool), np.zeros(b)
    tasks, pairs = [], 0
    for members in _buckets(clusters, set_aside == ""):
        tasks += _tasks(clusters, members, params, members < distinct)
    for members, found_leader, found_mirror, found_rmsd, compared in _parallel(tasks, n_jobs):
        leader[members], mirrored[members], rmsd[members] = members[found_leader], found_mirror, found_rmsd
        pairs += compared
    kept = np.flatnonzero((leader == np.arange(b)) & (set_aside == ""))
    kept = kept[np.lexsort((kept, clusters.energy[kept]))]
    place = np.full(b, -1)
    place[kept] = np.arange(len(kept))
    group = np.where(set_aside == "", place[leader] if b else place, -1)
    removed = (group >= 0) & (leader != np.arange(b))
    times_found, mirror_count = _counts(clusters, group, mirrored, len(kept))
    return DedupeResult(
        representatives=_one_label(clusters[kept], params).with_columns(
            times_found=times_found, mirror_count=mirror_count
        ),
        group=group,
        duplicate_of=np.where(removed, clusters.ids[leader] if b else clusters.ids, ""),
        set_aside=set_aside,
        rmsd=np.where(set_aside == "", rmsd, np.nan),
        mirrored=mirrored,
        pairs=pairs,
    )


def _broken(clusters: Clusters, params: DedupeParams) -> np.ndarray:
    """(B,) reason to set a structure aside, or ''."""
    b = len(clusters)
    reason = np.full(b, "", dtype="U24")
    bad_atoms = ~np.isfinite(clusters.positions).all(axis=1)
    if params.energy_window is not None:
        reason[~np.isfinite(clusters.energy)] = "energy not finite"
    reason[np.unique(clusters.structure_of_atom[bad_atoms])] = "coordinates not finite"
    reason[clusters.natoms == 0] = "no atoms"
    return reason


def _buckets(clusters: Clusters, usable: np.ndarray) -> list[np.ndarray]:
    """Members of equal composition and charge, of states that some structure has in common, each in ascending energy
    (ties and NaN: in input order)."""
    states = states_of(clusters)
    formula = [
        (np.sort(clusters.numbers[clusters.atoms_of(i)]).tobytes(), int(clusters.charge[i]))
        for i in range(len(clusters))
    ]
    parent: dict[tuple, tuple] = {}

    def root(key: tuple) -> tuple:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for i in np.flatnonzero(usable):
        first = root((*formula[i], states[i][0]))
        for other in states[i][1:]:
            parent[root((*formula[i], other))] = first
    buckets: dict[tuple, list[np.integer]] = {}
    for i in np.flatnonzero(usable):
        buckets.setdefault(root((*formula[i], states[i][0])), []).append(i)
    groups = [np.asarray(m) for m in buckets.values()]
    return [m[np.lexsort((m, clusters.energy[m]))] for m in groups]


def states_of(clusters: Clusters) -> list[tuple[str, ...]]:
    """The protonation labels of each structure: its own, then those of the column ``other_states``."""
    b = len(clusters)
    own = clusters.columns.get(STATE, np.full(b, "")).tolist()
    others = clusters.columns.get(OTHER_STATES, np.full(b, "")).tolist() if STATE in clusters.columns else [""] * b
    return [(mine, *(text.split(SEPARATOR) if text else ())) for mine, text in zip(own, others)]


def _numbered(states: list[tuple[str, ...]]) -> np.ndarray:
    """(B, K) int64: the labels as numbers, −1 after the last of a structure."""
    number: dict[str, int] = {}
    out = np.full((len(states), max(map(len, states))), -1, np.int64)
    for row, labels in zip(out, states):
        row[: len(labels)] = [number.setdefault(label, len(number)) for label in labels]
    return out


def _one_label(kept: Clusters, params: DedupeParams) -> Clusters:
    """Representatives of one place but for their energy get one label where it hangs on a shared proton alone."""
    states = states_of(kept)
    if all(len(s) == 1 for s in states):
        return kept
    # the lowest first, whatever the energies: so far apart is one minimum's noise, or another minimum in one place
    ladder = kept.replace(energy=np.arange(len(kept), dtype=float))
    alike = replace(params, energy_window=None, linkage="leader")
    labels, others = kept.columns[STATE].astype(object), kept.columns[OTHER_STATES].astype(object)
    for members in _buckets(ladder, np.array([len(s) > 0 for s in states])):
        if len({states[i][0] for i in members}) == 1:
            continue
        for task in _tasks(ladder, members, alike, np.zeros(len(members), bool)):
            for part, leader, *_ in _work(task):
                for i, first in zip(part, part[leader]):
                    if states[i][0] != states[first][0] and states[first][0] in states[i]:
                        labels[i] = states[first][0]
                        others[i] = SEPARATOR.join(sorted(set(states[i]) - {labels[i]}))
    return kept.with_columns(state=labels.astype(np.str_), **{OTHER_STATES: others.astype(np.str_)})


def _tasks(clusters: Clusters, members: np.ndarray, params: DedupeParams, settled: np.ndarray) -> list:
    """Split a bucket into parts between which no bound allows a duplicate; joined to tasks of a useful size."""
    from . import pair_kernels as population

    if len(members) == 1:
        return []
    group = Group.make(clusters, members)
    reach = params.rmsd if params.linkage == "leader" else 2 * params.rmsd
    scalars = np.zeros((len(members), 5))
    windows = np.full(5, np.inf)
    if params.energy_window is not None:
        scalars[:, 0], windows[0] = clusters.energy[members], params.energy_window
    scalars[:, 1] = fingerprints.gyration_radius(group)
    windows[1] = reach + 1e-6 if params.gyration_window is None else params.gyration_window
    # a nearly linear molecule has one huge constant that says nothing: 10 amu Å^2 more inertia damp it
    moments = AMU_ANGSTROM2_TO_CM1 / fingerprints.rotational_constants(group)
    scalars[:, 2:], windows[2:] = -np.log(moments + 10.0), np.log1p(params.rotational_window)
    coarse, fine = fingerprints.radii(group), fingerprints.pair_distances(group)
    states = _numbered(states_of(clusters[members]))
    filters = (states, scalars, windows, fine, coarse)
    label = population.components(np.arange(len(members)), *filters, reach)
    by_label = np.argsort(label, kind="stable")
    parts = np.split(by_label, np.flatnonzero(np.diff(label[by_label])) + 1)
    parts = [part for part in parts if len(part) > 1]
    tasks, batch, size = [], [], 0
    for part in parts:
        batch.append(part)
        size += len(part)
        if size >= _TASK_MEMBERS:
            tasks.append((members, group, filters, batch, params, settled))
            batch, size = [], 0
    if batch:
        tasks.append((members, group, filters, batch, params, settled))
    return tasks


def _work(task: tuple) -> list[tuple]:
    """Cluster the parts of one task; (members, leader, mirrored, rmsd, pairs) of each part."""
    from . import pair_kernels as population

    members, group, filters, parts, params, settled = task
    done = []
    for part in parts:
        rest, slack = _for_kernels(task, part)
        if params.linkage == "leader":
            found = population.leaders(*rest, settled[part], params.rmsd, params.max_displacement, slack, 2.0)
        else:
            reach = 2 * params.rmsd
            matrix, hands = population.distance_matrix(*rest, reach, params.max_displacement, slack, 2.0)
            found = _agglomerate(matrix, hands, params)
        done.append((members[part], *found))
    return done


def _for_kernels(task: tuple, part: np.ndarray) -> tuple[tuple, float]:
    """What the kernels are told of one part of a task, and how far off an atom may be while pairs are compared (Å)."""
    members, group, filters, _, params, _ = task
    x, anchors = group.x[part], fingerprints.anchors(group, part)
    arrays = [np.ascontiguousarray(f[part]) if len(f) == len(members) else f for f in filters]
    arrays[2] = filters[2]  # the windows are no array over members, even where their number is the same
    rest = (np.arange(len(part)), x, fingerprints.environments(group, part), anchors, *arrays, group.starts,
            group.block)  # fmt: skip
    return rest, min(2 * params.max_displacement, 2.0)


def _agglomerate(matrix: np.ndarray, hands: np.ndarray, params: DedupeParams) -> tuple:
    """scikit-learn's agglomerative clustering of (m, m) RMSDs; pairs that are far apart or differ in energy stand at inf."""
    from sklearn.cluster import AgglomerativeClustering

    finite = np.where(np.isfinite(matrix), matrix, 4 * params.rmsd)
    label = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage=params.linkage, distance_threshold=params.rmsd
    ).fit_predict(finite)
    leader = np.array([np.flatnonzero(label == k)[0] for k in label])  # members come in ascending energy
    m = np.arange(len(label))
    return leader, hands[leader, m], finite[leader, m], len(m) * (len(m) - 1) // 2


def _parallel(tasks: list, n_jobs: int) -> list[tuple]:
    if n_jobs == 1 or len(tasks) < 2:
        return [part for task in tasks for part in _work(task)]
    from joblib import Parallel, delayed

    results = Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(_work)(task) for task in tasks)
    return [part for result in results for part in result]


def _counts(clusters: Clusters, group: np.ndarray, mirrored: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(k,) times_found and mirror count; counts of an earlier removal of duplicates are carried on."""
    b = len(clusters)
    before = clusters.columns.get(TIMES_FOUND, np.ones(b, np.int64))
    before_mirror = clusters.columns.get(MIRROR_COUNT, np.zeros(b, np.int64))
    mirror_now = np.where(mirrored, before - before_mirror, before_mirror)
    use = group >= 0
    times_found, mirror_count = np.zeros(k, np.int64), np.zeros(k, np.int64)
    np.add.at(times_found, group[use], before[use])
    np.add.at(mirror_count, group[use], mirror_now[use])
    return times_found, mirror_count
