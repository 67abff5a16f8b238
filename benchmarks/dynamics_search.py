"""Do annealing and replica exchange find lower minima than the moves of ``large``, for as many evaluations?

    python benchmarks/dynamics_search.py run   [--systems 5sa5am 7sa7am] [--seeds 3] [--budget 30000] [--methods large …]
    python benchmarks/dynamics_search.py table

All begin from the same structures, those that ``large`` hands to its search, on the PaiNN of B97-3c that ``large`` searches
on. The budget is of the search alone. ``run`` appends a line to OUT/results.jsonl for each system, seed and method and skips
what is there; a run that was stopped goes on. ``table`` reads that file.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import json_lines

METHODS = ("large", "anneal", "exchange", "dynamics")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("runs/dynamics_search"))
    parser.add_argument("--systems", nargs="+", default=["5sa5am", "7sa7am"])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 … N-1")
    parser.add_argument("--budget", type=int, default=30_000, help="evaluations of the search")
    asked = parser.parse_args()
    results = asked.out / "results.jsonl"
    if asked.what == "table":
        print(table(json_lines.read(results)))
        return
    for seed in range(asked.seeds):
        for system in asked.systems:
            for method in asked.methods:
                key = {"system": system, "seed": seed, "method": method, "budget": asked.budget}
                json_lines.once(results, key, partial(measure, asked.out / f"{system}-{seed}", **key))


def searches(method: str, hop: dict, budget: int) -> list[dict]:
    """The stages that search, with the window and the parents of the hop of ``large`` and no other end than the budget."""
    same = ("potential", "watch_kcalmol", "window_kcalmol", "temperature", "framework_children", "walkers")
    base = {k: hop[k] for k in same} | {"rounds": 10_000, "patience": 10_000}
    if method == "large":
        return [hop | base | {"budget": budget}]
    if method == "dynamics":  # as the protocol of that name
        return [
            base | {"kind": "anneal", "budget": budget // 3},
            base | {"kind": "exchange", "budget": 2 * budget // 3},
        ]
    return [base | {"kind": method, "budget": budget}]


def measure(folder: Path, system: str, seed: int, method: str, budget: int) -> dict:
    """One run; what comes before the search is taken from that of another method with the same seed."""
    from sampler.composition import Composition
    from sampler.funnel.protocols import protocol as protocols
    from sampler.funnel.runner import run
    from sampler.monomers import MonomerLibrary
    from sampler.rundir.directory import read_rounds
    from sampler.units import KCAL_PER_MOL

    library = MonomerLibrary.load()
    stages = protocols.load("large").dump()["stage"]
    for stage in stages:
        if stage.get("potential") == "auto:gfn1-xtb":
            stage["potential"] = "auto:member"  # as its end for B97-3c has it
    place = [s["kind"] for s in stages].index("hop")
    stages = stages[:place] + searches(method, stages[place], budget)
    table = {"name": method.replace(" ", "-"), "description": "", "stage": stages}
    done = run(
        Composition.parse(system, library), protocols.build(table, method), folder, library=library, seed=seed, replace=True
    )  # fmt: skip
    energy, ledgers = done.clusters.energy, done.ledgers[place:]
    rounds = [r for ledger in ledgers for r in read_rounds(done.folder, ledger.folder)]
    return {
        "lowest_eV": float(energy.min()),
        "energies_eV": sorted(float(e) for e in energy if e < energy.min() + 6 * KCAL_PER_MOL),
        "evaluations": sum(ledger["evaluations"] for ledger in ledgers),
        "children": sum(r["children"] for r in rounds),
        "new": sum(r["new"] for r in rounds),
        "exchange": ledgers[-1].get("exchange"),
        "way": [[r["evaluations_so_far"], r["lowest_eV"]] for r in rounds],
    }


def table(found: list[dict]) -> str:
    """Markdown; kcal/mol above the lowest of all records of a system, minima within 3 kcal/mol of that."""
    from sampler.units import KCAL_PER_MOL

    lines = [
        "| system | method | lowest, kcal/mol above the best known, by seed | minima within 3 kcal/mol of that, by seed | "
        "children relaxed, by seed | evaluations, by seed |",
        "|---|---|---|---|---|---|",
    ]
    for system in dict.fromkeys(r["system"] for r in found):
        best = min(r["lowest_eV"] for r in found if r["system"] == system)
        for method in METHODS:
            mine = sorted((r for r in found if (r["system"], r["method"]) == (system, method)), key=lambda r: r["seed"])
            low = [f"{(r['lowest_eV'] - best) / KCAL_PER_MOL:.2f}" for r in mine]
            near = [str(sum(e < best + 3 * KCAL_PER_MOL for e in r["energies_eV"])) for r in mine]
            cells = [low, near, [f"{r['children']:,}" for r in mine], [f"{r['evaluations']:,}" for r in mine]]
            if mine:
                lines.append(f"| {system} | {method} | " + " | ".join(" · ".join(cell) for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
