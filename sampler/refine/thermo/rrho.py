"""Ideal-gas thermochemistry: rigid rotor, harmonic oscillator, and what to do about low frequencies.

Statistical mechanics as in McQuarrie's textbook. Low frequencies: Grimme's interpolation of the entropy between
oscillator and free rotor (10.1002/chem.201200497), or raising them to a cutoff (10.1021/jp205508z).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ...errors import InputError
from ...units import ATMOSPHERE, CM1, HBAR2_PER_AMU_ANGSTROM2, KB, PA_ANGSTROM3
from .scaling import UNSCALED, Scaling

LowModes = Literal["harmonic", "grimme", "raised"]
_EXPONENT = 4  # of the Head-Gordon damping function, as Grimme uses it
_GRIMME_MOMENT = 1e-44 / (1.66053906660e-27 * 1e-20)  # Bav = 1e-44 kg m² in amu Å²


@dataclass(frozen=True)
class Conditions:
    """Temperature in K and standard pressure in Pa."""

    temperature: float = 298.15
    pressure: float = ATMOSPHERE

    def __post_init__(self):
        if not self.temperature > 0 or not np.isfinite(self.temperature):
            raise InputError(f"the temperature must be positive, it is {self.temperature} K")
        if not self.pressure > 0 or not np.isfinite(self.pressure):
            raise InputError(f"the pressure must be positive, it is {self.pressure} Pa")


@dataclass(frozen=True)
class Treatment:
    """How frequencies become thermochemistry.

    Attributes:
        low: ``harmonic``: every mode is a harmonic oscillator. ``grimme``: the entropy of a mode turns into that of a
            free rotor below ``cutoff``. ``raised``: the entropy is that of a frequency of at least ``cutoff``.
            Energies (and the zero-point energy) stay harmonic in all three, as in ORCA and GoodVibes.
        cutoff: cm⁻¹.
        scaling: factors of the frequencies; applied before the cutoff is looked at.
        imaginary: ``reject``: a structure with imaginary modes gets NaN. ``skip``: they are left out, as ORCA does.
            ``absolute``: they count as real ones.
        symmetry: count rotational symmetry numbers.
        mirror_images: count both mirror images of a chiral structure (k ln 2 of entropy).
        rotor_moment: moment of inertia that limits the free rotors: ``grimme`` (1e-44 kg m²) or ``molecule`` (the
            mean of the structure's own principal moments, as ORCA does).
    """

    low: LowModes = "grimme"
    cutoff: float = 100.0
    scaling: Scaling = UNSCALED
    imaginary: Literal["reject", "skip", "absolute"] = "reject"
    symmetry: bool = True
    mirror_images: bool = False
    rotor_moment: Literal["grimme", "molecule"] = "grimme"

    def __post_init__(self):
        if self.low not in ("harmonic", "grimme", "raised"):
            raise InputError(f"no treatment of low modes is called {self.low!r}; known: harmonic, grimme, raised")
        if self.imaginary not in ("reject", "skip", "absolute"):
            raise InputError(f"imaginary modes can be reject, skip or absolute, not {self.imaginary!r}")
        if self.rotor_moment not in ("grimme", "molecule"):
            raise InputError(f"the rotor moment can be grimme or molecule, not {self.rotor_moment!r}")
        if not self.cutoff >= 0:
            raise InputError(f"the cutoff must not be negative, it is {self.cutoff} cm⁻¹")


@dataclass(frozen=True)
class Species:
    """One structure, as far as thermochemistry needs it.

    Attributes:
        id: its name. energy: eV, electronic.
        frequencies: (m,) cm⁻¹, without translations and rotations; imaginary ones negative.
        mass: amu. moments: (3,) amu Å², 0 where there is no rotation (see ``hessian.principal_moments``).
        symmetry_number: of rotation. chiral: not superimposable on its mirror image. multiplicity: 2S + 1.
        level: the level of theory of energy and frequencies.
        degeneracy: how many such structures there are besides mirror images, 1 unless the user knows better.
    """

    id: str
    energy: float
    frequencies: np.ndarray
    mass: float
    moments: np.ndarray
    symmetry_number: int = 1
    chiral: bool = False
    multiplicity: int = 1
    level: str = ""
    degeneracy: int = 1
    columns: dict = field(default_factory=dict)

    @property
    def imaginary_modes(self) -> int:
        return int((np.asarray(self.frequencies) < 0).sum())


@dataclass(frozen=True)
class Thermo:
    """Thermochemistry of one structure or one ensemble.

    Attributes:
        energy: eV, electronic. zero_point: eV, vibrational energy at 0 K. enthalpy, gibbs: eV, total.
        entropy: eV/K. conditions: T and p. level: of the energies. failure: '' or why the numbers are NaN.
    """

    energy: float
    zero_point: float
    enthalpy: float
    entropy: float
    gibbs: float
    conditions: Conditions
    level: str = ""
    failure: str = ""

    @classmethod
    def rejected(cls, species: Species, conditions: Conditions, failure: str) -> Thermo:
        """Of a structure that has none, and why: NaN but for the electronic energy."""
        nan = float("nan")
        return cls(species.energy, nan, nan, nan, nan, conditions, species.level, failure)


def thermochemistry(
    species: Species, conditions: Conditions = Conditions(), treatment: Treatment = Treatment()
) -> Thermo:
    """H, S and G of an ideal gas of ``species``.

    Structures with imaginary modes get NaN and a reason, unless ``treatment`` says otherwise.
    """
    parts = contributions(species, conditions, treatment)
    if isinstance(parts, str):
        return Thermo.rejected(species, conditions, parts)
    t = conditions.temperature
    enthalpy = (
        species.energy + parts["zero_point"] + sum(v for k, v in parts.items() if k.startswith("energy_")) + KB * t
    )
    entropy = sum(v for k, v in parts.items() if k.startswith("entropy_"))
    return Thermo(
        species.energy, parts["zero_point"], enthalpy, entropy, enthalpy - t * entropy, conditions, species.level
    )


def contributions(species: Species, conditions: Conditions, treatment: Treatment) -> dict[str, float] | str:
    """``zero_point`` and ``energy_*`` in eV, ``entropy_*`` in eV/K; or the reason why there are none."""
    kt = KB * conditions.temperature
    given = np.asarray(species.frequencies, float)
    if not np.isfinite(given).all() or not np.isfinite(species.energy):
        return "no frequencies or no energy"
    imaginary = given[given < 0]
    if len(imaginary) and treatment.imaginary == "reject":
        return f"{len(imaginary)} imaginary mode{'s' * (len(imaginary) > 1)}, lowest {given.min():.0f}i cm⁻¹".replace(
            "-", ""
        )
    nu = np.abs(given) if treatment.imaginary == "absolute" else given[given > 0]
    if (nu == 0).any():
        return "a frequency of zero"
    moments = np.asarray(species.moments, float)
    rotations = int((moments > 0).sum())
    scaled = nu * treatment.scaling.harmonic
    x = scaled * CM1 / kt
    sigma = species.symmetry_number if treatment.symmetry else 1
    return {
        "zero_point": 0.5 * CM1 * treatment.scaling.zero_point * float(nu.sum()),
        "energy_translation": 1.5 * kt,
        "energy_rotation": 0.5 * kt * rotations,
        "energy_vibration": float((CM1 * scaled * _occupation(x)).sum()),
        "entropy_translation": _translation(species.mass, kt, conditions.pressure),
        "entropy_rotation": _rotation(moments[moments > 0], kt, sigma),
        "entropy_vibration": float(_vibration(scaled, kt, moments, treatment).sum()),
        "entropy_electronic": KB * float(np.log(species.multiplicity)),
        "entropy_mixing": KB * float(np.log(2 if species.chiral and treatment.mirror_images else 1)),
    }


def _occupation(x: np.ndarray) -> np.ndarray:
    """Mean quantum number of oscillators with hν/kT = x."""
    with np.errstate(over="ignore"):
        return 1.0 / np.expm1(x)


def oscillator_entropy(frequencies: np.ndarray, kt: float) -> np.ndarray:
    """(m,) eV/K of harmonic oscillators; frequencies in cm⁻¹, kt in eV."""
    x = frequencies * CM1 / kt
    return KB * (x * _occupation(x) - np.log1p(-np.exp(-x)))


def free_rotor_entropy(frequencies: np.ndarray, kt: float, limit: float) -> np.ndarray:
    """(m,) eV/K of free rotors with the moments that the frequencies stand for, limited by ``limit`` amu Å².

    Eqs. 4-6 of 10.1002/chem.201200497: μ = h / (8π²ν) and μ' = μB / (μ + B).
    """
    moment = HBAR2_PER_AMU_ANGSTROM2 / (2.0 * frequencies * CM1)
    moment = moment * limit / (moment + limit)
    return KB * (0.5 + 0.5 * np.log(2.0 * np.pi * moment * kt / HBAR2_PER_AMU_ANGSTROM2))


def _vibration(nu: np.ndarray, kt: float, moments: np.ndarray, treatment: Treatment) -> np.ndarray:
    if treatment.low == "raised":
        return oscillator_entropy(np.maximum(nu, treatment.cutoff), kt)
    oscillator = oscillator_entropy(nu, kt)
    if treatment.low == "harmonic" or not treatment.cutoff:
        return oscillator
    own = moments[moments > 0]
    limit = float(own.mean()) if treatment.rotor_moment == "molecule" and len(own) else _GRIMME_MOMENT
    weight = 1.0 / (1.0 + (treatment.cutoff / nu) ** _EXPONENT)
    return weight * oscillator + (1.0 - weight) * free_rotor_entropy(nu, kt, limit)


def _translation(mass: float, kt: float, pressure: float) -> float:
    """Sackur-Tetrode, eV/K."""
    inverse_wavelength3 = (mass * kt / (2.0 * np.pi * HBAR2_PER_AMU_ANGSTROM2)) ** 1.5  # 1/Å³
    return KB * float(np.log(inverse_wavelength3 * kt / (pressure * PA_ANGSTROM3)) + 2.5)


def _rotation(moments: np.ndarray, kt: float, sigma: int) -> float:
    """Classical rotor with three, two (equal) or no moments, eV/K."""
    if not len(moments):
        return 0.0
    if len(moments) == 2:
        return KB * float(np.log(2.0 * moments.mean() * kt / HBAR2_PER_AMU_ANGSTROM2 / sigma) + 1.0)
    return KB * float(0.5 * np.log(np.pi * np.prod(2.0 * moments * kt / HBAR2_PER_AMU_ANGSTROM2)) - np.log(sigma) + 1.5)
