"""Searches of systems that no model knows: by the GFN1-xTB models that a run takes by itself, against protocol ``gfn1``.

    python benchmarks/new_systems.py run   [--systems 3msa3ma 2nta2am …] [--workers 2]
    python benchmarks/new_systems.py table

Both end at GFN1-xTB. Evaluations are counted apart, those of networks and those of GFN1-xTB. ``run`` appends a line to
OUT/results.jsonl for each system and protocol, and skips what is there; a run that was stopped goes on. ``table`` reads that
file.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import json_lines

sys.path.insert(0, str(Path(__file__).parent / "label_farm"))

PROTOCOLS = ("standard", "gfn1")


def main() -> None:
    from plan import HELD_OUT

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--out", type=Path, default=Path("runs/new_systems"))
    parser.add_argument("--systems", nargs="+", default=list(HELD_OUT))
    parser.add_argument("--protocols", nargs="+", default=list(PROTOCOLS))
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    results = asked.out / "results.jsonl"
    if asked.what == "table":
        print(table(json_lines.read(results)))
        return
    for system in asked.systems:
        for protocol in asked.protocols:
            search = partial(measure, asked.out / f"{system}-{protocol}", system, protocol, asked.workers)
            json_lines.once(results, {"system": system, "protocol": protocol}, search)


def measure(folder: Path, system: str, name: str, workers: int) -> dict:
    """The run of one protocol: its lowest minimum, and what it took."""
    from sampler.composition import Composition
    from sampler.funnel.protocols import protocol as protocols
    from sampler.funnel.protocols.ending import at_level
    from sampler.funnel.runner import run
    from sampler.monomers import MonomerLibrary

    library = MonomerLibrary.load()
    composition = Composition.parse(system, library)
    protocol, level = protocols.load(name), "gfn1-xtb"
    begun = time.monotonic()
    done = run(composition, protocol, folder, library=library, workers=workers, level=level)
    spent: dict[str, int] = {}
    for stage, ledger in zip(at_level(protocol, level, composition, library).stage, done.ledgers):
        if count := ledger.as_dict().get("evaluations"):
            spent[stage.potential] = spent.get(stage.potential, 0) + count
    return {
        "lowest_eV": float(done.clusters.energy.min()),
        "evaluations": spent,
        "seconds": round(time.monotonic() - begun, 1),
    }


def table(every: list[dict]) -> str:
    """Markdown; kcal/mol of the search with models above (+) or below that of GFN1-xTB."""
    from sampler.units import KCAL_PER_MOL

    lines = [
        "| system | with models against `gfn1`, kcal/mol | evaluations: networks | GFN1-xTB | `gfn1`: GFN1-xTB |",
        "|---|---|---|---|---|",
    ]
    for system in dict.fromkeys(r["system"] for r in every):
        found = {r["protocol"]: r for r in every if r["system"] == system}
        if set(PROTOCOLS) <= set(found):
            ours, plain = found["standard"], found["gfn1"]
            difference = (ours["lowest_eV"] - plain["lowest_eV"]) / KCAL_PER_MOL
            xtb = ours["evaluations"].get("gfn1-xtb", 0)
            networks = sum(ours["evaluations"].values()) - xtb
            lines.append(
                f"| {system} | {difference:+.2f} | {networks:,} | {xtb:,} | {sum(plain['evaluations'].values()):,} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
