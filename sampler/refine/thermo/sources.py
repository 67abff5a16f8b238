"""Where species come from: structures with a potential, ORCA outputs, and files written before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...columns import CONVERGED, FATE
from ...errors import FileFormatError, InputError
from ...monomers import MonomerLibrary
from ...potentials.base import Potential
from ...storage import write_text
from ...text.files import no_pipe
from ...units import DEBYE, KCAL_PER_MOL
from ..hessian import hessians, isotope_masses, normal_modes, principal_moments, standard_masses
from . import isotopes as isotope
from .rrho import Species
from .symmetry import point_group

_FORMAT = "sampler-thermo-1"
_NEARLY_LINEAR = 1e-2  # smallest over largest moment of inertia


@dataclass(frozen=True)
class HessianParams:
    """How frequencies are computed.

    Attributes:
        fmax: eV/Å; structures with larger forces are relaxed first, None leaves them as they are.
        step: Å, displacement of the finite differences.
        isotopes: masses of the most abundant isotopes (Gaussian's habit) instead of atomic weights (ORCA's, xtb's).
        tolerance: Å, for point groups.
    """

    fmax: float | None = 2e-3
    step: float = 0.005
    isotopes: bool = False
    tolerance: float = 0.05


@dataclass(frozen=True)
class Rejected:
    """A structure without frequencies, and why."""

    id: str
    reason: str


def from_potential(
    clusters: Clusters, potential: Potential, params: HessianParams = HessianParams()
) -> tuple[list[Species], list[Rejected]]:
    """Relax structures where needed, and give each its harmonic frequencies at the level of ``potential``.

    Structures that the potential cannot evaluate, or that do not get below ``fmax``, are returned as rejected.
    """
    if params.fmax is not None and len(clusters):
        clusters = _relaxed(clusters, potential, params.fmax)
    found, rejected = [], []
    for i in range(len(clusters)):
        one = clusters[i]
        fate = str(one.columns[FATE][0]) if FATE in one.columns else ""
        if fate or (params.fmax is not None and not one.columns[CONVERGED][0]):
            rejected.append(Rejected(str(one.ids[0]), fate or "not converged before the Hessian"))
            continue
        result = hessians(one, potential, params.step)
        if result.failure[0]:
            rejected.append(Rejected(str(one.ids[0]), f"Hessian: {result.failure[0]}"))
            continue
        found.append(_species(one, result, params))
    return found, rejected


def _relaxed(clusters: Clusters, potential: Potential, fmax: float) -> Clusters:
    from ...relax import RelaxParams, relax

    return relax(clusters, potential, RelaxParams(fmax=fmax, max_steps=2000))


def _species(one: Clusters, result, params: HessianParams) -> Species:
    masses = (isotope_masses if params.isotopes else standard_masses)(one.numbers)
    modes = normal_modes(one.numbers, one.positions, result.matrices[0], masses)
    more = {"fmax_eV_per_A": float(result.fmax[0]), "residual_cm1": modes.residual}
    return _make(
        str(one.ids[0]), one.numbers, one.positions, int(one.charge[0]), float(result.energy[0]), modes.frequencies,
        masses, result.level, _unpaired(one) + 1, params.tolerance, more,
    )  # fmt: skip


def _unpaired(one: Clusters) -> int:
    """Closed shells; one unpaired electron where the number of electrons is odd."""
    return (int(one.numbers.sum()) - int(one.charge[0])) % 2


def _make(
    name, numbers, positions, charge, energy, frequencies, masses, level, multiplicity, tolerance, more
) -> Species:
    moments = principal_moments(positions, masses)
    if len(frequencies) == 3 * len(numbers) - 5 and moments[0] < _NEARLY_LINEAR * moments[-1]:
        moments[0] = 0.0  # a program may call a nearly linear molecule linear at another limit than we do
    linear = len(numbers) > 1 and not moments[0]
    group = point_group(isotope.kinds(numbers, masses), positions, tolerance, linear)
    found = isotope.label(numbers, masses)
    if found:
        more = {**more, "isotopes": found, "masses_amu": np.asarray(masses, float).tolist()}
    if convention := isotope.convention(numbers, masses):
        more = {**more, "masses": convention}
    return Species(
        id=name,
        energy=energy,
        frequencies=np.asarray(frequencies, float),
        mass=float(masses.sum()),
        moments=moments,
        symmetry_number=group.symmetry_number,
        chiral=group.chiral,
        multiplicity=multiplicity,
        level=level,
        columns={
            "point_group": group.name,
            "charge": int(charge),
            "numbers": [int(z) for z in numbers],
            "positions": np.asarray(positions, float).tolist(),
            **more,
        },
    )


def from_orca(results: Sequence[Any], tolerance: float = 0.05) -> list[Species]:
    """Species of :class:`~sampler.refine.orca.OrcaResult` with frequencies; scaling that ORCA applied is undone.

    Masses are those of the calculation, which its frequencies belong to: deuterium stays deuterium.

    Raises:
        InputError: an output has no frequencies, energy or charge, or frequencies that are not those of its atoms.
    """
    made = []
    for r in results:
        lacking = [
            what
            for what, absent in (
                ("frequencies", not len(r.frequencies) and len(r.numbers) > 1),
                ("energy", not np.isfinite(r.energy)),
                ("charge", r.charge is None),
            )
            if absent
        ]
        if lacking:
            raise InputError(f"{r.path} has no {' and no '.join(lacking)}: not a finished frequency calculation")
        more: dict[str, Any] = {}
        if r.dipole is not None:
            more["dipole_debye"] = float(np.linalg.norm(r.dipole)) / DEBYE
        if np.isfinite(r.polarizability):
            more["polarizability_A3"] = float(r.polarizability)
        one = _make(
            r.name, r.numbers, r.positions, r.charge, r.energy, r.frequencies / r.frequency_scaling,
            isotope.exact(r.numbers, r.masses), r.level, r.multiplicity or 1, tolerance, more,
        )  # fmt: skip
        _whole(one, r.path)
        made.append(one)
    return made


def _whole(one: Species, path: Any) -> None:
    """Refuse frequencies that are too few or too many: of a part of the atoms, or of other atoms."""
    n, have = len(one.columns["numbers"]), len(one.frequencies)
    wanted = 3 * n - 3 - int((np.asarray(one.moments) > 0).sum())
    if have != wanted:
        raise InputError(
            f"{path} has {have} frequencies; {n} atoms have {wanted} in this shape: a Hessian of a part of the atoms, a "
            "linear molecule taken for bent, or a damaged file, from which no free energy follows"
        )


def monomer_structures(names: Sequence[str], library: MonomerLibrary) -> Clusters:
    """All conformers of monomers of the library, as starting points; ids such as ``sa-trans``."""
    pairs = [(library[n], c) for n in names for c in library[n].conformers]
    return Clusters.make(
        [c.positions for _, c in pairs], [m.numbers for m, _ in pairs], charge=[m.charge for m, _ in pairs],
        ids=[f"{m.name}-{c.name}" for m, c in pairs],
    )  # fmt: skip


def distinct(species: Sequence[Species]) -> tuple[list[Species], list[Rejected]]:
    """Leave out structures that are the same minimum: an ensemble must count each once.

    The same are two of one composition whose energies agree to 0.02 kcal/mol, whose principal moments agree to 1 %
    and whose frequencies agree to 3 cm⁻¹ (root mean square). Mirror images are the same.
    """
    kept: list[Species] = []
    dropped: list[Rejected] = []
    for s in sorted(species, key=lambda s: (s.energy, s.id)):
        for k in kept:
            if (
                abs(s.energy - k.energy) < 0.02 * KCAL_PER_MOL
                and sorted(s.columns["numbers"]) == sorted(k.columns["numbers"])
                and s.columns["charge"] == k.columns["charge"]
                and isotope.of_columns(s.columns) == isotope.of_columns(k.columns)
                and len(s.frequencies) == len(k.frequencies)
                and np.allclose(s.moments, k.moments, rtol=0.01)
                and (not len(s.frequencies) or np.sqrt(np.mean((s.frequencies - k.frequencies) ** 2)) < 3.0)
            ):
                dropped.append(Rejected(s.id, f"the same minimum as {k.id}"))
                break
        else:
            kept.append(s)
    return kept, dropped


# ---- files -----------------------------------------------------------------------------------------------------------


def save(path: Path | str, species: Sequence[Species]) -> None:
    """Write species as JSON: eV, cm⁻¹, amu, amu Å², Å; units are in the keys."""
    rows = [
        {
            "id": s.id, "level": s.level, "energy_eV": s.energy, "frequencies_cm1": np.round(s.frequencies, 4).tolist(),
            "mass_amu": s.mass, "moments_amuA2": np.asarray(s.moments).tolist(), "symmetry_number": s.symmetry_number,
            "chiral": s.chiral, "multiplicity": s.multiplicity, "degeneracy": s.degeneracy, "columns": s.columns,
        }
        for s in species
    ]  # fmt: skip
    write_text(path, json.dumps({"format": _FORMAT, "species": rows}, indent=1) + "\n")


def load(path: Path | str) -> list[Species]:
    """Read what :func:`save` wrote.

    Raises:
        FileFormatError: missing, damaged or another kind of file.
    """
    try:
        content = json.loads(no_pipe(path).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise FileFormatError(f"{path} has the format {content['format']!r}, expected {_FORMAT!r}")
        read = [
            Species(
                r["id"], float(r["energy_eV"]), np.array(r["frequencies_cm1"], float), float(r["mass_amu"]),
                np.array(r["moments_amuA2"], float), int(r["symmetry_number"]), bool(r["chiral"]),
                int(r["multiplicity"]), r["level"], int(r["degeneracy"]), dict(r["columns"]),
            )
            for r in content["species"]
        ]  # fmt: skip
        for one in read:
            if wrong := _impossible(one):
                raise FileFormatError(f"{path}: {one.id}: {wrong}; the file was changed or is damaged")
        return read
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{path} is not a readable file of species (made with sampler thermo --out): {error!r}"
        ) from error


def _impossible(one: Species) -> str:
    """What no structure can have, or ''. A symmetry number of 0 gives an infinite entropy, no frequencies none at all."""
    numbers, positions = one.columns["numbers"], np.asarray(one.columns["positions"], float)
    n, moments = len(numbers), np.asarray(one.moments)
    if positions.shape != (n, 3) or not n:
        return f"{n} atoms and positions of the shape {positions.shape}"
    if not (np.isfinite(one.energy) and np.isfinite(moments).all() and np.isfinite(one.frequencies).all()):
        return "an energy, a moment of inertia or a frequency is no finite number"
    for name in ("symmetry_number", "multiplicity", "degeneracy"):
        if getattr(one, name) < 1:
            return f"a {name.replace('_', ' ')} of {getattr(one, name)}"
    if not one.mass > 0 or moments.shape != (3,) or (moments < 0).any():
        return f"a mass of {one.mass} amu and moments of inertia {moments.tolist()}"
    rotations = int((moments > 0).sum())
    if len(one.frequencies) != 3 * n - 3 - rotations:
        return f"{len(one.frequencies)} frequencies and {rotations} rotations of {n} atoms"
    return ""


__all__ = ["HessianParams", "Rejected", "distinct", "from_orca", "from_potential", "load", "monomer_structures", "save"]
