"""Steps of molecular dynamics a second and core, against ASE with SchNetPack's calculator and with GFN1-xTB, in one run.

    python benchmarks/dynamics_speed.py                             # everything; under ten minutes of one core
    python benchmarks/dynamics_speed.py --parts pace --sizes 1 4

CPU time of one thread; programs take turns. pace: a step of one cluster; batch: of many replicas together; cost: guards and
writing with the settings of `sampler md`; drift: of the energy in NVE, in single and double precision.
"""

# ruff: noqa: E402  threads are set before numpy starts them
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tblite.interface  # noqa: F401  before torch, whose libgomp would break it

sys.path.insert(0, str(Path(__file__).parent / "speed"))
from common import candidates, load, painn, widened
from peers import schnetpack_calculator

from sampler.clusters import Clusters
from sampler.dynamics.ensembles import Ensemble, NoseHoover
from sampler.dynamics.integrate import Plan, Sink, advance, begin
from sampler.dynamics.motion import drawn_velocities
from sampler.dynamics.noise import initial
from sampler.dynamics.schedule import Schedule
from sampler.dynamics.simulate import Simulation, simulate
from sampler.monomers import MonomerLibrary
from sampler.potentials.base import Potential
from sampler.potentials.painn.potential import CommitteePotential, PaiNNPotential
from sampler.potentials.trained import model_folder
from sampler.relax import RelaxParams, relax
from sampler.units import KCAL_PER_MOL

PARTS = ("pace", "batch", "cost", "drift")
ONE = "b97-3c_sa_am_dma_w-seed7"
THREE = (ONE, "b97-3c_sa_am_dma_w-seed42", "b97-3c_sa_am_dma_w-seed69")
BARE = Plan(10**6, NoseHoover(0.5), Schedule((300.0,)), log_every=0, frame_every=0, check_every=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=[1, 4, 7, 15], help="pairs of sulfuric acid and ammonia"
    )
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 4, 16, 64], help="in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is told")
    parser.add_argument("--drift-steps", nargs="+", type=float, default=[0.5], help="fs")
    parser.add_argument("--drift-replicas", type=int, default=4)
    options = parser.parse_args()
    narrow, card = load(ONE)
    small = painn(narrow, card)
    starts = {n: _start(n, small) for n in {*options.sizes, 1, 4, 7}}
    print(f"load {os.getloadavg()[0]:.1f}")
    if "pace" in options.parts:
        pace({n: starts[n] for n in options.sizes}, narrow, card, options.rounds)
    if "batch" in options.parts:
        batch(starts[7], {"64/3": small, "128/5": painn(widened(narrow), card)}, options.replicas, options.rounds)
    if "cost" in options.parts:
        cost(starts, small, options.rounds)
    if "drift" in options.parts:
        drift(starts[4], options.drift_replicas, options.drift_steps)


def _start(n: int, potential: Potential) -> Clusters:
    """A relaxed cluster of n pairs."""
    return relax(candidates(n, 1), potential, RelaxParams(fmax=0.05, max_steps=200))


# ---- one cluster ---------------------------------------------------------------------------------------------------


def pace(starts: dict[int, Clusters], narrow, card, rounds: int) -> None:
    print("\n| cluster | program | ms a step | steps a second | times 128/5 |\n|---|---|---|---|---|")
    wide = widened(narrow)
    ours = {
        "sampler, 128/5": painn(wide, card),
        "sampler, shipped 64/3": painn(narrow, card),
        "sampler, shipped committee": CommitteePotential([model_folder(name) for name in THREE]),
    }
    calculator, _ = schnetpack_calculator(wide)
    for n, start in starts.items():
        entries = {name: _ours(start, potential, 40) for name, potential in ours.items()}
        entries["ASE with SchNetPack, 128/5"] = _ase(start, calculator, 4)
        entries["ASE with GFN1-xTB"] = _ase(start, _tblite(), {1: 20, 4: 4, 7: 2}.get(n, 1))
        found = best(entries, rounds if n < 15 else 1)
        for name, seconds in found.items():
            print(
                f"| {n}sa{n}am | {name} | {1e3 * seconds:.2f} | {1 / seconds:.1f} | {seconds / found['sampler, 128/5']:.2f} |",
                flush=True,
            )


def _ours(start: Clusters, potential: Potential, steps: int, replicas: int = 1) -> tuple[Callable[[], None], int]:
    """Makes steps; and how many of how many replicas."""
    some = start[[0] * replicas]
    state = [begin(some, list(range(replicas)), potential, BARE, None)[0]]

    def go() -> None:
        state[0] = advance(state[0], state[0].step + steps, potential, BARE, Sink())

    return go, steps * replicas


def _ase(start: Clusters, calculator, steps: int) -> tuple[Callable[[], None], int]:
    from ase import units
    from ase.md.nose_hoover_chain import NoseHooverChainNVT

    (atoms,) = start.to_ase()
    atoms.calc = calculator
    atoms.set_velocities(_velocities(start))
    dynamics = NoseHooverChainNVT(atoms, 0.5 * units.fs, temperature_K=300, tdamp=100 * units.fs)
    return lambda: dynamics.run(steps), steps


def _velocities(start: Clusters) -> np.ndarray:
    """Those that our own replica 0 begins with; both programs have Å, eV and amu."""
    return drawn_velocities(start, np.array([300.0]), initial(0, 0, len(start.numbers)))


def _tblite():
    from tblite.ase import TBLite

    return TBLite(method="GFN1-xTB", verbosity=0)


def best(entries: dict[str, tuple[Callable[[], None], int]], rounds: int) -> dict[str, float]:
    """CPU seconds a step, the best of the rounds, in which the entries take turns."""
    found = dict.fromkeys(entries, np.inf)
    for go, _ in entries.values():
        go()
    for _ in range(rounds):
        for name, (go, steps) in entries.items():
            begun = time.process_time()
            go()
            found[name] = min(found[name], (time.process_time() - begun) / steps)
    return found


# ---- many replicas -------------------------------------------------------------------------------------------------


def batch(start: Clusters, potentials: dict[str, Potential], replicas: list[int], rounds: int) -> None:
    print("\n| 7sa7am, replicas | " + " | ".join(f"{p}, steps a second" for p in potentials) + " |")
    print("|---|" + "---|" * len(potentials))
    for count in replicas:
        steps = max(2, 32 // count)
        found = best({name: _ours(start, p, steps, count) for name, p in potentials.items()}, rounds)
        print(f"| {count} | " + " | ".join(f"{1 / s:.0f}" for s in found.values()) + " |", flush=True)


# ---- guards and writing --------------------------------------------------------------------------------------------


def cost(starts: dict[int, Clusters], small: Potential, rounds: int) -> None:
    """All that sampler md does against the steps alone, on the fastest shipped model, where it weighs most."""
    library = MonomerLibrary.load()
    print(
        "\n| cluster | replicas | ms a step, bare | writing added | guards added, too | share |\n|---|---|---|---|---|---|"
    )
    for n, replicas, steps in ((1, 1, 400), (4, 1, 200), (7, 1, 200), (7, 8, 50)):
        whole = replace(BARE, steps=steps, log_every=20, frame_every=20, check_every=100)
        plans = {"bare": replace(BARE, steps=steps), "writing": replace(whole, check_every=0), "all": whole}
        entries = {name: _whole(starts[n], small, plan, replicas, library) for name, plan in plans.items()}
        found = best(entries, rounds)
        bare, share = found["bare"], found["all"] / found["bare"] - 1
        added = " | ".join(f"{100 * (found[k] / bare - 1):.1f} %" for k in ("writing", "all"))
        print(f"| {n}sa{n}am | {replicas} | {1e3 * bare:.2f} | {added} | {100 * share:.1f} % |", flush=True)


def _whole(start, potential, plan, replicas, library) -> tuple[Callable[[], None], int]:
    def go() -> None:
        with tempfile.TemporaryDirectory() as folder:
            simulate(Simulation(Path(folder), start, replicas, potential, {}, plan, None, library, keep_every=1000))

    return go, plan.steps * replicas


# ---- drift ---------------------------------------------------------------------------------------------------------


def drift(start: Clusters, replicas: int, steps: list[float], ps: float = 1.0) -> None:
    """Slope of the energy in NVE, fitted over 1 ps after 0.1 ps."""
    print(
        "\n| 4sa4am, NVE, 300 K at the start | step, fs | kcal/mol per ps and atom, slope | its standard error |\n|---|---|---|---|"
    )
    for dtype in ("float32", "float64"):
        potential = PaiNNPotential(model_folder(ONE), dtype=dtype)
        for step in steps:
            count = int(1000 * ps / step)
            plan = replace(BARE, ensemble=Ensemble(step), steps=count, log_every=10)
            slopes = _slopes(start, potential, plan, replicas)
            print(
                f"| {dtype} | {step} | {slopes.mean():.2e} | {slopes.std(ddof=1) / np.sqrt(replicas):.1e} |", flush=True
            )


class _Log(Sink):
    def __init__(self):
        self.rows: dict[int, list[tuple[int, float]]] = {}

    def row(self, replica, row):
        self.rows.setdefault(replica, []).append((row.step, row.conserved))


def _slopes(start: Clusters, potential: Potential, plan: Plan, replicas: int) -> np.ndarray:
    some, log = start[[0] * replicas], _Log()
    state, _ = begin(some, list(range(replicas)), potential, plan, None)
    advance(state, plan.steps, potential, plan, log)
    found = []
    for rows in log.rows.values():
        step, energy = np.array(rows).T
        late = step > 0.1 * plan.steps
        found.append(np.polyfit(step[late] * plan.ensemble.step / 1000, energy[late], 1)[0])
    return np.array(found) / KCAL_PER_MOL / len(start.numbers)


if __name__ == "__main__":
    main()
