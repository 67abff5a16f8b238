"""ASE's global optimisers on our potential, stopped after a number of evaluations."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from best import POTENTIAL, Best


class _Spent(Exception):
    """The evaluations are used up."""


def run(name: str, chosen: dict[str, Any], composition, library, seed: int, limit: int) -> dict[str, Any]:
    """A record (see ``methods.run``) of one walk from one random packing of the most ionised protonation state; of ``genetic``,
    one evolution of packings of its own of that state."""
    from sampler.generate import plan, run_chunk

    best = Best(composition, library)
    (spec,) = plan(composition, library, 1, 1, "ions-first")
    start = run_chunk(spec, library, seed)
    (atoms,) = start.to_ase()
    counted = _calculator(composition.charge, limit)
    atoms.calc = counted

    def look(now=atoms) -> None:
        """Called at each minimum of the walk."""
        if counted.results and counted.results["energy"] < 0:
            here = start.replace(
                positions=now.positions.copy(), energy=np.array([counted.results["energy"]]), columns={}
            )
            best.offer(here, counted.evaluations)

    np.random.seed(seed)  # noqa: NPY002 (ASE's BasinHopping draws from numpy's global generator)
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # both write many files into the working directory
        try:
            if name == "genetic":
                _genetic(start, atoms, chosen, seed, look, library)
            else:
                {"basin-hopping": _basin, "minima-hopping": _minima}[name](atoms, chosen, seed, look)
        except _Spent:
            pass
        finally:
            os.chdir(home)
    return best.record({POTENTIAL: counted.evaluations})


def _genetic(start, atoms, chosen: dict[str, Any], seed: int, look, library) -> None:
    try:
        import ase_ga  # noqa: F401
    except ImportError:
        raise SystemExit("genetic needs ASE's genetic algorithm: pip install ase-ga") from None
    from genetic import evolve

    from sampler.generate import molecule_index

    of = molecule_index(str(start.columns["molecules"][0]), library)
    blocks = [atoms[np.flatnonzero(of == m)] for m in range(of.max() + 1)]
    for block in blocks:
        block.calc = None
    evolve(blocks, chosen, atoms.calc, seed, look)


def _calculator(charge: int, limit: int):
    from ase.calculators.calculator import Calculator, all_changes
    from methods import POTENTIAL

    from sampler.clusters import Clusters
    from sampler.potentials import get_potential

    class Counted(Calculator):
        """Our potential as an ASE calculator; a structure it fails on gets the energy 0 and no forces, so that the
        walk turns back from it."""

        implemented_properties = ["energy", "forces"]

        def __init__(self):
            super().__init__()
            self.potential, self.memory, self.evaluations = get_potential(POTENTIAL), [None], 0

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            if self.evaluations >= limit:
                raise _Spent
            self.evaluations += 1
            one = Clusters.make([self.atoms.positions], [self.atoms.numbers], charge=charge)
            found, self.memory = self.potential.evaluate_warm(one, self.memory)
            failed = bool(found.failure[0])
            energy, forces = (0.0, np.zeros((len(self.atoms), 3))) if failed else (float(found.energy[0]), found.forces)
            self.results = {"energy": energy, "forces": np.array(forces)}

    return Counted()


def _basin(atoms, chosen: dict[str, Any], seed: int, look) -> None:
    from ase.optimize import LBFGS
    from ase.optimize.basin import BasinHopping

    class Walk(BasinHopping):
        def get_energy(self, positions):
            energy = super().get_energy(positions)
            look()
            return energy

    walk = Walk(
        atoms, temperature=chosen["kT_eV"], optimizer=LBFGS, fmax=chosen["fmax"], dr=chosen["dr_A"],
        logfile=None, trajectory=None, optimizer_logfile=None, local_minima_trajectory=None,
    )  # fmt: skip
    walk.run(10**9)


def _minima(atoms, chosen: dict[str, Any], seed: int, look) -> None:
    from ase.optimize import LBFGS
    from ase.optimize.minimahopping import MinimaHopping

    class Walk(MinimaHopping):
        def _optimize(self):
            super()._optimize()
            look()

    walk = Walk(
        atoms, T0=chosen["T0_K"], Ediff0=chosen["Ediff0_eV"], timestep=chosen["timestep_fs"], fmax=chosen["fmax"],
        optimizer=LBFGS, rng=np.random.default_rng(seed),
    )  # fmt: skip
    walk()
