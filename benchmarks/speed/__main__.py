"""How fast: evaluations, relaxations, worker processes and training against their peers, in one run.

    python benchmarks/speed --out FOLDER                   # everything; under 25 minutes on two quiet cores
    python benchmarks/speed --quick --out FOLDER      # the same in small, to see that it works

Writes speed.json, speed.md and speed.svg to --out. One thread a process. Programs take turns, so that a busy machine
disturbs all alike; the figures to trust are the ratios.

Relaxations follow the surface of --model (a shipped model or a folder). Where it is smaller than 128 features and 5
interactions it is padded with zeros to that size: the same surface at the cost of the larger network.
"""

# ruff: noqa: E402  threads are set before numpy starts them
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import evaluation
import numpy as np
import relaxation
import tblite.interface  # noqa: F401  before torch, whose libgomp would break it
import training
import workers
from common import load, painn, widened
from picture import draw

PARTS = ("evaluation", "relaxation", "workers", "training")
FULL = {"sizes": [1, 4, 7, 15, 30], "rounds": 7, "peers": 6, "candidates": 200, "quality_sizes": [4, 7],
        "slow_seconds": 6.0, "scaling": 300, "thousand": 1000, "repeats": 2}  # fmt: skip
QUICK = {"sizes": [1, 4], "rounds": 3, "peers": 1, "candidates": 3, "quality_sizes": [1],
         "slow_seconds": 0.5, "scaling": 24, "thousand": 30, "repeats": 1}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("speed"), help="folder for speed.json, speed.md, speed.svg")
    parser.add_argument("--model", default="gfn1-xtb_sa_am", help="a shipped model or a model folder, of SA and AM")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="small settings, to see that it works")
    parser.add_argument("--no-gfn1", dest="gfn1", action="store_false", help="without GFN1-xTB (tblite, xtb)")
    for name, value in FULL.items():
        many = {"nargs": "+"} if isinstance(value, list) else {}
        kind = type(value[0]) if many else type(value)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=f"{value}; quick: {QUICK[name]}", **many)
    options = parser.parse_args()
    for name in FULL:
        if getattr(options, name) is None:
            setattr(options, name, (QUICK if options.quick else FULL)[name])

    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:6.0f} s] {text}", file=sys.stderr, flush=True)

    narrow, card = load(options.model)
    wide = widened(narrow)
    check(narrow, wide, card)
    load_before = os.getloadavg()[0]
    result: dict = {"settings": {k: v for k, v in vars(options).items() if k != "out"}, "machine": machine()}
    if "evaluation" in options.parts:
        result["evaluation"] = evaluation.run(wide, card, options.sizes, options.rounds, options.gfn1, say)
    if "training" in options.parts:
        result["training"] = training.run(options.rounds, say)
    if "relaxation" in options.parts:
        result["relaxation"] = relaxation.run(wide, narrow, card, options, say)
    if "workers" in options.parts:
        result["workers"] = workers.run_part(wide, card, options, say)
    result["machine"] |= {"load_before": load_before, "load_after": os.getloadavg()[0]}
    result["seconds"] = time.perf_counter() - began
    options.out.mkdir(parents=True, exist_ok=True)
    text = report(result)
    (options.out / "speed.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (options.out / "speed.md").write_text(text + "\n", encoding="utf-8")
    draw(result, options.out / "speed.svg")
    print(text)


def check(narrow, wide, card) -> None:
    """The padded network must be the same surface."""
    from common import candidates

    one = candidates(2, 2)
    a, b = painn(narrow, card).evaluate(one), painn(wide, card).evaluate(one)
    apart = max(np.abs(a.energy - b.energy).max(), np.abs(a.forces - b.forces).max())
    if not apart < 1e-3:
        raise SystemExit(f"the padded network differs from the model by {apart:.1e} eV or eV/Å")


def machine() -> dict:
    model = "unknown"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    packages = ("cluster-sampler", "schnetpack", "torch", "numba", "numpy", "ase", "tblite")
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(),
            "packages": {p: version(p) for p in packages}}  # fmt: skip


def report(result: dict) -> str:
    m = result["machine"]
    listed = ", ".join(f"{k} {v}" for k, v in m["packages"].items())
    lines = [f"{m['cpu']}, {m['cores']} cores, load {m['load_before']:.1f} before and {m['load_after']:.1f} after; "
             f"Python {m['python']}, {listed}. {result['seconds'] / 60:.0f} minutes."]  # fmt: skip
    if "evaluation" in result:
        lines += ["", "## Energy and forces", "", evaluation.report(result["evaluation"])]
    if "relaxation" in result:
        lines += ["", "## Relaxation", "", relaxation.report(result["relaxation"])]
    if "workers" in result:
        lines += ["", "## Workers", "", workers.report(result["workers"])]
    if "training" in result:
        peak = max(result["evaluation"]["peak_gflops"].values()) if "evaluation" in result else float("nan")
        lines += ["", "## Training", "", training.report(result["training"], peak)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
