"""Structures worth a label: what a search really meets, from raw packings to hot clusters and moving protons.

Each chunk starts a few arrangements of one composition (:mod:`.scatter`, or structures given), quenches them, relaxes
them to a minimum, runs dynamics from there at several temperatures and displaces some of the frames
(:mod:`.displace`). Without the relaxation, the deep minima, where protons have moved and every hydrogen bond is closed,
are hardly ever reached in a short run, and a model that never saw them is wrong there by several kcal/mol a molecule.
The potential that drives this may be cheap (GFN1-xTB) or a trained model, whose mistakes are then visited and can be
labelled.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...composition import Composition
from ...errors import InputError
from ...monomers import MonomerLibrary
from ...potentials import Evaluation, Potential
from ...random_keys import numbered_key
from ...relax.langevin import Langevin
from ..planned_chunks import digest, do_chunks, keep_plan
from .displace import KINDS
from .near_duplicates import distinct
from .scatter import scatter

LARGEST_FORCE = 12.0
"""eV/Å on any atom; what has more is torn, or wrong, and teaches nothing that a search meets."""

SHARES = {
    "1sa": 0.01, "1am": 0.005, "2sa": 0.03, "2am": 0.01, "3sa": 0.01, "3am": 0.005,
    "1sa1am": 0.08, "2sa1am": 0.10, "1sa2am": 0.08, "2sa2am": 0.20, "3sa1am": 0.05, "1sa3am": 0.03,
    "3sa2am": 0.10, "2sa3am": 0.08, "3sa3am": 0.12, "4sa2am": 0.02, "2sa4am": 0.02, "4sa3am": 0.02, "3sa4am": 0.02,
    "4sa4am": 0.01,
}  # fmt: skip
"""Share of each composition in a default SA–AM data set: small clusters carry most of the information per second."""


def default_wanted(structures: int, hold_out: Sequence[str], library: MonomerLibrary) -> dict[str, int]:
    """Composition -> structures, as :data:`SHARES` has them; held-out compositions are left out."""
    name = lambda text: Composition.parse(text, library).name(library)  # noqa: E731
    held = {name(c) for c in hold_out}
    return {c: max(1, round(structures * share)) for c, share in SHARES.items() if name(c) not in held}


@dataclass(frozen=True)
class Sampling:
    """How a chunk is sampled.

    Attributes:
        starts: arrangements in a chunk.
        quench: steps of damped motion from the arrangement, ``quench_frames`` of them kept, early ones closer.
        relax: most evaluations of a relaxation (fmax 0.05 eV/Å) before the dynamics; 0 is no relaxation.
        temperatures: K, one after the other; at each ``steps`` steps, every ``every``-th kept.
        displaced: displaced copies of each start's frames, per kind (see :data:`.displace.KINDS`).
        largest_force: eV/Å; structures with more on any atom are dropped (bonds breaking, atoms overlapping).
        threshold: Å, near-duplicates are dropped; see :func:`.near_duplicates.fingerprint`.

    Raises:
        InputError: a temperature that is none.
    """

    starts: int = 4
    quench: int = 60
    quench_frames: int = 8
    relax: int = 400
    temperatures: tuple[float, ...] = (300.0, 450.0, 600.0)
    steps: int = 50
    every: int = 5
    displaced: int = 3
    largest_force: float = LARGEST_FORCE
    threshold: float = 0.02

    def __post_init__(self):
        wrong = [t for t in self.temperatures if not (np.isfinite(t) and t > 0)]
        if wrong:
            raise InputError(f"a temperature is {wrong[0]:g} K; it must be above 0")

    @property
    def frames(self) -> int:
        """Structures a chunk holds before any is dropped."""
        dynamics = len(self.temperatures) * (self.steps // self.every)
        return self.starts * (1 + self.quench_frames + bool(self.relax) + dynamics + self.displaced * len(KINDS))


def sample_chunk(
    composition: str,
    chunk: int,
    how: Sampling,
    driver: Potential,
    labeller: Potential | None,
    seed: int,
    library: MonomerLibrary,
    start: Clusters | None = None,
) -> Clusters:
    """One chunk: structures (with labels, if ``labeller``) of ``composition``; columns ``origin``, ``temperature``.

    Args:
        driver: moves the atoms. labeller: gives energies and forces; None keeps the driver's.
        start: structures of this composition to begin from instead of random arrangements; taken in turn.
    """
    rng = np.random.default_rng(numbered_key(seed, zlib.crc32(composition.encode()), chunk))
    name = f"{composition}-{chunk:05d}"
    parsed = Composition.parse(composition, library)
    if start is None or not len(start):
        begin, molecule = scatter(parsed, library, how.starts, rng, name)
    else:
        chosen = start[(chunk * how.starts + np.arange(how.starts)) % len(start)]
        begin = Clusters.make(
            [chosen.positions[chosen.atoms_of(i)] for i in range(len(chosen))],
            [chosen.numbers[chosen.atoms_of(i)] for i in range(len(chosen))],
            charge=chosen.charge, ids=[f"{name}-{i}" for i in range(len(chosen))],
            columns={"state": np.full(len(chosen), "")},
        )  # fmt: skip
        molecule = np.concatenate([_fragments(begin, i) for i in range(len(begin))])
    taken: list[Clusters] = []
    taken.append(_frame(begin, driver.evaluate(begin), driver.level, "arranged", np.nan))
    dynamics = Langevin()
    keep = set(np.unique(np.geomspace(1, max(how.quench, 1), how.quench_frames).round().astype(int) - 1))

    def quenching(step, clusters, evaluation):
        if step in keep:
            taken.append(_frame(clusters, evaluation, driver.level, "quenched", np.nan))

    damped = Langevin(friction=0.03, longest_step=0.08)
    now, _ = damped.run(begin, driver, 0.0, how.quench, rng, quenching)
    if how.relax:
        from ...relax import RelaxParams, relax

        relaxed = relax(now, driver, RelaxParams(fmax=0.05, max_steps=how.relax))
        minimum = Evaluation(relaxed.energy, relaxed.forces, np.full(len(now), ""))
        now = now.replace(positions=relaxed.positions)
        taken.append(_frame(now, minimum, driver.level, "relaxed", np.nan))
    hot: list[Clusters] = []
    for temperature in how.temperatures:

        def moving(step, clusters, evaluation, temperature=temperature):
            if step % how.every == how.every - 1:
                hot.append(_frame(clusters, evaluation, driver.level, "dynamics", temperature))

        now, _ = dynamics.run(now, driver, temperature, how.steps, rng, moving)
    taken += hot
    moved = _displace(hot or taken, molecule, how.displaced, rng)
    if len(moved):
        evaluation = driver.evaluate(moved)
        taken.append(moved.replace(energy=evaluation.energy, forces=evaluation.forces, level=driver.level))
    found = Clusters.concatenate(taken)
    found = found.replace(ids=np.array([f"{name}-{i:03d}" for i in range(len(found))]))
    found = found.with_columns(composition=parsed.name(library))
    found = found[sane(found, how.largest_force)]
    found = found[distinct(found, how.threshold)]
    # a driver of the same level is no labeller: a model trained on GFN1-xTB calls itself gfn1-xtb, too
    if labeller is not None and len(found):
        labels = labeller.evaluate(found)
        found = found.replace(energy=labels.energy, forces=labels.forces, level=labeller.level)
        found = found[sane(found, how.largest_force)]
    return found


def _fragments(clusters: Clusters, i: int) -> np.ndarray:
    """(n,) connected parts by covalent distance, numbered from 0."""
    from scipy.sparse.csgraph import connected_components

    atoms = clusters.atoms_of(i)
    p, z = clusters.positions[atoms], clusters.numbers[atoms]
    distance = np.linalg.norm(p[:, None] - p[None], axis=-1)
    heavy = (z > 1).astype(float)
    return connected_components(distance < 1.25 + 0.25 * (heavy[:, None] + heavy[None]) / 2 * 2)[1]


def _frame(clusters: Clusters, evaluation, level: str, origin: str, temperature: float) -> Clusters:
    made = clusters.replace(energy=evaluation.energy, forces=evaluation.forces, level=level)
    return made.with_columns(origin=np.str_(origin), temperature=float(temperature))


def _displace(frames: Sequence[Clusters], molecule: np.ndarray, count: int, rng: np.random.Generator) -> Clusters:
    if not count or not frames:
        return Clusters.empty()
    made, origins = [], []
    for i in range(len(frames[0])):
        atoms = frames[0].atoms_of(i)
        owner = molecule[atoms]
        for kind, displace in KINDS.items():
            for _ in range(count):
                frame = frames[int(rng.integers(len(frames)))]
                moved = displace(frame.positions[atoms], frame.numbers[atoms], owner, rng)
                if moved is not None:
                    one = frame[i].replace(positions=moved)
                    made.append(one)
                    origins.append(kind)
    if not made:
        return Clusters.empty()
    return Clusters.concatenate(made).with_columns(origin=np.asarray(origins, dtype=np.str_))


def sane(clusters: Clusters, largest_force: float) -> np.ndarray:
    """(B,) bool: evaluated, and no force component norm above ``largest_force`` eV/Å (if there are forces)."""
    if clusters.forces is None:
        return np.isfinite(clusters.energy)
    norm = np.linalg.norm(clusters.forces, axis=1)
    worst = np.array([norm[clusters.atoms_of(i)].max(initial=0.0) for i in range(len(clusters))])
    return np.isfinite(clusters.energy) & (worst <= largest_force)


@dataclass(frozen=True)
class Task:
    composition: str
    chunk: int
    file: Path


class SamplingRun:
    """A sampling in a folder: one file a chunk, so that a killed run resumes and workers do not matter.

    Args:
        folder: where the chunks go. wanted: composition -> structures. hold_out: compositions that must not appear.
        driver, labeller: what moves the atoms and what labels them, by content: see :func:`sampler.learn.labels.provenance.content`.
        start: composition -> structures to begin from, as for :func:`run_sampling`.

    Raises:
        RunError: the folder holds a sampling with other parameters.
        CompositionError: a composition that cannot be read.
        InputError: a held-out composition is wanted, or fewer than one structure of a composition.
    """

    def __init__(
        self,
        folder: Path | str,
        wanted: dict[str, int],
        how: Sampling,
        driver: str,
        labeller: str,
        seed: int,
        hold_out: Sequence[str] = (),
        library: MonomerLibrary | None = None,
        start: dict[str, Clusters] | None = None,
    ):
        self.folder, self.how, self.seed = Path(folder), how, seed
        self.library = library or MonomerLibrary.load()
        canonical = lambda text: Composition.parse(text, self.library).name(self.library)  # noqa: E731
        self.wanted = {canonical(c): int(n) for c, n in wanted.items()}
        none = [f"{c}={n}" for c, n in self.wanted.items() if n < 1]
        if none:
            raise InputError(f"{', '.join(none)}: the number of structures must be at least 1")
        held = sorted({canonical(c) for c in hold_out} & set(self.wanted))
        if held:
            raise InputError(f"{', '.join(held)} is held out for testing and cannot be sampled for training")
        plan = {"wanted": self.wanted, "how": asdict(how), "driver": driver, "labeller": labeller, "seed": seed}
        plan |= {"monomers": self._monomers(), "start": {c: digest(s) for c, s in (start or {}).items()}}
        keep_plan(self.folder, plan, "a sampling with other settings")

    def _monomers(self) -> dict[str, str]:
        """Molecule -> hash, of all that are arranged."""
        from ...funnel.runner import library_digest

        compositions = [Composition.parse(c, self.library) for c in self.wanted]
        return {k: v for c in compositions for k, v in library_digest(self.library, c).items()}

    def tasks(self) -> list[Task]:
        """All chunks; the compositions advance together, so that a part of the run is a fair part of the whole."""
        made = []
        for composition, n in self.wanted.items():
            chunks = max(1, -(-n // max(1, round(0.8 * self.how.frames))))
            folder = self.folder / composition
            made += [((k + 0.5) / chunks, Task(composition, k, folder / f"{k:05d}.npz")) for k in range(chunks)]
        return [task for _, task in sorted(made, key=lambda item: (item[0], item[1].composition))]

    def collect(self, threshold: float | None = None) -> Clusters:
        """Distinct structures of all finished chunks, at most as many of each composition as were wanted."""
        parts = []
        for composition, n in self.wanted.items():
            files = sorted((self.folder / composition).glob("*.npz"))
            found = Clusters.concatenate([Clusters.load(f) for f in files])
            if not len(found):
                continue
            found = found[distinct(found, self.how.threshold if threshold is None else threshold)]
            order = np.random.default_rng(numbered_key(self.seed, 1)).permutation(len(found))
            parts.append(found[np.sort(order[:n])])
        return Clusters.concatenate(parts)


def run_sampling(
    run: SamplingRun,
    driver: Potential,
    labeller: Potential | None,
    workers: int = 1,
    start: dict[str, Clusters] | None = None,
) -> Iterator[tuple[Task, int, bool]]:
    """Do what is left; yields (task, structures found, whether an earlier run had done it), as tasks are finished."""
    tasks = run.tasks()
    same = (run.how, driver, labeller, run.seed, run.library)
    chunks = [(task.file, (task, *same, (start or {}).get(task.composition))) for task in tasks]
    for index, count, before in do_chunks(_chunk, chunks, workers):
        yield tasks[index], count, before


def _chunk(argument: tuple) -> Clusters:
    task, how, driver, labeller, seed, library, start = argument
    return sample_chunk(task.composition, task.chunk, how, driver, labeller, seed, library, start)
