"""The programs that the benchmark compares with: SchNetPack (calculator and batchwise optimiser), and xtb's optimiser."""

from __future__ import annotations

import logging
import os
import re
import resource
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np

from sampler.clusters import Clusters
from sampler.potentials.painn.parameters import PaiNNParameters
from sampler.potentials.painn.schnetpack_io import to_schnetpack


class Frames(list):
    """A list that ASE's present ``Dynamics`` takes; SchNetPack 2.1's batchwise optimiser hands it a bare list and fails."""

    def __ase_optimizable__(self):
        return None  # the batchwise optimiser has its own loop and never asks it


class Count:
    """Counts the structures that a SchNetPack model has evaluated."""

    def __init__(self, model):
        self.structures = 0
        model.register_forward_hook(self._add)

    def _add(self, model, inputs, outputs):
        self.structures += len(outputs["energy"])


def schnetpack_calculator(params: PaiNNParameters):
    """SchNetPack's SpkCalculator with these weights in single precision, one thread, and a :class:`Count`."""
    import schnetpack as spk
    import torch

    torch.set_num_threads(1)
    logging.getLogger("schnetpack").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice on pickles, of which this one is our own
        path = os.path.join(folder, "model")
        torch.save(to_schnetpack(params), path)
        calculator = spk.interfaces.SpkCalculator(
            path, neighbor_list=spk.transform.MatScipyNeighborList(cutoff=params.architecture.cutoff),
            energy_unit=params.energy_unit, dtype=torch.float32,
        )  # fmt: skip
    return calculator, Count(calculator.model)


def batchwise_calculator(params: PaiNNParameters):
    """SchNetPack's BatchwiseCalculator, likewise."""
    import schnetpack as spk
    import torch
    from schnetpack.interfaces.batchwise_optimization import BatchwiseCalculator

    torch.set_num_threads(1)
    model = to_schnetpack(params)
    converter = spk.interfaces.AtomsConverter(
        spk.transform.MatScipyNeighborList(cutoff=params.architecture.cutoff), dtype=torch.float32
    )
    calculator = BatchwiseCalculator(model, converter, energy_unit=params.energy_unit, dtype=torch.float32)
    return calculator, Count(calculator.model)


def ase_lbfgs(starts: Clusters, calculator, fmax: float, steps: int) -> tuple[np.ndarray, list[bool]]:
    """ASE's LBFGS, one structure after the other; (N, 3) final positions and who converged."""
    from ase.optimize import LBFGS

    ends, converged = [], []
    for frame in starts.to_ase():
        calculator.reset()
        frame.calc = calculator
        converged.append(bool(LBFGS(frame, logfile=None).run(fmax=fmax, steps=steps)))
        ends.append(frame.positions)
    return np.concatenate(ends), converged


def batchwise_lbfgs(starts: Clusters, calculator, fmax: float, steps: int) -> tuple[np.ndarray, list[bool]]:
    """SchNetPack's ASEBatchwiseLBFGS on all structures at once (they must be of one size)."""
    from schnetpack.interfaces.batchwise_optimization import ASEBatchwiseLBFGS

    calculator.results = None
    optimizer = ASEBatchwiseLBFGS(calculator, Frames(starts.to_ase()), logfile=None)
    optimizer.atoms = list(optimizer.atoms)  # which SchNetPack's converter insists on
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ASE's, about how SchNetPack writes its log
        optimizer.run(fmax=fmax, steps=steps)
    frames, results = optimizer.get_relaxation_results()
    forces = results["forces"].reshape(len(frames), -1, 3)
    return np.concatenate([f.positions for f in frames]), list((forces**2).sum(-1).max(-1) < fmax**2)


def counted(potential):
    """An ASE calculator that asks ``potential``, and how often it was asked; neutral structures."""
    from ase.calculators.calculator import Calculator, all_changes

    class Counted(Calculator):
        implemented_properties = ["energy", "forces"]
        calls = 0

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            found = potential.evaluate(Clusters.make([atoms.positions], [atoms.numbers]))
            self.calls += 1
            self.results = {"energy": float(found.energy[0]), "forces": found.forces}

    return Counted()


def xtb_program() -> str:
    """Path and version of the xtb program, '' where there is none."""
    path = shutil.which("xtb")
    if not path:
        return ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True)
    version = re.search(r"version\s+(\S+)", said.stdout + said.stderr)
    return f"{path} {version.group(1) if version else ''}".strip()


def xtb_opt(start: Clusters, cycles: int | None = None) -> dict[str, float]:
    """xtb's own optimiser (ANCOPT, GFN1-xTB, level ``normal``) on one structure; CPU seconds with the start of the program.

    Args:
        cycles: at most so many; None for all it takes.
    """
    from ase.io import write

    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "start.xyz", start.to_ase()[0])
        command = ["xtb", "start.xyz", "--gfn", "1", "--opt", "normal"]
        command += ["--cycles", str(cycles)] if cycles else []
        before = _children()
        said = subprocess.run(command, cwd=folder, env=one_thread, capture_output=True, text=True)
        seconds = _children() - before
    taken = re.findall(r"CYCLE\s+(\d+)", said.stdout)
    energy = re.findall(r"TOTAL ENERGY\s+(-?\d+\.\d+)", said.stdout)
    converged = "GEOMETRY OPTIMIZATION CONVERGED" in said.stdout
    return {
        "cpu_s": seconds, "cycles": int(taken[-1]) if taken else 0, "converged": converged,
        "energy_Eh": float(energy[-1]) if energy else float("nan"),
    }  # fmt: skip


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
