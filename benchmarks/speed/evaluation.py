"""Part 1: energy and forces of one cluster, from 11 to 330 atoms."""

from __future__ import annotations

import resource

import numpy as np
from common import candidates, exponent, in_turn, median, painn, ratio, show, spread, table
from peers import batchwise_calculator, schnetpack_calculator

from sampler.clusters import Clusters
from sampler.potentials.painn.parameters import PaiNNParameters
from sampler.potentials.painn.potential import CommitteePotential

GFN1_LARGEST = 165


def matmul_peak(rounds: int) -> dict[str, float]:
    """GFLOP/s of large single-precision products on one core: numpy's BLAS, and this package's kernel."""
    from sampler.potentials.painn.kernels.network import gemm
    from sampler.potentials.painn.network import aligned

    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(1024, 1024)).astype(np.float32) for _ in range(2))
    c = np.empty_like(a)
    rows, weight = aligned(600 * 128, np.float32), aligned(128 * 384, np.float32)
    rows[:], weight[:] = rng.normal(size=rows.size), rng.normal(size=weight.size)
    zeros, out = aligned(384, np.float32, zeros=True), aligned(600 * 384, np.float32)
    seconds = in_turn(
        {
            "blas": lambda: np.matmul(a, b, out=c),
            "own": lambda: gemm.multiply(rows, 0, 128, 1, weight, 0, zeros, 0, 0, out, 0, 384, 600, 128, 384),
        },
        2 * rounds,
    )
    flop = {"blas": 2 * 1024**3, "own": 2 * 600 * 128 * 384}
    return {name: flop[name] / median(s) / 1e9 for name, s in seconds.items()}


def operations(params: PaiNNParameters, atoms: int, pairs: int) -> tuple[float, float]:
    """Of an energy and its forces: (in matrix products, in pairs); a multiply-add counts two."""
    a = params.architecture
    f, layers = a.n_atom_basis, a.n_interactions
    mlp = 4 * sum(x * y for x, y in zip(a.output_widths, a.output_widths[1:]))
    dense = atoms * (2 * 30 * f * f * layers - 8 * f * f + mlp)
    return dense, pairs * f * layers * (53 + 115)


def measure(n: int, params: PaiNNParameters, card, rounds: int, gfn1, peak: float) -> dict:
    """One size: CPU time of each program, interleaved."""
    one = candidates(n, 1)
    atoms = len(one.numbers)
    rng = np.random.default_rng(n)
    potential, (calculator, _), (batchwise, _) = (
        painn(params, card), schnetpack_calculator(params), batchwise_calculator(params)
    )  # fmt: skip
    batch = Clusters.concatenate([one] * max(1, 256 // atoms))
    frame, frames = one.to_ase()[0], batch.to_ase()

    def moved(clusters):
        return clusters.replace(positions=clusters.positions + rng.normal(size=3))

    def schnetpack():
        # both at once: asked for one after the other, as atoms.get_...() does, it runs the network twice
        frame.positions += 1e-3 * rng.normal(size=3)
        calculator.calculate(frame, ["energy", "forces"])

    def schnetpack_batch():
        for f in frames:
            f.positions += 1e-3 * rng.normal(size=3)
        batchwise.calculate(frames)

    committee = CommitteePotential([potential, painn(params, card), painn(params, card)])
    entries = {
        "fused": lambda: potential.evaluate(moved(one)),
        "fused_batch": lambda: potential.evaluate(moved(batch)),
        "committee": lambda: committee.evaluate(moved(one)),
        "schnetpack": schnetpack,
        "schnetpack_batch": schnetpack_batch,
    }
    if gfn1 is not None and atoms <= GFN1_LARGEST:
        entries["gfn1"] = lambda: gfn1.evaluate(moved(one))
    calculator.calculate(frame, ["energy", "forces"])
    energy, forces = calculator.results["energy"], calculator.results["forces"]
    ours = potential.evaluate(one)
    reference = potential.scope.reference(one)[0][0]
    seconds = in_turn(entries, rounds)
    for name in ("fused_batch", "schnetpack_batch"):
        seconds[name] = seconds[name] / len(batch)
    pairs = len(potential.network.pairs(one.positions, one.ptr).partner)
    dense, pair = operations(params, atoms, pairs)
    row = {"atoms": atoms, "pairs": pairs, "structures_in_batch": len(batch)}
    for name, s in seconds.items():
        row[f"{name}_ms"], row[f"{name}_spread"] = 1e3 * median(s), spread(s)
        if name not in ("fused", "fused_batch"):
            row[f"{name}_ratio"] = ratio(s, seconds["fused"])
    row["share_of_peak"] = (dense + pair) / median(seconds["fused_batch"]) / 1e9 / peak
    row["energy_deviation_eV"] = float(abs(ours.energy[0] - reference - energy))
    row["force_deviation_eV_per_A"] = float(np.abs(ours.forces - forces).max())
    net = potential.network
    row["memory_MB"] = {
        "weights": net.weights.nbytes / 1e6, "filter_table": net.table.nbytes / 1e6, "work": net._work.nbytes / 1e6,
        "process_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }  # fmt: skip
    return row


def run(params: PaiNNParameters, card, sizes: list[int], rounds: int, with_gfn1: bool, say) -> dict:
    """The whole part; see :func:`report`."""
    from sampler.potentials import get_potential

    gfn1 = get_potential("gfn1-xtb") if with_gfn1 else None
    peak = matmul_peak(rounds)
    rows = []
    for n in sizes:
        rows.append(measure(n, params, card, rounds, gfn1, max(peak.values())))
        say(f"evaluation {rows[-1]['atoms']} atoms: fused {rows[-1]['fused_ms']:.2f} ms")
    atoms = [r["atoms"] for r in rows]
    names = [k[:-3] for k in rows[0] if k.endswith("_ms")]
    slopes = {n: exponent(atoms, [r.get(f"{n}_ms", np.nan) for r in rows]) for n in names}
    return {"rows": rows, "peak_gflops": peak, "exponents": slopes}


def report(part: dict) -> str:
    header = ["atoms", "fused, ms", "in a batch, ms", "SchNetPack, ms (ratio)", "its batches, ms (ratio)",
              "committee of 3, ms (ratio)", "GFN1-xTB, ms (ratio)", "share of the peak", "spread", "deviation, eV and eV/Å"]  # fmt: skip
    rows = []
    for r in part["rows"]:

        def peer(name, r=r):
            return f"{show(r[f'{name}_ms'])} ({show(r[f'{name}_ratio'], 2)})" if f"{name}_ms" in r else "-"

        rows.append([
            str(r["atoms"]), show(r["fused_ms"]), show(r["fused_batch_ms"]), peer("schnetpack"), peer("schnetpack_batch"),
            peer("committee"), peer("gfn1"), show(r["share_of_peak"], 2), show(max(v for k, v in r.items() if k.endswith("spread")), 2),
            f"{r['energy_deviation_eV']:.0e}, {r['force_deviation_eV_per_A']:.0e}",
        ])  # fmt: skip
    peak, slopes = part["peak_gflops"], part["exponents"]
    return "\n".join([
        "CPU time of one core for energy and forces; ratio to *fused*; *spread*: the largest of the row (half the "
        "distance of the quartiles over the median).", "", table(header, rows), "",
        "Cost grows with the power " + ", ".join(f"{v:.2f} ({k})" for k, v in slopes.items()) + " of the size, from 40 "
        "atoms on.", "",
        f"Peak of single-precision products on one core: numpy's BLAS {peak['blas']:.0f}, own kernel {peak['own']:.0f} "
        "GFLOP/s; *share of the peak*: all operations of a batch against the larger of the two.",
    ])  # fmt: skip
