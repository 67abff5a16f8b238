"""What one ORCA output says of one structure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .vibrations import Thermochemistry


@dataclass(frozen=True)
class OrcaResult:
    """One ORCA output of n atoms; what the file does not hold is None, NaN or empty.

    Attributes:
        name: file name without suffix; where the file holds several structures, with ``-job2`` behind it. path: the file.
        status: ``finished``; or why not: ``optimization_not_converged``, ``scf_not_converged``, ``cc_not_converged``,
            ``out_of_memory``, ``input_error``, ``aborted``, ``truncated``, ``no_energy`` (none of the whole molecule),
            ``damaged`` (lines are lost, doubled or of another output).
        message: the line of the output that says so, '' if finished.
        remarks: in words, what was left out of the output or not understood, and why.
        version: e.g. ``5.0.3``. keywords: words of the simple input, as given.
        level: e.g. ``b97-3c@orca5``; ``A//B`` where the geometry (and the frequencies) are of an earlier job at ``B``.
        input_text: the input of the job, as ORCA echoes it. job: its number in the file, from 1;
            chained: its input gave the program several.
        charge, multiplicity: None if not printed.
        numbers: (n,). positions: (n, 3) Å, the geometry that ``energy`` belongs to (the last one if there is none).
        masses: (n,) amu, those of the calculation (isotopes!), as printed, to three decimals; where they are not printed,
            what the input sets (``M = 2.014``), else None.
        first_positions: (n, 3) Å, the first geometry printed.
        last_positions: (n, 3) Å, last_numbers: (n,), the last geometry printed: where a new attempt starts.
        energy: eV, the last total energy that is fully converged, else NaN.
        forces: (n, 3) eV/Å at ``positions``; None after the last step of an optimisation, where ORCA prints none.
        geometries: number of geometries printed, those that cannot be read included.
        cycles: geometries of an optimisation that were evaluated. optimised: True, False, None (not an optimisation).
        frequencies: (m,) cm⁻¹, without translations and rotations; imaginary ones are negative.
        frequency_scaling: factor that ORCA applied to them.
        thermochemistry: one for each temperature.
        dipole: (3,) e·Å. rotational_constants: (3,) cm⁻¹. polarizability: isotropic, Å³.
        seconds: run time. cores: processes.
    """

    name: str
    path: Path
    status: str
    message: str = ""
    version: str = ""
    level: str = ""
    keywords: tuple[str, ...] = ()
    input_text: str = ""
    job: int = 1
    chained: bool = False
    remarks: tuple[str, ...] = ()
    charge: int | None = None
    multiplicity: int | None = None
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    masses: np.ndarray | None = None
    first_positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    last_positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    last_numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    energy: float = float("nan")
    forces: np.ndarray | None = None
    geometries: int = 0
    cycles: int = 0
    optimised: bool | None = None
    frequencies: np.ndarray = field(default_factory=lambda: np.zeros(0))
    frequency_scaling: float = 1.0
    thermochemistry: tuple[Thermochemistry, ...] = ()
    dipole: np.ndarray | None = None
    rotational_constants: np.ndarray | None = None
    polarizability: float = float("nan")
    seconds: float = float("nan")
    cores: int = 1

    @property
    def finished(self) -> bool:
        return self.status == "finished"

    @property
    def imaginary_modes(self) -> int:
        return int((self.frequencies < 0).sum())
