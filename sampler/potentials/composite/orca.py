"""ORCA as an engine for energies and forces, where its binary is installed (https://orcaforum.kofo.mpg.de)."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...errors import PotentialError
from ...remedy import install
from ...units import HARTREE, HARTREE_PER_BOHR
from ..base import Evaluation, Potential, StructureFailure, evaluate_each

_NUMBER = r"-?\d+\.\d+"


@dataclass(frozen=True)
class OrcaPotential(Potential):
    """One ORCA job a structure, on one core, in a temporary folder; closed shells.

    Attributes:
        method: ORCA's simple input of the method, e.g. ``B97-3c``.
        version: major version; part of the level of theory, and checked against what ORCA prints.
        command: the binary, by name or path.
        memory_mb: for ``%maxcore``.
    """

    method: str = "B97-3c"
    version: int = 5
    command: str = "orca"
    memory_mb: int = 3000

    @property
    def level(self) -> str:
        return f"{'-'.join(self.method.lower().split())}@orca{self.version}"

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Energies in eV and forces in eV/Å.

        Raises:
            PotentialError: no such binary, or another version than ``version``.
        """
        binary = shutil.which(self.command)
        if binary is None:
            raise PotentialError(
                f"{self.level} needs ORCA: there is no program {self.command!r} on PATH; install ORCA, or use the level "
                f"b97-3c, which needs only {install('dft')}"
            )
        wrong: list[str] = []
        result = evaluate_each(clusters, lambda z, r, q: self._one(binary, z, r, q, forces, wrong), forces)
        if wrong:
            raise PotentialError(
                f"{binary} is ORCA {wrong[0]}, not {self.version}; give version = {wrong[0].split('.')[0]}"
            )
        return result

    def _one(self, binary, numbers, positions, charge, forces, wrong):
        from ase.data import chemical_symbols

        if (int(np.sum(numbers)) - charge) % 2:
            raise StructureFailure(f"open_shell: charge {charge}; closed shells only")
        lines = [f"! {self.method} {'EnGrad' if forces else 'SP'}", f"%maxcore {self.memory_mb}", f"* xyz {charge} 1"]
        lines += [f"{chemical_symbols[z]:2s} {x:16.9f} {y:16.9f} {w:16.9f}" for z, (x, y, w) in zip(numbers, positions)]
        with tempfile.TemporaryDirectory(prefix="sampler-orca-") as folder:
            (Path(folder) / "job.inp").write_text("\n".join([*lines, "*", ""]), encoding="utf-8")
            ran = subprocess.run(
                [binary, "job.inp"], cwd=folder, capture_output=True, text=True, errors="replace", check=False
            )
        version = re.search(r"Program Version +(\d+)(\.\d+)*", ran.stdout)
        if version and int(version[1]) != self.version:
            wrong.append(version[0].split()[-1])
        return read_engrad(ran.stdout, len(numbers), forces)


def read_engrad(text: str, atoms: int, forces: bool = True) -> tuple[float, np.ndarray | None]:
    """Energy [eV] and forces (n, 3) [eV/Å] from what ORCA prints for an energy or ``EnGrad`` job.

    Raises:
        StructureFailure: ORCA did not end normally, its SCF did not converge, or the gradient is not there.
    """
    energies = re.findall(rf"FINAL SINGLE POINT ENERGY +({_NUMBER})", text)
    if "ORCA TERMINATED NORMALLY" not in text or not energies:
        reason = "no convergence" if "SCF NOT CONVERGED" in text else _last_words(text)
        raise StructureFailure(f"scf_failed: ORCA: {reason}")
    energy = float(energies[-1]) * HARTREE
    if not forces:
        return energy, None
    rows = re.findall(
        rf"^ *\d+ +[A-Z][a-z]? +: +({_NUMBER}) +({_NUMBER}) +({_NUMBER}) *$",
        text[text.rfind("CARTESIAN GRADIENT") :],
        re.MULTILINE,
    )
    if len(rows) < atoms:
        raise StructureFailure(f"engine_error: ORCA printed a gradient of {len(rows)} atoms, expected {atoms}")
    return energy, -np.array(rows[:atoms], float) * HARTREE_PER_BOHR


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:120] if lines else "no output"
