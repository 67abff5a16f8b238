"""How often, and at what cost, is the lowest known GFN1-xTB minimum found? sampler's protocols and their peers.

    python benchmarks/exploration run   [--systems 1sa1am …] [--methods standard random …] [--seeds 10] [--hours 8]
    python benchmarks/exploration table [--write docs/evidence/search.md]

``run`` appends one line to OUT/results.jsonl for each (system, method, seed) and skips what is there already, so it can be
stopped and started at any time. Each runs in a process of its own, on one core. ``table`` reads that file.

Methods
  NAME               a protocol of sampler, shipped or a .toml file: quick, standard, …
  random             random packings, each relaxed to 0.01 eV/Å
  basin-hopping      ASE's BasinHopping from one random packing
  minima-hopping     ASE's MinimaHopping from one random packing
  genetic            ASE's genetic algorithm (pip install ase-ga) with whole molecules
  reference          published structures, relaxed (needs --reference; its cost is not compared)
The peers stop after as many evaluations as ``standard`` took with the same seed; NAME*10 gives them ten times as many.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import methods
import records
import systems
import table

HERE = Path(__file__).resolve().parent
METHODS = ["reference", "standard", "quick", "random", "basin-hopping", "minima-hopping", "genetic"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "table", "one"):
        command = commands.add_parser(name, help=argparse.SUPPRESS if name == "one" else None)
        command.add_argument("--out", type=Path, default=Path("runs/exploration"))
        command.add_argument("--reference", type=Path, default=HERE.parents[2] / "shared" / "reference")
        if name == "run":
            command.add_argument("--systems", nargs="+", default=systems.SYSTEMS)
            command.add_argument("--methods", nargs="+", default=METHODS)
            command.add_argument("--seeds", type=int, default=10, help="seeds 0 … N-1")
            command.add_argument("--hours", type=float, default=float("inf"), help="starts nothing new after this time")
            command.add_argument("--keep", action="store_true", help="keep the run directories")
        elif name == "one":
            command.add_argument("job", nargs=3)
            command.add_argument("--budget", type=int)
        else:
            command.add_argument("--write", type=Path, help="replace the tables in this Markdown file")
            command.add_argument("--all", action="store_true", help="with the protocols as they were")
    arguments = parser.parse_args()
    {"run": run, "one": one, "table": print_table}[arguments.command](arguments)


def run(arguments: argparse.Namespace) -> None:
    """All jobs that have no record yet, seed by seed, so that a stopped benchmark is balanced."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = arguments.out / "results.jsonl"
    end = time.monotonic() + 3600 * arguments.hours
    for seed in range(arguments.seeds):
        for system in arguments.systems:
            for method in arguments.methods:
                if time.monotonic() > end:
                    print(f"{arguments.hours} hours are over; the same command goes on from here")
                    return
                _job(arguments, results, system, method, seed)


def _job(arguments: argparse.Namespace, results: Path, system: str, method: str, seed: int) -> None:
    if method == "reference" and (seed or not arguments.reference.is_dir()):
        return
    there = records.read(results)
    budget = methods.budget(method, [r for r in there if (r["system"], r["seed"]) == (system, seed)])
    if budget == 0:
        print(f"{system} {method} seed {seed}: waits for the evaluations of standard with this seed", flush=True)
        return
    settings = methods.settings(system, method, budget)
    if any((r["system"], r["method"], r["seed"], r["settings"]) == (system, method, seed, settings) for r in there):
        return
    folder = _folder(arguments.out, system, method, seed)
    resumed = folder.exists()
    command = [sys.executable, str(HERE), "one", system, method, str(seed), "--out", str(arguments.out)]
    command += ["--reference", str(arguments.reference)] + ([] if budget is None else ["--budget", str(budget)])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        text = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    except KeyboardInterrupt:
        child.kill()
        raise SystemExit("stopped; the same command goes on from here") from None
    if child.returncode:
        print(f"{system} {method} seed {seed}: failed with status {child.returncode}", flush=True)
        return
    record = {"system": system, "method": method, "seed": seed, "settings": settings, "budget": budget}
    record |= json.loads(text.splitlines()[-1])
    # of a run that was interrupted, only the last part would be counted
    record["cpu_minutes"] = None if resumed else round((usage.ru_utime + usage.ru_stime) / 60, 3)
    records.append(results, record)
    if folder.exists() and not arguments.keep:
        shutil.rmtree(folder)
    found = "nothing" if record["lowest_eV"] is None else f"{record['lowest_eV']:.4f} eV"
    print(f"{system} {method} seed {seed}: {found}, {record['evaluations']}", flush=True)


def one(arguments: argparse.Namespace) -> None:
    """One job, in this process; the record is the last line of standard output."""
    system, method, seed = arguments.job
    folder = _folder(arguments.out, system, method, int(seed))
    print(json.dumps(methods.run(system, method, int(seed), arguments.budget, folder, arguments.reference)))


def _folder(out: Path, system: str, method: str, seed: int) -> Path:
    return out / "runs" / f"{system}-{Path(method).stem}-{seed}"


def print_table(arguments: argparse.Namespace) -> None:
    text = table.markdown(records.read(arguments.out / "results.jsonl"), earlier=arguments.all)
    print(text)
    if arguments.write:
        table.replace(arguments.write, text)


if __name__ == "__main__":
    main()
