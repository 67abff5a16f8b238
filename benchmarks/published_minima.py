"""Does the funnel find structures as low as the published ones?

For each composition a run of the funnel is compared with the published structures, relaxed with the same potential
to the same threshold: the B97-3c minimum of Wu et al. (2023) and the lowest ωB97X-D conformers of ACDB 2.0 and of Besel
et al. (2020), which lie in a folder of reference data (see --reference; exploration/systems.py is the list). A row says
how much lower (negative) or higher the funnel's lowest structure is. The potential is that of the protocol's last relaxation; where single points of another follow, as
in b97-3c, the other one gives the energies.

    python benchmarks/published_minima.py --protocol standard --level gfn1-xtb --reference ../shared/reference --out runs/evidence
    python benchmarks/published_minima.py 1sa1am 2sa2am 3sa3am 4sa4am --protocol quick --reference … --out runs/quick
    python benchmarks/published_minima.py 14sa14am --protocol large --level gfn1-xtb --set hop.rounds=12 --reference … --out runs/large
    python benchmarks/published_minima.py 7sa7am --protocol b97-3c-large --parents 5sa4am 4sa5am --reference … --out runs/large

Parents are run directories of smaller systems, for protocols that grow. A finished run in OUT/SYSTEM is not done again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", default=["1sa1am", "2sa2am", "3sa3am", "4sa4am"])
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--protocol", default="standard")
    parser.add_argument("--level", default="auto", help="as in sampler run: b97-3c, gfn1-xtb, auto")
    parser.add_argument("--set", action="append", default=[], help="as in sampler run, e.g. hop.rounds=12")
    parser.add_argument("--out", type=Path, default=Path("runs/evidence"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--parents", nargs="*", type=Path, default=[], help="run directories of smaller systems")
    arguments = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).resolve().parent / "exploration"))
    from systems import published

    from sampler.composition import Composition
    from sampler.funnel import results
    from sampler.funnel.parents import read_parent
    from sampler.funnel.protocols import protocol as protocols
    from sampler.funnel.protocols.automatic import resolve
    from sampler.funnel.runner import run
    from sampler.monomers import MonomerLibrary
    from sampler.potentials import get_potential
    from sampler.relax import RelaxParams, relax
    from sampler.units import KCAL_PER_MOL
    from sampler.workers.pool import cores
    from sampler.workers.progress import PlainProgress

    library = MonomerLibrary.load()
    protocol = protocols.load(arguments.protocol, protocols.parse_overrides(arguments.set))
    rows = []
    for name in arguments.systems:
        composition = Composition.parse(name, library)
        stages = [
            s for s in resolve(protocol, composition, library, arguments.level).stage if s.kind in ("relax", "refine")
        ]
        final = [s for s in stages if s.kind == "relax"][-1]
        potential, judge = (get_potential(s.potential, **s.options) for s in (final, stages[-1]))
        started = time.monotonic()
        finished = run(
            composition, protocol, arguments.out / name, library=library, seed=arguments.seed,
            workers=arguments.workers or cores(), progress=PlainProgress(60),
            parents=[read_parent(p, library) for p in arguments.parents], level=arguments.level,
        )  # fmt: skip
        seconds = time.monotonic() - started
        results.write(finished, protocol, library, composition)
        ours = relax(finished.clusters[:3], potential, RelaxParams(fmax=0.002, max_steps=2000))
        theirs = relax(
            published(arguments.reference, composition, library), potential, RelaxParams(fmax=0.002, max_steps=2000),
        )  # fmt: skip
        if stages[-1] is not final:
            ours, theirs = (c.replace(energy=judge.evaluate(c, forces=False).energy) for c in (ours, theirs))
        best = int(np.nanargmin(theirs.energy))
        timings = [json.loads(p.read_text())["seconds"] for p in (arguments.out / name).glob("stages/*/timing.json")]
        rows.append(
            {
                "system": name,
                "ours_minus_published_kcalmol": (np.nanmin(ours.energy) - theirs.energy[best]) / KCAL_PER_MOL,
                "published": str(theirs.ids[best]),
                "state": str(finished.clusters.columns["state"][0]),
                "evaluations": sum(ledger.get("evaluations", 0) for ledger in finished.ledgers),
                "minutes": max(seconds, sum(timings)) / 60,
            }
        )
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    print(f"\n{'system':8} {'lower by (kcal/mol)':>20}  {'evaluations':>11} {'minutes':>8}  lowest published")
    for r in rows:
        print(
            f"{r['system']:8} {-r['ours_minus_published_kcalmol']:20.3f}  {r['evaluations']:11d} {r['minutes']:8.1f}"
            f"  {r['published']}"
        )


if __name__ == "__main__":
    main()
