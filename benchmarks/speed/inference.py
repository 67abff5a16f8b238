"""Energies and forces: fused PaiNN against SchNetPack's calculator and GFN1-xTB, on one core, in one run.

    python benchmarks/speed/inference.py [--sizes 1 4 7 15 30] [--json FILE] [--plot FILE] [--skip-xtb]

Same (random) weights in both PaiNN programs, 128 features, 5 layers, 20 radial functions, 5 Å; random packings of
(H2SO4)n(NH3)n. Times are the least of several repeats of CPU time, the programs taking turns, so that a busy machine
disturbs all alike. Both PaiNN programs see new positions in every call and look for their neighbours themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import tblite.interface  # noqa: E402, F401  (before torch: see the tests' conftest)

from sampler.clusters import Clusters  # noqa: E402
from sampler.potentials import get_potential  # noqa: E402
from sampler.potentials.painn.card import ModelCard  # noqa: E402
from sampler.potentials.painn.parameters import PaiNNParameters  # noqa: E402
from sampler.potentials.painn.potential import PaiNNPotential  # noqa: E402


def packing(n: int, seed: int = 0) -> Clusters:
    """One random packing of n sulfuric acids and n ammonias."""
    from sampler.composition import Composition
    from sampler.generate import generate
    from sampler.monomers import MonomerLibrary

    library = MonomerLibrary.load()
    return generate(Composition.parse(f"{n}sa{n}am", library), 1, library=library, seed=seed)


class Clock:
    """Least CPU time of each entry over interleaved repeats."""

    def __init__(self, entries, seconds: float):
        self.best, self.calls = {}, {}
        for name, call in entries.items():
            begin = time.perf_counter()
            call()
            call()
            self.calls[name] = max(1, int(0.02 / max(time.perf_counter() - begin, 1e-9)))
        end = time.perf_counter() + seconds
        rounds = 0
        while time.perf_counter() < end or rounds < 3:
            rounds += 1
            for name, call in entries.items():
                begin = time.process_time()
                for _ in range(self.calls[name]):
                    call()
                spent = (time.process_time() - begin) / self.calls[name]
                self.best[name] = min(self.best.get(name, np.inf), spent)


def matmul_peak() -> dict[str, float]:
    """GFLOP/s of large single-precision products: the BLAS of numpy, and this package's kernel."""
    from sampler.potentials.painn import gemm
    from sampler.potentials.painn.network import aligned

    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(1024, 1024)).astype(np.float32) for _ in range(2))
    c = np.empty_like(a)
    small, weight = aligned(600 * 128, np.float32), aligned(128 * 384, np.float32)
    small[:], weight[:] = rng.normal(size=small.size), rng.normal(size=weight.size)
    zeros, out = aligned(384, np.float32, zeros=True), aligned(600 * 384, np.float32)
    clock = Clock(
        {
            "blas": lambda: np.matmul(a, b, out=c),
            "own": lambda: gemm.multiply(small, 0, 128, 1, weight, 0, zeros, 0, 0, out, 0, 384, 600, 128, 384),
        },
        2.0,
    )
    return {"blas": 2 * 1024**3 / clock.best["blas"] / 1e9, "own": 2 * 600 * 128 * 384 / clock.best["own"] / 1e9}


def flops(params: PaiNNParameters, atoms: int, pairs: int) -> tuple[float, float]:
    """Operations of an energy and its forces: (matrix products, pairs); a multiply-add counts two."""
    a = params.architecture
    f, layers = a.n_atom_basis, a.n_interactions
    mlp = 4 * sum(x * y for x, y in zip(a.output_widths, a.output_widths[1:]))
    dense = atoms * (2 * 30 * f * f * layers - 8 * f * f + mlp)
    return dense, pairs * f * layers * (53 + 115)


def schnetpack_calculator(params: PaiNNParameters):
    """SchNetPack's SpkCalculator with the same weights, in the same precision."""
    import schnetpack as spk
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        torch.save(params.to_schnetpack(), path)
        return spk.interfaces.SpkCalculator(
            path,
            neighbor_list=spk.transform.MatScipyNeighborList(cutoff=params.architecture.cutoff),
            energy_unit="eV",
            dtype=torch.float32,
        )


def measure(one: Clusters, potential: PaiNNPotential, calculator, rng, seconds: float, xtb, peak: float) -> dict:
    """One row of the table."""
    atoms = len(one.numbers)
    batch = Clusters.concatenate([one] * max(1, 256 // atoms))
    frame = one.to_ase()[0]
    frame.calc = calculator

    def fused():
        return potential.evaluate(one.replace(positions=one.positions + rng.normal(size=3)))

    def batched():
        return potential.evaluate(batch.replace(positions=batch.positions + rng.normal(size=3)))

    def schnetpack():
        frame.positions += 1e-3 * rng.normal(size=3)
        return frame.get_potential_energy(), frame.get_forces()

    entries = {"fused": fused, "batched": batched, "schnetpack": schnetpack}
    if xtb is not None:
        entries["gfn1"] = lambda: xtb.evaluate(one)
    energy, forces = frame.get_potential_energy(), frame.get_forces()
    ours = potential.evaluate(one)
    best = Clock(entries, seconds).best
    pairs = len(potential.network.pairs(one.positions, one.ptr).partner)
    dense, pair = flops(potential.params, atoms, pairs)
    gfn1 = best.get("gfn1", np.nan)
    return {
        "atoms": atoms,
        "pairs": pairs,
        "fused_ms": 1e3 * best["fused"],
        "batched_ms": 1e3 * best["batched"] / len(batch),
        "schnetpack_ms": 1e3 * best["schnetpack"],
        "gfn1_ms": 1e3 * gfn1,
        "ratio_schnetpack": best["schnetpack"] / best["fused"],
        "ratio_gfn1": gfn1 / best["fused"],
        "dense_mflop": dense / 1e6,
        "pair_mflop": pair / 1e6,
        "us_per_atom": 1e6 * best["fused"] / atoms,
        "fraction_of_peak": (dense + pair) / best["fused"] / 1e9 / peak,
        "energy_deviation_eV": float(abs(ours.energy[0] - energy)),
        "force_deviation_eV_per_A": float(np.abs(ours.forces - forces).max()),
    }


def exponents(rows: list[dict]) -> dict[str, float]:
    """Slopes of log(time) against log(atoms) from 40 atoms on."""
    found = {}
    for key in ("fused_ms", "schnetpack_ms", "gfn1_ms"):
        kept = [(r["atoms"], r[key]) for r in rows if r["atoms"] >= 40 and np.isfinite(r[key])]
        if len(kept) > 1:
            found[key[:-3]] = float(np.polyfit(*np.log(np.array(kept)).T, 1)[0])
    return found


def plot(rows: list[dict], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    x = [r["atoms"] for r in rows]
    for key, label in (("schnetpack_ms", "SchNetPack"), ("gfn1_ms", "GFN1-xTB (tblite)"), ("fused_ms", "fused PaiNN")):
        plt.loglog(x, [r[key] for r in rows], "o-", label=label)
    plt.xlabel("atoms")
    plt.ylabel("CPU time per energy and forces (ms)")
    plt.legend()
    plt.savefig(path, dpi=150)


COLUMNS = {
    "atoms": "5d", "pairs": "6d", "fused_ms": "9.2f", "batched_ms": "10.2f", "schnetpack_ms": "13.1f",
    "ratio_schnetpack": "16.1f", "gfn1_ms": "8.1f", "ratio_gfn1": "10.1f", "us_per_atom": "11.1f",
    "fraction_of_peak": "16.2f", "energy_deviation_eV": "19.1e", "force_deviation_eV_per_A": "24.1e",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 7, 15, 30], help="n of (SA)n(AM)n")
    parser.add_argument("--seconds", type=float, default=6.0, help="measuring time per size")
    parser.add_argument("--json", default="")
    parser.add_argument("--plot", default="")
    parser.add_argument("--skip-xtb", action="store_true")
    options = parser.parse_args()

    begin = time.perf_counter()
    params = PaiNNParameters.random(seed=0)
    potential = PaiNNPotential(params, ModelCard(level="benchmark", elements=("H", "N", "O", "S")))
    potential.evaluate(packing(1))
    start_up = time.perf_counter() - begin
    peak = matmul_peak()
    print(f"start-up, first packing included (import, compile or load kernels, pack weights): {start_up:.2f} s")
    print(f"float32 products on one core, GFLOP/s: BLAS 1024³ {peak['blas']:.0f}, own 600x128x384 {peak['own']:.0f}\n")
    calculator = schnetpack_calculator(params)
    rng = np.random.default_rng(1)
    xtb = None if options.skip_xtb else get_potential("gfn1-xtb")
    print(" ".join(f"{name:>{int(form.split('.')[0].rstrip('d'))}}" for name, form in COLUMNS.items()))
    rows = []
    for n in options.sizes:
        rows.append(measure(packing(n), potential, calculator, rng, options.seconds, xtb, max(peak.values())))
        print(" ".join(format(rows[-1][name], form) for name, form in COLUMNS.items()), flush=True)
    slopes = exponents(rows)
    print("\nms: CPU time per energy and forces; fraction_of_peak: all operations against the faster product above")
    print("exponent of the cost from 40 atoms on: " + ", ".join(f"{k} {v:.2f}" for k, v in slopes.items()))
    net = potential.network
    sizes = {"weights": net.weights.nbytes, "filter table": net.table.nbytes, "work space": net._work.nbytes}
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    listed = ", ".join(f"{k} {v / 1e6:.1f}" for k, v in sizes.items())
    print(f"memory, MB: {listed}; whole process (with torch, SchNetPack, tblite) {whole:.0f}")
    if options.json:
        result = {"rows": rows, "peak_gflops": peak, "start_up_s": start_up, "exponents": slopes, "memory": sizes}
        with open(options.json, "w") as handle:
            json.dump(result, handle, indent=1)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
