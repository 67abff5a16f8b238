"""Part 2: relaxations: 100 steps from 11 to 330 atoms, whole relaxations against peers, and 200 candidates of two sizes."""

from __future__ import annotations

import numpy as np
from common import candidates, cpu, exponent, painn, show, table
from peers import ase_lbfgs, batchwise_calculator, batchwise_lbfgs, counted, schnetpack_calculator, xtb_opt, xtb_program

from sampler.relax import RelaxParams, relax
from sampler.units import HARTREE, KCAL_PER_MOL

NEVER = 1e-9
"""eV/Å; a threshold that no relaxation meets in a hundred steps."""
GFN1_LARGEST = 165


def hundred_steps(n: int, params, card, gfn1, with_xtb: bool, seconds: float) -> dict:
    """CPU seconds of 100 optimisation steps of one structure with each method, at (SA)n(AM)n.

    Slow methods take fewer steps, about ``seconds`` long, from which 100 are reckoned; ``steps`` says how many.
    """
    atoms = 11 * n
    many = max(1, 256 // atoms)
    starts = candidates(n, many)
    potential = painn(params, card)
    potential.evaluate(starts[0])
    row: dict = {"atoms": atoms, "structures_in_batch": many}

    def note(name: str, run, steps: int = 100, structures: int = 1):
        spent = cpu(lambda: run(steps))
        row[name] = {"s_per_100": 100 * spent / steps / structures, "steps": steps}

    def slow(name: str, run, structures: int = 1):
        first = cpu(lambda: run(2)) / 2
        note(name, run, int(np.clip(seconds / first, 3, 100)), structures)

    def ours(what, which):
        return lambda steps: relax(which, what, RelaxParams(fmax=NEVER, max_steps=steps, max_displacement=1e3))

    note("fused_alone", ours(potential, starts[0]))
    note("fused_batch", ours(potential, starts), structures=many)
    calculator, count = schnetpack_calculator(params)
    before = count.structures
    slow("schnetpack_ase", lambda steps: ase_lbfgs(starts[0], calculator, NEVER, steps))
    geometries = (2 + 1) + (row["schnetpack_ase"]["steps"] + 1)  # of both runs, with their starts
    row["schnetpack_ase"]["evaluations_per_geometry"] = (count.structures - before) / geometries
    batchwise, _ = batchwise_calculator(params)
    slow("schnetpack_batchwise", lambda steps: batchwise_lbfgs(starts, batchwise, NEVER, steps), structures=many)
    if gfn1 is not None and atoms <= GFN1_LARGEST:
        slow("gfn1_sampler", ours(gfn1, starts[0]))
    if with_xtb and atoms <= GFN1_LARGEST:
        taken = xtb_opt(starts[0], cycles=20 if atoms < 60 else 5)
        row["gfn1_xtb_program"] = {
            "s_per_100": 100 * taken["cpu_s"] / max(taken["cycles"], 1),
            "steps": taken["cycles"],
        }
    return row


def whole(n: int, count: int, fmax: float, params, card, gfn1, with_xtb: bool, say) -> dict:
    """``count`` candidates to ``fmax`` with every method, from the same starts."""
    starts = candidates(n, count)
    potential = painn(params, card)
    potential.evaluate(starts[0])
    limit = 1000
    found: dict[str, dict] = {}

    def keep(name, seconds, evaluations, converged, energy):
        found[name] = {
            "cpu_s": seconds, "evaluations": float(evaluations) / count, "converged": int(np.sum(converged)),
            "energy_eV": [float(e) for e in energy], "structures": count,
        }  # fmt: skip
        say(f"relaxation {11 * n} atoms: {name} {seconds / count:.2f} s each")

    def sampler(name, what, **options):
        out = {}
        spent = cpu(lambda: out.update(done=relax(starts, what, RelaxParams(fmax=fmax, max_steps=limit, **options))))
        columns = out["done"].columns
        keep(name, spent, columns["evaluations"].sum(), columns["converged"], out["done"].energy)

    def peer(name, run, counter):
        out, before = {}, counter()
        spent = cpu(lambda: out.update(end=run()))
        positions, converged = out["end"]
        energy = potential.evaluate(starts.replace(positions=positions), forces=False).energy
        keep(name, spent, counter() - before, converged, energy)

    sampler("fused, sampler", potential)
    sampler("fused, sampler, plain L-BFGS", potential, preconditioner="none")
    own = counted(potential)
    peer("fused, ASE LBFGS", lambda: ase_lbfgs(starts, own, fmax, limit), lambda: own.calls)
    calculator, calls = schnetpack_calculator(params)
    peer("SchNetPack, ASE LBFGS", lambda: ase_lbfgs(starts, calculator, fmax, limit), lambda: calls.structures)
    batchwise, batch_calls = batchwise_calculator(params)
    peer("SchNetPack, its batchwise LBFGS", lambda: batchwise_lbfgs(starts, batchwise, fmax, limit),
         lambda: batch_calls.structures)  # fmt: skip
    if gfn1 is not None:
        sampler("GFN1-xTB, sampler", gfn1)
    if with_xtb:
        ends = [xtb_opt(starts[i]) for i in range(count)]
        keep("GFN1-xTB, xtb --opt normal", sum(e["cpu_s"] for e in ends), sum(e["cycles"] for e in ends),
             [e["converged"] for e in ends], [e["energy_Eh"] * HARTREE for e in ends])  # fmt: skip
    return {"cluster": f"{n}sa{n}am", "fmax": fmax, "methods": found}


def quality(n: int, count: int, fmax: float, params, card, say) -> dict:
    """``count`` candidates with this package's optimiser and with ASE's LBFGS on the same surface: who ends lower."""
    starts = candidates(n, count, seed=2)
    potential = painn(params, card)
    potential.evaluate(starts[0])
    out: dict = {}
    spent = cpu(lambda: out.update(done=relax(starts, potential, RelaxParams(fmax=fmax, max_steps=1000))))
    done = out["done"]
    calculator = counted(potential)
    ase_spent = cpu(lambda: out.update(end=ase_lbfgs(starts, calculator, fmax, 1000)))
    theirs = potential.evaluate(starts.replace(positions=out["end"][0]), forces=False).energy
    difference = (done.energy - theirs) / KCAL_PER_MOL
    say(f"{count} candidates of {n}sa{n}am: {done.columns['evaluations'].mean():.0f} evaluations")
    both = np.isfinite(difference) & (done.columns["fate"] == "")
    evaluations = done.columns["evaluations"]
    return {
        "cluster": f"{n}sa{n}am", "candidates": count, "fmax": fmax, "compared": int(both.sum()),
        "evaluations_mean": float(evaluations.mean()), "evaluations_median": float(np.median(evaluations)),
        "converged": int(done.columns["converged"].sum()), "cpu_s_each": spent / count,
        "ase_evaluations_mean": calculator.calls / count, "ase_converged": int(np.sum(out["end"][1])),
        "ase_cpu_s_each": ase_spent / count,
        "lower": int((difference[both] < -0.1).sum()), "higher": int((difference[both] > 0.1).sum()),
        "difference_mean_kcal_mol": float(difference[both].mean()),
        "difference_error_kcal_mol": float(difference[both].std(ddof=1) / np.sqrt(max(both.sum(), 1))),
        "lowest_kcal_mol": float((done.energy[both].min() - theirs[both].min()) / KCAL_PER_MOL),
    }  # fmt: skip


METHODS = {
    "fused_batch": "sampler, batch", "fused_alone": "sampler, one structure", "schnetpack_ase": "SchNetPack + ASE LBFGS",
    "schnetpack_batchwise": "SchNetPack batchwise LBFGS", "gfn1_sampler": "GFN1-xTB, sampler",
    "gfn1_xtb_program": "GFN1-xTB, xtb --opt",
}  # fmt: skip


def run(params, narrow, card, options, say) -> dict:
    """The whole part; ``narrow``: the same surface in the model's own size."""
    from sampler.potentials import get_potential

    gfn1 = get_potential("gfn1-xtb") if options.gfn1 else None
    with_xtb = options.gfn1 and bool(xtb_program())
    steps = []
    for n in options.sizes:
        steps.append(hundred_steps(n, params, card, gfn1, with_xtb, options.slow_seconds))
        say(f"100 steps of {11 * n} atoms: {steps[-1]['fused_alone']['s_per_100']:.2f} s")
    atoms = [r["atoms"] for r in steps]
    slopes = {m: exponent(atoms, [r[m]["s_per_100"] if m in r else np.nan for r in steps]) for m in METHODS}
    return {
        "steps": steps, "exponents": slopes, "xtb": xtb_program(),
        "whole": whole(4, options.peers, 0.05, params, card, gfn1, with_xtb, say),
        "quality": [quality(n, options.candidates, 0.05, narrow, card, say) for n in options.quality_sizes],
    }  # fmt: skip


def report(part: dict) -> str:
    rows = []
    for method, title in METHODS.items():
        cells = []
        for r in part["steps"]:
            if method not in r:
                cells.append("-")
                continue
            value = r[method]["s_per_100"]
            cells.append(f"{show(value)} ({show(value / r['fused_alone']['s_per_100'], 2)})")
        rows.append([title, *cells, show(part["exponents"][method], 2)])
    head = [
        "s for 100 steps (ratio to one structure alone)",
        *(f"{r['atoms']} atoms" for r in part["steps"]),
        "exponent",
    ]
    twice = [r["schnetpack_ase"]["evaluations_per_geometry"] for r in part["steps"]]
    w = part["whole"]
    base = w["methods"]["fused, sampler"]
    lines = []
    for name, m in w["methods"].items():
        own = np.array(base["energy_eV"])
        higher = (np.array(m["energy_eV"]) - own) / KCAL_PER_MOL if "GFN1" not in name else np.full(1, np.nan)
        each = m["cpu_s"] / m["structures"]
        lines.append([
            name, show(m["evaluations"]), show(each), show(60 / each), show(each * base["structures"] / base["cpu_s"]),
            f"{m['converged']}/{m['structures']}", show(float(np.mean(higher)), 2),
        ])  # fmt: skip
    quality_rows = [
        [
            q["cluster"], str(q["candidates"]), f"{show(q['evaluations_mean'])} ({show(q['evaluations_median'])})",
            show(q["cpu_s_each"]), f"{q['converged']}", show(q["ase_evaluations_mean"]), show(q["ase_cpu_s_each"]),
            str(q["ase_converged"]), f"{q['lower']} / {q['higher']}",
            f"{q['difference_mean_kcal_mol']:+.2f} ± {q['difference_error_kcal_mol']:.2f}", f"{q['lowest_kcal_mol']:+.2f}",
        ]
        for q in part["quality"]
    ]  # fmt: skip
    return "\n".join([
        "### 100 optimisation steps", "",
        "CPU seconds of one core and structure, with everything that the optimiser does.", "", table(head, rows), "",
        f"SchNetPack's calculator keeps only the property it was asked for last, so ASE's optimiser runs the network "
        f"{show(float(np.mean(twice)), 2)} times a geometry. xtb: {part['xtb'] or 'not installed'}.", "",
        f"### To {w['fmax']} eV/Å: {w['cluster']}, {base['structures']} candidates", "",
        table(["method", "evaluations", "CPU s each", "a minute and core", "times sampler", "converged",
               "mean kcal/mol above sampler's ends"], lines), "",
        "xtb's evaluations are its cycles, to its own criteria. Ends on another surface are not compared.", "",
        "### The minima, and how many evaluations they take", "",
        table(["cluster", "candidates", "evaluations, mean (median)", "CPU s each", "converged", "ASE LBFGS: evaluations",
               "CPU s each", "converged", "sampler lower / higher by 0.1", "mean difference, kcal/mol",
               "lowest of all, kcal/mol"], quality_rows), "",
        "Both on the fused kernels and on the surface of the model in its own size; differences are sampler minus ASE.",
    ])  # fmt: skip
