"""How well and how fast duplicates are found, against an exhaustive search and against peers.

python benchmarks/dedupe.py accuracy   reference minima: every decision against a brute-force search (half an hour)
python benchmarks/dedupe.py copies     shuffled, turned, mirrored, jittered copies of known minima
python benchmarks/dedupe.py noise      GFN1-xTB optimisations stopped early, against the same ones converged
python benchmarks/dedupe.py peers      time and RMSD of one pair: this package, irmsd, brute force
python benchmarks/dedupe.py speed      10,000 structures of 44 atoms

The reference data lie in ../shared/reference beside the checkout. Set OMP_NUM_THREADS=1 for times of one core.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sampler.clusters import Clusters
from sampler.similarity import DedupeParams, dedupe, permutation_rmsd
from sampler.units import HARTREE, KCAL_PER_MOL

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
SETS = {
    "SA+AM minima": "dimers_forces_wb97xd/minima_1sa_1nh3.extxyz",
    "SA+W minima": "dimers_forces_wb97xd/minima_1sa_1h2o.extxyz",
    "SA+DMA minima": "dimers_forces_wb97xd/minima_1sa_1dma.extxyz",
    "SA+SA minima": "dimers_forces_wb97xd/minima_2sa.extxyz",
    "SA–AM conformers": "acdb2_wb97xd/conformers_sa_am.extxyz",
}


def load(name: str) -> Clusters:
    """A file of reference structures with its electronic energies."""
    from ase.io import read

    frames = read(REFERENCE / name, ":", format="extxyz")
    energy = [next(v for k, v in f.info.items() if k.endswith("electronic_energy_Eh")) * HARTREE for f in frames]
    return Clusters.make(
        [f.positions for f in frames],
        [f.numbers for f in frames],
        charge=[int(f.info.get("charge", 0)) for f in frames],
        ids=[f.info["name"] for f in frames],
        energy=energy,
        level="wB97X-D/6-31++G(d,p)",
    )


# ---- the exhaustive reference: scipy only, nothing shared with the package ------------------------------------------


def rotation_grid(count: int) -> np.ndarray:
    """(count, 3, 3) evenly spread rotations (super-Fibonacci spiral, Alexa 2022, doi:10.1109/CVPR52688.2022.00811)."""
    from scipy.spatial.transform import Rotation

    s = np.arange(count) + 0.5
    r, big = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / np.sqrt(2), 2 * np.pi * s / 1.533751168755204288118041
    return Rotation.from_quat(
        np.stack([r * np.sin(alpha), r * np.cos(alpha), big * np.sin(beta), big * np.cos(beta)], axis=1)
    ).as_matrix()


def brute_force(z_a, x_a, z_b, x_b, grid, refine=30, stop=0.0) -> tuple[float, float]:
    """RMSD and largest displacement (Å) of the best superposition from every rotation of the grid, both hands.

    All rotations are scored by the distances to the nearest like atoms; the best ``refine`` of each hand are refined
    by Hungarian assignment and Kabsch superposition in turn. Ends early at an RMSD below ``stop``.
    """
    from scipy.optimize import linear_sum_assignment

    order_a, order_b = np.argsort(z_a, kind="stable"), np.argsort(z_b, kind="stable")
    z, a, b = z_a[order_a], x_a[order_a] - x_a.mean(0), x_b[order_b] - x_b.mean(0)
    assert (z == z_b[order_b]).all()
    blocks = [np.flatnonzero(z == e) for e in np.unique(z)]
    best = (np.inf, np.inf)
    for hand in (1, -1):
        turned = np.einsum("rxy,iy->rix", grid, hand * a)
        score = np.zeros(len(grid))
        for block in blocks:
            p, q = turned[:, block], b[block]
            d = (p**2).sum(2)[:, :, None] + (q**2).sum(1) - 2 * p @ q.T
            score += np.maximum(d.min(2).sum(1), d.min(1).sum(1))
        for r in np.argsort(score)[:refine]:
            moved, last = turned[r], None
            for _ in range(50):
                perm = np.empty(len(z), int)
                for block in blocks:
                    d = ((moved[block][:, None] - b[block]) ** 2).sum(2)
                    perm[block] = block[linear_sum_assignment(d)[1]]
                if last is not None and (perm == last).all():
                    break
                last = perm
                u, _, vt = np.linalg.svd((hand * a).T @ b[perm])
                flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
                moved = hand * a @ (u @ flip @ vt)
            d = ((moved - b[last]) ** 2).sum(1)
            best = min(best, (float(np.sqrt(d.mean())), float(np.sqrt(d.max()))))
            if best[0] < stop:
                return best
    return best


def proven_apart(z_a, x_a, z_b, x_b) -> float:
    """A lower bound of the RMSD, Å: sorted distances of each pair of elements (see sampler.similarity.fingerprints)."""
    total = 0.0
    for p, q in itertools.combinations_with_replacement(np.unique(z_a), 2):
        lists = []
        for z, x in ((z_a, x_a), (z_b, x_b)):
            d = np.linalg.norm(x[z == p][:, None] - x[z == q], axis=2)
            lists.append(np.sort(d[np.triu_indices(len(d), 1)] if p == q else d.ravel()))
        total += ((lists[0] - lists[1]) ** 2).sum()
    return np.sqrt(total) / len(z_a)


def floor_bins(clusters: Clusters) -> np.ndarray:
    """The common practice, for comparison: labels from energy cut to 0.001 Eh and gyration radius cut to 0.01 Å."""
    labels = []
    for c in clusters:
        x = c.positions - c.positions.mean(0)
        rg = np.sqrt((x**2).sum(1).mean())
        labels.append((tuple(np.sort(c.numbers)), np.floor(c.energy[0] / HARTREE * 1e3), np.floor(rg * 1e2)))
    return np.unique([hash(label) for label in labels], return_inverse=True)[1]


def pair_scores(label: np.ndarray, truth: dict[tuple[int, int], bool]) -> tuple[float, float]:
    """Precision and recall over the pairs of ``truth``."""
    together = [label[i] == label[j] for i, j in truth]
    same = list(truth.values())
    hit = sum(t and s for t, s in zip(together, same))
    return hit / max(sum(together), 1), hit / max(sum(same), 1)


# ---- the measurements ------------------------------------------------------------------------------------------------


def accuracy(args) -> None:
    """Every pair whose energies differ by less than twice the window is decided by brute force, unless sorted distances
    prove an RMSD above 1.5 thresholds."""
    grid = rotation_grid(576)
    params = DedupeParams()
    print(f"threshold {params.rmsd} Å, no atom off by more than {params.max_displacement} Å, "
          f"energies within {params.energy_window / KCAL_PER_MOL:.2f} kcal/mol")  # fmt: skip
    print("| set | structures | distinct | pairs close in energy | brute-force searches | same minimum | worst RMSD above brute force, Å "
          "| missed | lost | precision, recall (floor bins) |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, path in SETS.items():
        if args.only not in name:
            continue
        clusters = load(path)
        if args.limit:
            clusters = clusters[: args.limit]
        result = dedupe(clusters, params)
        keys = [np.sort(clusters.numbers[clusters.atoms_of(i)]).tobytes() for i in range(len(clusters))]
        truth, worst, searched = {}, 0.0, 0
        for i, j in itertools.combinations(range(len(clusters)), 2):
            gap = abs(clusters.energy[i] - clusters.energy[j])
            if keys[i] != keys[j] or gap > 2 * params.energy_window:
                continue
            a, b = clusters.atoms_of(i), clusters.atoms_of(j)
            pair = (clusters.numbers[a], clusters.positions[a], clusters.numbers[b], clusters.positions[b])
            if proven_apart(*pair) > 1.5 * params.rmsd:
                truth[i, j] = False
                continue
            exact, largest = brute_force(*pair, grid, stop=0.02)
            searched += 1
            truth[i, j] = exact <= params.rmsd and largest <= params.max_displacement and gap <= params.energy_window
            if exact < 0.3:
                worst = max(worst, permutation_rmsd(*pair).rmsd - max(exact, 0.02))
        same = [pair for pair, yes in truth.items() if yes]
        kept = result.duplicate_of == ""
        missed = sum(kept[i] and kept[j] for i, j in same)
        first = {str(c): i for i, c in enumerate(clusters.ids)}
        lost = 0
        for i in np.flatnonzero(~kept):
            j = first[str(result.duplicate_of[i])]
            lost += not truth.get((min(i, j), max(i, j)), False)
        precision, recall = pair_scores(floor_bins(clusters), truth)
        print(f"| {name} | {len(clusters)} | {len(result.representatives)} | {len(truth)} | {searched} | {len(same)} | {worst:.4f} "
              f"| {missed} | {lost} | {precision:.3f}, {recall:.3f} |", flush=True)  # fmt: skip


def perturbed(clusters: Clusters, source: np.ndarray, jitter: float, rng: np.random.Generator) -> Clusters:
    """Copies of the structures ``source``: turned, every second one mirrored, atoms shuffled and jittered (Å)."""
    from scipy.spatial.transform import Rotation

    positions, numbers = [], []
    for k, i in enumerate(source):
        atoms = clusters.atoms_of(i)
        shuffle = rng.permutation(atoms.stop - atoms.start)
        turn = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix() * (-1) ** k
        x = clusters.positions[atoms] @ turn + rng.normal(0, 5, 3)
        x = x + rng.normal(0, jitter, x.shape)
        positions.append(x[shuffle])
        numbers.append(clusters.numbers[atoms][shuffle])
    energy = clusters.energy[source] + rng.normal(0, 1e-4, len(source))
    return Clusters.make(positions, numbers, charge=clusters.charge[source], energy=energy, level=clusters.level)


def copies(args) -> None:
    """Distinct minima, then many disturbed copies of each: as many groups must come out as minima went in."""
    print("| set | minima | copies | jitter, Å | groups | copies split off | minima merged | mirrored | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (name, path), jitter in itertools.product(SETS.items(), (0.02, 0.04)):
        distinct = dedupe(load(path)).representatives
        rng = np.random.default_rng(7)
        source = np.repeat(np.arange(len(distinct)), args.copies)
        population = perturbed(distinct, source, jitter, rng)
        start = time.perf_counter()
        result = dedupe(population)
        seconds = time.perf_counter() - start
        split = sum(len(np.unique(result.group[source == s])) - 1 for s in range(len(distinct)))
        merged = sum(len(np.unique(source[result.group == g])) - 1 for g in range(len(result.representatives)))
        print(f"| {name} | {len(distinct)} | {args.copies} | {jitter} | {len(result.representatives)} | {split} "
              f"| {merged} | {result.mirrored.sum()} | {seconds:.1f} |", flush=True)  # fmt: skip


def noise(args) -> None:
    """Kicked minima relaxed with GFN1-xTB to fmax 0.1 … 0.002 eV/Å: the groups of the loose structures against the
    groups of the tight ones."""
    from ase import Atoms
    from ase.calculators.calculator import CalculationFailed
    from ase.optimize import LBFGS
    from tblite.ase import TBLite

    levels = (0.1, 0.05, 0.02, 0.01, 0.002)
    clusters = load(SETS["SA–AM conformers"])
    clusters = clusters[np.char.startswith(clusters.ids, args.cluster + "-")]
    rng = np.random.default_rng(11)
    stages = {f: ([], [], []) for f in levels}
    failed = 0
    for k in range(args.count):
        c = clusters[int(rng.integers(len(clusters)))]
        atoms = Atoms(c.numbers, (-1) ** k * (c.positions + rng.normal(0, 0.12, c.positions.shape)))
        atoms.calc = TBLite(method="GFN1-xTB", verbosity=0)
        relax = LBFGS(atoms, logfile=None, maxstep=0.1)
        record = []
        try:
            for fmax in levels:
                relax.run(fmax=fmax, steps=600)
                record.append((atoms.positions.copy(), atoms.numbers, atoms.get_potential_energy()))
        except CalculationFailed:  # a kick that the SCF does not survive
            failed += 1
            continue
        for fmax, values in zip(levels, record):
            for store, value in zip(stages[fmax], values):
                store.append(value)
    print(f"{args.cluster}: {args.count} optimisations, {failed} with an SCF that did not converge")
    noise_table({f: Clusters.make(x, z, energy=e, level="GFN1-xTB") for f, (x, z, e) in stages.items()})


def noise_table(populations: dict[float, Clusters]) -> None:
    """``populations``: the same structures at every fmax; the smallest fmax is the truth."""
    tight = min(populations)
    truth_label = dedupe(populations[tight]).group
    pairs = {(i, j): truth_label[i] == truth_label[j] for i, j in itertools.combinations(range(len(truth_label)), 2)}
    print(f"{len(truth_label)} structures, {truth_label.max() + 1} minima at fmax {tight} eV/Å")
    print("| fmax, eV/Å | method | groups | precision | recall |\n|---|---|---|---|---|")
    for fmax, population in sorted(populations.items(), reverse=True):
        methods = {
            linkage: (lambda p=population, k=linkage: dedupe(p, DedupeParams(linkage=k)).group)
            for linkage in ("leader", "complete", "average")
        }
        methods["floor bins"] = lambda p=population: floor_bins(p)
        for method, label in methods.items():
            label = label()
            precision, recall = pair_scores(label, pairs)
            print(f"| {fmax} | {method} | {len(set(label))} | {precision:.4f} | {recall:.4f} |")


_IRMSD = """
import sys, time, numpy as np, irmsd
data = np.load(sys.argv[1]); out = []
for z1, x1, z2, x2 in zip(data["z1"], data["x1"], data["z2"], data["x2"]):
    r = [np.unique(z, return_inverse=True)[1].astype(np.int32) + 1 for z in (z1, z2)]
    t = time.perf_counter(); d = irmsd.get_irmsd(z1, x1, z2, x2, 0, r[0], r[1])[0]; out.append((d, time.perf_counter() - t))
    np.save(sys.argv[2], np.array(out))
"""


def peers(args) -> None:
    """The same pairs to this package, to irmsd (in a process of its own, since it may crash) and to brute force."""
    import tempfile

    clusters = load(SETS["SA–AM conformers"])
    grid = rotation_grid(576)
    rng = np.random.default_rng(3)
    print("| atoms | pairs | method | ms a pair | pairs below 0.3 Å | of these, more than 0.001 Å above the best "
          "| largest excess, Å |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for prefix in ("1sa1am", "2sa2am", "3sa3am", "4sa4am"):
        some = clusters[np.char.startswith(clusters.ids, prefix + "-")]
        source = rng.integers(len(some), size=args.pairs)
        near = perturbed(some, source, 0.02, rng)
        far = some[np.where(np.arange(args.pairs) % 2 == 0, source, rng.integers(len(some), size=args.pairs))]
        n = int(some.natoms[0])
        z1, x1 = near.numbers.reshape(-1, n), near.positions.reshape(-1, n, 3)
        z2, x2 = far.numbers.reshape(-1, n), far.positions.reshape(-1, n, 3)
        permutation_rmsd(z1[0], x1[0], z2[0], x2[0])
        found = {}
        for name, call in (
            ("sampler", lambda *pair: permutation_rmsd(*pair).rmsd),
            ("Hungarian + Kabsch, 576 starts", lambda *pair: brute_force(*pair, grid)[0]),
        ):
            start = time.perf_counter()
            values = [call(*pair) for pair in zip(z1, x1, z2, x2)]
            found[name] = np.array(values), (time.perf_counter() - start) / args.pairs
        with tempfile.TemporaryDirectory() as folder:
            np.savez(f"{folder}/in.npz", z1=z1, x1=x1, z2=z2, x2=x2)
            run = subprocess.run([sys.executable, "-c", _IRMSD, f"{folder}/in.npz", f"{folder}/out.npy"])
            if run.returncode:
                print(f"irmsd ended with status {run.returncode}", file=sys.stderr)
            if Path(f"{folder}/out.npy").exists():
                values, times = np.load(f"{folder}/out.npy").T
                if len(values) == args.pairs:
                    found["irmsd, element ranks"] = values, times.mean()
        best = np.min([values for values, _ in found.values()], axis=0)
        for name, (values, seconds) in found.items():
            excess = (values - best)[best < 0.3]
            print(f"| {n} | {args.pairs} | {name} | {1e3 * seconds:.2f} | {len(excess)} | {(excess > 1e-3).sum()} "
                  f"| {excess.max():.4f} |", flush=True)  # fmt: skip


def speed(args) -> None:
    """Populations made of SA4AM4 minima, of distortions of these as further minima, and of jittered copies of both."""
    base = load(SETS["SA–AM conformers"])
    base = base[np.char.startswith(base.ids, "4sa4am-")]
    print(
        "| structures | atoms | distinct | jobs | geometry only | found | pairs superposed | wall s | CPU s | peak GB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for distinct, jobs, only in ((3000, 1, False), (3000, 2, False), (46, 2, False), (3000, 2, True)):
        rng = np.random.default_rng(5)
        origin = np.arange(distinct) % len(base)
        kick = np.where(np.arange(distinct) < len(base), 0.0, rng.choice([0.15, 0.3], distinct))
        minima = Clusters.make(
            [base.positions[base.atoms_of(i)] + rng.normal(0, 1, (44, 3)) * s for i, s in zip(origin, kick)],
            [base.numbers[base.atoms_of(i)] for i in origin],
            energy=1.3 * np.sqrt(rng.random(distinct)),  # 30 kcal/mol, denser towards the top
            level="synthetic",
        )
        source = np.concatenate([np.arange(distinct), rng.integers(distinct, size=args.size - distinct)])
        population = perturbed(minima, source, 0.02, rng)
        params = DedupeParams(energy_window=None if only else DedupeParams().energy_window)
        dedupe(population[:20], params)  # compile
        start, cpu = time.perf_counter(), time.process_time()
        result = dedupe(population, params, n_jobs=jobs)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"| {args.size} | 44 | {distinct} | {jobs} | {'yes' if only else 'no'} | {len(result.representatives)} "
              f"| {result.pairs} | {seconds:.1f} | {cpu:.1f} | {peak:.2f} |", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "copies", "noise", "peers", "speed"])
    parser.add_argument("--limit", type=int, default=0, help="accuracy: only the first structures of each set")
    parser.add_argument("--only", default="", help="accuracy: only sets with this in the name, such as conformers")
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--cluster", default="2sa2am", help="noise: which conformers to start from")
    parser.add_argument("--count", type=int, default=60, help="noise: how many optimisations")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--size", type=int, default=10_000)
    args = parser.parse_args()
    globals()[args.what](args)


if __name__ == "__main__":
    main()
