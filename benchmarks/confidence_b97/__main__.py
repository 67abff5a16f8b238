"""How far off B97-3c are the potentials that searches run on, and does `confidence` keep the B97-3c minimum as often as it says?

    OMP_NUM_THREADS=1 python benchmarks/confidence_b97 [--reference REFERENCE] [--write]
    OMP_NUM_THREADS=1 python benchmarks/confidence_b97 --archive RUN [--archive RUN …]

``--write`` puts the fitted errors into ``data/calibration/b97-3c_errors.toml``, where `sampler run --confidence` looks them up by
the sha256 of a model's weights: run it again when a model of ``data/models/recommended.toml`` was trained again.

Labels: minima among the B97-3c labels that ship (``benchmarks/label_queue/done-b97-3c.npz``), each relaxed to the nearest minimum of
the potential that is judged, as a run does it, so that an energy at the potential's own minimum is compared with B97-3c at
(nearly) its own. GFN1-xTB is judged on all of them, at the minima of its PaiNN, as in `standard`; the models of B97-3c on the
compositions of ``data/training/b97-3c_*_held_out.npz`` alone. With REFERENCE, the folder of public reference data: the minima of Wu
et al. (2023) join their compositions, and the 20 ORCA frames of 4sa4am (B97-3c single points on GFN1-xTB minima) are a system of
their own. A PaiNN of GFN1-xTB has that one's error, and its own from it in squares.

A system is one composition with at least --least minima that are distinct for the potential. ``minima.json`` keeps what was
relaxed, so only models that were trained again cost anything (some five minutes of a core, an hour for all).

``--archive``: for each run directory of `standard`, all minima that its search found are relaxed with the searching model of B97-3c
and get energies of the Δ models: where does the lowest lie, and is it kept? This stands in for thousands of B97-3c calculations.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from archive import report
from errors import NOMINAL, System, apart, coverage, error_of, fitted, interval, spread, systems
from labelled import labels
from minima import Source, concerns, lowered, sources

from sampler import resources

TABLE = ("data", "calibration", "b97-3c_errors.toml")
GROUPS = (("sa", "am"), ("sa", "w"), ("sa", "am", "dma", "w"))


def entry(source: Source, molecules: tuple[str, ...], chosen: list[System], more: float = 0.0) -> dict:
    """One table of the file; ``more``: an error that is added in squares."""
    low, high = interval(chosen)
    value = float(np.hypot(error_of(chosen), more))
    told = {"level": source.level, "models": list(source.models), "weights_sha256": source.weights()}
    told |= {"molecules": list(molecules), "against": "B97-3c", "kcalmol_per_sqrt_molecule": round(value, 3)}
    told |= {"scatter": round(spread(chosen), 3), "fitted": round(fitted(chosen), 3)}
    told |= {"interval": [round(min(low, value), 3), round(max(high, value), 3)]}
    if more:
        told["from_its_own_level"] = round(more, 3)
    names = sorted({s.name for s in chosen})
    return told | {"systems": len(chosen), "structures": sum(len(s.low) for s in chosen), "compositions": names}


def toml(entries: list[dict]) -> str:
    lines = [
        "# Errors of relative energies against B97-3c, for `confidence`: standard deviation in kcal/mol per square root of a molecule, the",
        "# larger of the scatter of the errors and of what fits where the B97-3c minima lie (docs/evidence/confidence.md).",
        "# Written by: OMP_NUM_THREADS=1 python benchmarks/confidence_b97 --reference ../shared/reference --write",
    ]
    for e in entries:
        lines += ["", "[[error]]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in e.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--write", action="store_true", help="write data/calibration/b97-3c_errors.toml")
    parser.add_argument("--least", type=int, default=4, help="minima that a system must have")
    parser.add_argument("--cache", type=Path, default=Path(__file__).with_name("minima.json"))
    parser.add_argument("--archive", type=Path, action="append", help="run directory of standard")
    arguments = parser.parse_args()
    if arguments.archive:
        report(arguments.archive)
        return
    every = labels(arguments.reference)
    often = Counter(x.group for x in every)
    every = [x for x in every if often[x.group] >= arguments.least]

    entries, rows, covered, plain = [], [], [], {}
    for source in sources():
        found = lowered([x for x in every if concerns(source, x)], source, arguments.cache)
        b97 = source.level.startswith("b97-3c")
        if source.models and not b97:
            more, free = apart(every, found, plain["found"])
            print(f"# {source.key} from GFN1-xTB: {more:.2f} per square root of a molecule, {free} degrees of freedom")
            homes = [m for m in GROUPS if set(m) <= source.molecules]
            entries += [entry(source, m, plain["groups"][m], more) for m in homes]
            continue
        minima, single = (systems(every, found, arguments.least, relaxed) for relaxed in (True, False))
        # of models of B97-3c there are so few systems that single points at minima of GFN1-xTB count, too
        judged = minima + single if b97 else minima
        groups = {m: [s for s in judged if s.families <= set(m)] for m in (GROUPS[-1:] if b97 else GROUPS)}
        plain = plain or {"found": found, "groups": groups}
        rows += [(source, s) for s in minima + single]
        entries += [entry(source, m, chosen) for m, chosen in groups.items()]
        covered += [(source, m, chosen, coverage(chosen)) for m, chosen in groups.items()]

    header("potential", "system", "minima", "error per √molecule", "rank of the B97-3c minimum", "above the lowest")
    for source, s in rows:
        row(source.key, s.name, len(s.low), f"{s.error.std(ddof=1):.2f}", s.minimum + 1, f"{s.low[s.minimum]:.1f}")
    header("potential", "molecules", "systems", "minima", "scatter", "fitted (95 %)")
    for source, molecules, chosen, _ in covered:
        low, high = interval(chosen)
        numbers = f"{spread(chosen):.2f}", f"{fitted(chosen):.2f} ({low:.2f}–{high:.2f})"
        row(source.key, ", ".join(molecules), len(chosen), sum(len(s.low) for s in chosen), *numbers)
    header("potential", "molecules", *(f"{n:.0%}" for n in NOMINAL))
    for source, molecules, chosen, told in covered:
        row(source.key, ", ".join(molecules), *(f"{hit}/{len(chosen)}, keeps {share:.0%}" for hit, share in told))
    if arguments.write:
        from sampler.storage import write_text

        write_text(resources.path(*TABLE), toml(entries))
        print(f"\nwritten: {'/'.join(TABLE)}")


def header(*cells: str) -> None:
    print()
    row(*cells)
    print("|" + "---|" * len(cells))


def row(*cells) -> None:
    print("| " + " | ".join(str(c) for c in cells) + " |")


if __name__ == "__main__":
    main()
