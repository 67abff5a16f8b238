"""Power spectra: what moves at which wavenumber, from the velocities along a trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..units import CM1, FS, KB

_LIGHT_CM_PER_FS = 2.99792458e-5


@dataclass(frozen=True)
class Spectrum:
    """The power spectrum of mass-weighted velocities.

    Attributes:
        wavenumber: (K,) cm⁻¹. density: name -> (K,) degrees of freedom per cm⁻¹: the integral of each is the kinetic energy
            of that part in units of kT/2; of all of it, at equilibrium, the number of degrees of freedom.
        resolution: cm⁻¹, the width that a line has by the window alone. segments: averaged over so many.
    """

    wavenumber: np.ndarray
    density: Mapping[str, np.ndarray]
    resolution: float
    segments: int


def power_spectrum(
    velocities: np.ndarray,
    step_fs: float,
    masses: np.ndarray,
    kelvin: float,
    parts: Mapping[str, np.ndarray],
    resolution: float = 5.0,
) -> Spectrum:
    """By the theorem of Wiener and Khinchin, the Fourier transform of the mass-weighted velocity autocorrelation; averaged
    over half-overlapping segments with a Hann window (Welch 1967, doi:10.1109/TAU.1967.1161901).

    Args:
        velocities: (F, n, 3) Å/fs, ``step_fs`` apart. masses: (n,) amu. kelvin: the temperature that it counts in.
        parts: name -> the atoms (indices) that are summed up.
        resolution: cm⁻¹; finer wants longer segments, of which there are then fewer.

    Raises:
        InputError: the trajectory is too short for the resolution, or the step too long for what vibrates here.
    """
    from scipy.signal import welch

    nyquist = 0.5 / (step_fs * _LIGHT_CM_PER_FS)
    if nyquist < 4200.0:
        raise InputError(
            f"velocities {step_fs:g} fs apart end at {nyquist:.0f} cm⁻¹; take --velocities 3 or less, which shows O–H, too"
        )
    length = int(
        np.ceil(1.5 / (resolution * _LIGHT_CM_PER_FS * step_fs))
    )  # 1.5 bins: the width of a Hann window's line
    if len(velocities) < length:
        least = length * step_fs / 1000.0
        raise InputError(
            f"{len(velocities) * step_fs / 1000:.2f} ps of velocities are too short for {resolution:g} cm⁻¹, "
            f"which wants {least:.2f} ps; take a coarser --resolution"
        )
    frequency, power = welch(
        velocities, fs=1.0 / step_fs, window="hann", nperseg=length, detrend=False, scaling="density", axis=0
    )
    wavenumber = frequency / _LIGHT_CM_PER_FS
    # Å²/fs² per fs⁻¹ times amu -> eV per cm⁻¹; a degree of freedom has kT/2 of kinetic energy
    of_atom = power.sum(2) * masses * (FS**-2) * _LIGHT_CM_PER_FS / (KB * kelvin)
    density = {name: of_atom[:, np.asarray(atoms, int)].sum(1) for name, atoms in parts.items()}
    return Spectrum(wavenumber, density, resolution, max(1, 2 * len(velocities) // length - 1))


def harmonic_sticks(hessian: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(3n,) cm⁻¹ of a (3n, 3n) Hessian in eV/Å²; imaginary ones negative, ascending."""
    from ..units import CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2

    weight = 1.0 / np.sqrt(np.repeat(masses, 3))
    values = np.linalg.eigvalsh(hessian * weight[:, None] * weight[None, :])
    return np.sign(values) * np.sqrt(np.abs(values)) * CM1_PER_SQRT_EV_PER_AMU_ANGSTROM2


def thermal_wavenumber(kelvin: float) -> float:
    """cm⁻¹ of kT: below it, classical motion has the energy that quantum motion has."""
    return KB * kelvin / CM1
