"""Spectra: what moves at which wavenumber, and what of it absorbs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..units import CM1, KB

_LIGHT_CM_PER_FS = 2.99792458e-5
_EPSILON0 = 8.8541878128e-12  # F/m
_AVOGADRO, _CHARGE, _LIGHT = 6.02214076e23, 1.602176634e-19, 299792458.0
HIGHEST = 4200.0
"""cm⁻¹, above every vibration of molecules of the atmosphere."""


@dataclass(frozen=True)
class Spectrum:
    """A spectrum.

    Attributes:
        wavenumber: (K,) cm⁻¹. density: name -> (K,). resolution: cm⁻¹, the width that a line has by the window alone.
        segments: averaged over so many.
    """

    wavenumber: np.ndarray
    density: Mapping[str, np.ndarray]
    resolution: float
    segments: int


def power_spectrum(
    velocities: Iterable[np.ndarray],
    every_fs: float,
    masses: np.ndarray,
    parts: Mapping[str, np.ndarray],
    resolution: float = 5.0,
    verlet_fs: float = 0.0,
) -> Spectrum:
    """By the theorem of Wiener and Khinchin, the Fourier transform of the mass-weighted velocity autocorrelation; averaged
    over half-overlapping segments with a Hann window (Welch 1967, doi:10.1109/TAU.1967.1161901) of all replicas.

    Normalised by the kinetic energy: the integral over the spectrum of all atoms is 3n; of a part, the share of the kinetic
    energy that it has.

    Args:
        velocities: of each replica (F, n, 3) Å/fs, ``every_fs`` apart; arrays on disk are read a segment at a time.
        masses: (n,) amu. parts: name -> the atoms (indices) that are summed up.
        resolution: cm⁻¹; finer wants longer segments, of which there are then fewer.
        verlet_fs: the step of velocity Verlet, whose oscillators run a little too fast: (2/h) asin(ωh/2) in place of ω. The
            axis is mapped back.

    Raises:
        InputError: no replica is long enough for the resolution, or the velocities are too far apart for what vibrates here.
    """
    length = _segment(every_fs, resolution, "velocities", "--velocities")
    window = np.hanning(length + 1)[:-1]
    power, segments = np.zeros((length // 2 + 1, len(masses))), 0
    longest = 0
    for v in velocities:
        longest = max(longest, len(v))
        for begin in range(0, len(v) - length + 1, length // 2):
            piece = np.asarray(v[begin : begin + length], float) * window[:, None, None]
            power += (np.abs(np.fft.rfft(piece, axis=0)) ** 2).sum(2)
            segments += 1
    _long_enough(longest, segments, length, every_fs, resolution, "velocities")
    power[1:-1] *= 2.0
    power *= masses
    wavenumber = np.arange(len(power)) / (length * every_fs * _LIGHT_CM_PER_FS)
    per_bin = 3.0 * len(masses) / (power.sum() * wavenumber[1])
    wavenumber, stretch = _without_step_error(wavenumber, verlet_fs)
    density = {name: per_bin * stretch * power[:, np.asarray(a, int)].sum(1) for name, a in parts.items()}
    return Spectrum(wavenumber, density, resolution, segments)


def infrared_spectrum(
    dipoles: Iterable[np.ndarray], every_fs: float, kelvin: float, resolution: float = 5.0, verlet_fs: float = 0.0
) -> Spectrum:
    """Absorption from the autocorrelation of the dipole's derivative in time, in km/mol per cm⁻¹: the integral over a line is
    its integrated intensity, for a harmonic mode πN/(3c²·4πε₀) (∂μ/∂Q)² exactly. Windows and segments as in
    :func:`power_spectrum`; classical nuclei, with the factor that is exact for oscillators (Ramírez et al. 2004,
    doi:10.1063/1.1774986).

    Args:
        dipoles: of each replica (F, 3) e·Å, ``every_fs`` apart. kelvin: of the trajectory.

    Raises:
        InputError: as :func:`power_spectrum`.
    """
    length = _segment(every_fs, resolution, "frames", "--frames")
    window = np.hanning(length + 1)[:-1]
    power, segments, longest = np.zeros(length // 2 + 1), 0, 0
    for mu in dipoles:
        longest = max(longest, len(mu))
        for begin in range(0, len(mu) - length + 1, length // 2):
            piece = mu[begin : begin + length]
            piece = (piece - piece.mean(0)) * window[:, None]
            power += (np.abs(np.fft.rfft(piece, axis=0)) ** 2).sum(1)
            segments += 1
    _long_enough(longest, segments, length, every_fs, resolution, "frames")
    power[1:-1] *= 2.0
    seen = np.arange(len(power)) / (length * every_fs * _LIGHT_CM_PER_FS)
    density = power * (every_fs * _LIGHT_CM_PER_FS) / (segments * (window**2).sum())  # (e Å)² per cm⁻¹
    wavenumber, stretch = _without_step_error(seen, verlet_fs)
    rate = 2.0 * math.pi * _LIGHT * 100.0 * wavenumber  # 1/s
    si = (_CHARGE * 1e-10) ** 2 / (KB * kelvin * _CHARGE)
    factor = _AVOGADRO / (12.0 * _EPSILON0 * _LIGHT**2) * si / 1000.0
    return Spectrum(wavenumber, {"infrared": factor * density * stretch * rate**2}, resolution, segments)


def check_frames(longest_fs: float, every_fs: float, resolution: float) -> None:
    """Refuse frames that :func:`infrared_spectrum` would refuse, before anything is computed for them.

    Raises:
        InputError: too far apart, or too few for the resolution.
    """
    length, frames = _segment(every_fs, resolution, "frames", "--frames"), int(longest_fs / every_fs + 1e-6)
    _long_enough(frames, int(frames >= length), length, every_fs, resolution, "frames")


def _segment(every_fs: float, resolution: float, what: str, option: str) -> int:
    """Values of one segment."""
    nyquist = 0.5 / (every_fs * _LIGHT_CM_PER_FS)
    if nyquist < HIGHEST:
        most = 0.5 / (HIGHEST * _LIGHT_CM_PER_FS)
        raise InputError(
            f"{what} {every_fs:g} fs apart end at {nyquist:.0f} cm⁻¹, and what vibrates faster would show in the wrong "
            f"place; run it with {option} {most:.1f} or less"
        )
    # 1.5 bins: the width of a Hann window's line
    return 2 * int(np.ceil(0.75 / (resolution * _LIGHT_CM_PER_FS * every_fs)))


def _long_enough(longest: int, segments: int, length: int, every_fs: float, resolution: float, what: str) -> None:
    if not segments:
        has, finest = longest * every_fs / 1000.0, 1.5 / (max(longest, 1) * every_fs * _LIGHT_CM_PER_FS)
        raise InputError(
            f"{has:.3g} ps of {what} are too short for {resolution:g} cm⁻¹, which wants {length * every_fs / 1000:.3g} ps; "
            f"take a coarser --resolution, of {max(math.ceil(finest), 1)} or more"
        )


def _without_step_error(wavenumber: np.ndarray, verlet_fs: float) -> tuple[np.ndarray, np.ndarray]:
    """Where lines belong that velocity Verlet put at ``wavenumber``, and by how much densities grow there."""
    if not verlet_fs:
        return wavenumber, np.ones(len(wavenumber))
    half = np.minimum(math.pi * _LIGHT_CM_PER_FS * wavenumber * verlet_fs, 1.5)
    return np.sin(half) / (math.pi * _LIGHT_CM_PER_FS * verlet_fs), 1.0 / np.cos(half)


@dataclass(frozen=True)
class Line:
    """A maximum of a spectrum: cm⁻¹, and how high."""

    wavenumber: float
    height: float


def lines(wavenumber: np.ndarray, density: np.ndarray, least: float = 0.02) -> list[Line]:
    """The maxima that stand out by a share ``least`` of the highest, between the points by a parabola."""
    from scipy.signal import find_peaks

    places, _ = find_peaks(density, prominence=least * float(density.max(initial=0.0)))
    found = []
    for k in places.tolist():
        a, b, c = density[k - 1 : k + 2]
        shift = 0.5 * (a - c) / (a - 2 * b + c) if a - 2 * b + c else 0.0
        found.append(Line(float(wavenumber[k] + shift * (wavenumber[k + 1] - wavenumber[k])), float(b)))
    return found


def thermal_wavenumber(kelvin: float) -> float:
    """cm⁻¹ of kT: below it, classical motion has the energy that quantum motion has."""
    return KB * kelvin / CM1
