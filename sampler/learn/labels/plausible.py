"""Whether labels of others can be what they are said to be: lengths, energies and forces against what is known.

Lengths: molecules must be whole somewhere in the set. Energies: near those of the molecules at the same level. Forces: a
cheap method (GFN1-xTB) must point the same way, on a few structures, and be of a like size. A wrong unit or sign is far
outside: what a good method and GFN1-xTB differ by is not. Of B97-3c labels (all that ship, 3,054) the binding energies lie
between −0.21 and 0.62 eV an atom, of GFN1-xTB labels (34,530) up to 1.04; forces of B97-3c are 0.6 to 1.0 times those of
GFN1-xTB. Near minima of either level the directions say nothing, and are not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...errors import LevelError, MissingDependency
from ...monomers import MonomerLibrary
from ...potentials import Potential
from ...units import BOHR, HARTREE, KCAL_PER_MOL, KJ_PER_MOL
from ..sampling.sample import LARGEST_FORCE, sane
from .dataset import LabelSet, binding_energies

ENERGY_UNITS = {"eV": 1.0, "Eh": HARTREE, "kcal/mol": KCAL_PER_MOL, "kJ/mol": KJ_PER_MOL}
LENGTH_UNITS = {"A": 1.0, "bohr": BOHR}
PER_ATOM = (-0.5, 1.5)
"""eV; binding energies an atom, torn structures included, lie between these."""
_OTHER_LENGTHS = {"bohr": BOHR, "nm": 10.0, "pm": 0.01}
_SAMPLE, _FEW_ATOMS = 8, 60
_POINTS = 0.3
"""Cosine of the angle to GFN1-xTB's forces beyond which a direction is told."""
_STRONG = 0.2
"""eV/Å; weaker forces of GFN1-xTB (root mean square) are those of its minima, and tell no direction."""
_RATIO = (0.45, 2.2)
"""Sizes of forces, relative to GFN1-xTB's, that another method may have."""
_SAME = 0.02
"""eV, and relative for forces: by how much labels of GFN1-xTB itself may differ from what is computed here."""


@dataclass(frozen=True)
class Units:
    """The units that a file was read with."""

    energy: str = "eV"
    forces: str = "eV/A"
    gradient: bool = False


@dataclass(frozen=True)
class Findings:
    """
    Attributes:
        faults: why the labels cannot be what they are said to be. remarks: what should be known of them.
        kept: (B,) bool, without the single structures that stand out.
    """

    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    kept: np.ndarray


def examine(labels: LabelSet, library: MonomerLibrary, units: Units, reference: Potential | None = None) -> Findings:
    """Compare labels with what is known of their level.

    Args:
        units: with which they were read, to name one that would fit. reference: a cheap potential; GFN1-xTB by default.
    """
    lengths = _lengths(labels.clusters, library)
    if lengths.faults:
        return lengths
    parts = [lengths, _energies(labels, library, units)]
    parts.append(_forces(labels, units, reference))
    faults = [f for p in parts for f in p.faults]
    kept = np.all([p.kept for p in parts], axis=0)
    if not faults:
        parts.append(_largest(labels))
        kept &= parts[-1].kept
    return Findings(tuple(faults), tuple(r for p in parts for r in p.remarks), kept)


def _lengths(clusters: Clusters, library: MonomerLibrary) -> Findings:
    from ...identify import recognise

    every = np.ones(len(clusters), bool)
    broken = sum(found is None for found in recognise(clusters, library))
    if not broken:
        return Findings((), (), every)
    if broken == len(clusters):
        for unit, factor in _OTHER_LENGTHS.items():
            scaled = clusters.replace(positions=clusters.positions * factor)
            whole = sum(found is not None for found in recognise(scaled, library))
            if 2 * whole > len(clusters):
                return Findings(
                    (
                        f"no structure consists of whole molecules with coordinates in Å, {whole} of {len(clusters)} do with "
                        f"coordinates in {unit}: --coordinates {unit}",
                    ),
                    (),
                    every,
                )
        return Findings((), (f"no structure of {broken} consists of whole molecules: all are torn or reacted",), every)
    return Findings((), (f"{broken} of {len(clusters)} structures do not consist of whole molecules",), every)


def _energies(labels: LabelSet, library: MonomerLibrary, units: Units) -> Findings:
    c, every = labels.clusters, np.ones(len(labels), bool)

    def per_atom(energy: np.ndarray) -> np.ndarray:
        return binding_energies(energy, labels.compositions, labels.references, library) / c.natoms

    try:
        found = per_atom(c.energy)
    except LevelError as error:
        return Findings((), (f"the energies are not compared with those of molecules: {error}",), every)
    inside = _between(found, PER_ATOM)
    if 2 * inside.sum() > len(c):
        if inside.all():
            return Findings((), (), inside)
        worst = int(np.argmax(np.where(inside, 0.0, np.abs(found))))
        remark = (
            f"{(~inside).sum()} structures have energies that are none of {labels.level} and are left out: {c.ids[worst]} lies "
            f"{found[worst]:.3g} eV an atom from its molecules"
        )
        return Findings((), (remark,), inside)
    read = c.energy / ENERGY_UNITS[units.energy]
    middle = float(np.median(found))
    text = (
        f"the energies are not those of {labels.level} in {units.energy}: {middle:.3g} eV an atom from their molecules"
    )
    for unit, scale in ENERGY_UNITS.items():
        if unit != units.energy and _between(np.median(per_atom(read * scale)), PER_ATOM):
            return Findings((f"{text}; they fit {unit}: --energy-unit {unit}",), (), every)
    if others := _levels_that_fit(labels, library, read):
        text += f"; they fit {others}"
    elif np.abs(np.median(read / c.natoms)) < 60.0:
        text += "; they look like binding, relative or atomisation energies, where total energies are wanted"
    return Findings((text,), (), every)


def _levels_that_fit(labels: LabelSet, library: MonomerLibrary, read: np.ndarray) -> str:
    """Another level at which the energies, in some unit, would be near those of the molecules; '' if none."""
    from ...levels import level_with, levels

    for name in levels():
        if name == labels.level:
            continue
        for unit, scale in ENERGY_UNITS.items():
            try:
                monomers = level_with(name, library).monomers
                binding = binding_energies(read * scale, labels.compositions, monomers, library)
            except LevelError:
                break
            if _between(np.median(binding / labels.clusters.natoms), PER_ATOM):
                return f"--level {name} --energy-unit {unit}"
    return ""


def _forces(labels: LabelSet, units: Units, reference: Potential | None) -> Findings:
    c, every = labels.clusters, np.ones(len(labels), bool)
    if c.forces is None:
        return Findings((), (), every)
    if not c.forces.any():
        return Findings(("all forces are 0",), (), every)
    if reference is None:
        try:
            from ...potentials import get_potential

            reference = get_potential("gfn1-xtb")
        except MissingDependency as error:
            return Findings((), (f"the forces are not compared with those of GFN1-xTB: {error}",), every)
    some = _sample(c, c.forces)
    found = reference.evaluate(c[some])
    same = reference.level == labels.level
    cosines, ratios, off = [], [], []
    for k, i in enumerate(some):
        mine, other = c.forces[c.atoms_of(i)].ravel(), found.needed_forces[c[some].atoms_of(k)].ravel()
        size, theirs = np.linalg.norm(mine), np.linalg.norm(other)
        if not np.isfinite(found.energy[k]) or not size or theirs < _STRONG * np.sqrt(len(other)):
            continue
        cosines.append(float(mine @ other / (size * theirs)))
        ratios.append(float(size / theirs))
        off.append(float(c.energy[i] - found.energy[k]))
    if not cosines:
        return Findings((), (), every)
    return _judge(np.array(cosines), np.array(ratios), np.array(off), same, units, every, reference.level)


def _judge(
    cosines: np.ndarray, ratios: np.ndarray, off: np.ndarray, same: bool, units: Units, every: np.ndarray, name: str
) -> Findings:
    cosine, faults, remarks = float(np.median(cosines)), [], []
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    told = f"on {len(cosines)} structures"
    if cosine < -_POINTS:
        which = (
            "forces under the name of gradients: leave --gradient out" if units.gradient else "gradients: --gradient"
        )
        faults.append(f"the forces point against those of {name} ({angle:.0f} degrees apart {told}): they are {which}")
    aligned = np.abs(cosines) > _POINTS
    if abs(cosine) > _POINTS and not _between(ratio := float(np.median(ratios[aligned])), _limits(same)):
        fit = [
            unit for unit, scale in _force_units().items() if unit != units.forces and _fits(ratio, scale, units, same)
        ]
        nearest = min(fit, key=lambda u: abs(np.log(_ratio_in(ratio, u, units))), default="")
        remedy = f"; they fit {nearest}: --forces-unit {nearest}" if nearest else ""
        faults.append(
            f"the forces are {ratio:.3g} times as large as those of {name} {told}, read in {units.forces}{remedy}"
        )
    elif same and not faults and cosine < 1 - _SAME:
        faults.append(f"the forces are none of {name}, which gives others ({angle:.0f} degrees apart {told})")
    if same and not faults and (apart := float(np.median(np.abs(off)))) > _SAME:
        remarks.append(f"{name} computes other energies here, by {apart:.3g} eV {told}")
    return Findings(tuple(faults), tuple(remarks), every)


def _limits(same: bool) -> tuple[float, float]:
    return (1 - _SAME, 1 + _SAME) if same else _RATIO


def _force_units() -> dict[str, float]:
    """Unit -> eV/Å."""
    return {f"{e}/{x}": energy / length for e, energy in ENERGY_UNITS.items() for x, length in LENGTH_UNITS.items()}


def _ratio_in(ratio: float, unit: str, units: Units) -> float:
    known = _force_units()
    return ratio * known[unit] / known[units.forces]


def _fits(ratio: float, scale: float, units: Units, same: bool) -> bool:
    return bool(_between(ratio * scale / _force_units()[units.forces], _limits(same)))


def _largest(labels: LabelSet) -> Findings:
    """What ``data collect`` leaves out, too."""
    c = labels.clusters
    kept = sane(c, LARGEST_FORCE)
    if kept.all():
        return Findings((), (), kept)
    assert c.forces is not None  # without, all are sane
    norm = np.linalg.norm(c.forces, axis=1)
    worst = np.array([norm[c.atoms_of(i)].max() for i in range(len(c))])
    i = int(np.argmax(worst))
    remark = f"{(~kept).sum()} structures with forces above {LARGEST_FORCE:g} eV/Å are left out (largest {worst[i]:.4g}, {c.ids[i]})"
    return Findings((), (remark,), kept)


def _sample(c: Clusters, forces: np.ndarray) -> np.ndarray:
    """A few structures that are cheap to compute, spread over those with the larger forces."""
    few = np.flatnonzero(c.natoms <= _FEW_ATOMS)
    if not len(few):
        return np.argsort(c.natoms, kind="stable")[:1]
    norm = (forces**2).sum(axis=1)
    order = few[np.argsort([norm[c.atoms_of(i)].mean() for i in few], kind="stable")]
    upper = order[-max(_SAMPLE, len(order) // 2) :]
    return upper[np.unique(np.linspace(0, len(upper) - 1, _SAMPLE).round().astype(int))]


def _between(value, limits: tuple[float, float]):
    return (limits[0] <= value) & (value <= limits[1])
