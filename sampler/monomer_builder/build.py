"""Build one monomer: starting geometries, optimisation, distinct conformers, charges, parameters."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..errors import MissingDependency, MonomerError
from ..monomers import Conformer, Monomer
from . import charges, embed, graph, lennard_jones
from .gfn1 import METHODS, Molecule
from .minima import Relaxation, distinct, other_levels


@dataclass(frozen=True)
class MonomerSpec:
    """What a monomer is built from.

    Attributes:
        name: lower-case letters, digits at the end. smiles: or '' if ``xyz`` is given. xyz: path of an xyz file, each frame a conformer.
        charge: in e; None takes the formal charge of the SMILES, or what the xyz file states (else 0).
        family: '' means a family of its own. protons: relative to the neutral member; None means ``charge``.
        symbol: formula as printed; '' makes it from the atoms. rank: position in names; the user's come last.
        candidates: conformers that RDKit embeds. window: conformers kept, eV above the lowest. most: and at most.
        keep: names of the conformers kept, from those found inside ``window``; all where empty.
        charges: ``resp`` (PySCF), ``mulliken`` (of ``method``) or ``auto`` (resp where that is possible).
        method: level that conformers are optimised at, ``gfn1-xtb`` or ``gfn2-xtb``.
        seed: of the embedding and of the small displacement that leaves saddle points.
    """

    name: str
    smiles: str = ""
    xyz: Path | None = None
    title: str = ""
    symbol: str = ""
    aliases: tuple[str, ...] = ()
    charge: int | None = None
    family: str = ""
    protons: int | None = None
    rank: int = 1000
    candidates: int = 30
    window: float = 0.25
    most: int = 4
    keep: tuple[str, ...] = ()
    charges: str = "auto"
    method: str = "gfn1-xtb"
    seed: int = 20


def build(spec: MonomerSpec) -> Monomer:
    """Build the monomer that ``spec`` describes. Takes seconds to minutes.

    Raises:
        MonomerError: bad input, or a molecule that does not survive the optimisation.
        MissingDependency: RDKit, tblite or (for ``charges="resp"``) PySCF is not installed.
    """
    numbers, bonds, starts, charge = _start(spec)
    near = graph.neighbours(len(numbers), bonds)
    sigma, epsilon = lennard_jones.parameters(numbers, near)
    if (int(numbers.sum()) - charge) % 2:
        raise MonomerError(
            f"{spec.name}: {int(numbers.sum())} protons and the charge {charge:+d} leave an unpaired electron; "
            "only closed-shell molecules are supported"
        )
    if spec.method not in METHODS:
        raise MonomerError(f"{spec.name}: the method {spec.method!r} is unknown; choose {' or '.join(METHODS)}")
    molecule = Molecule(numbers, charge, spec.method)
    classes = graph.equivalence_classes(numbers, bonds)
    relax = Relaxation(molecule, np.random.default_rng(spec.seed))
    energies, geometries = distinct(relax, bonds, classes, starts, spec.name)
    found = [(e, orient(numbers, x)) for e, x in zip(energies, geometries) if e - energies[0] <= spec.window]
    if spec.keep:
        named = dict(zip(_conformer_names(numbers, bonds, [x for _, x in found]), found))
        missing = set(spec.keep) - set(named)
        if missing:
            raise MonomerError(f"{spec.name}: no conformer is called {sorted(missing)}; found: {', '.join(named)}")
        found = [named[name] for name in named if name in spec.keep]
    energies, kept = map(list, zip(*found[: spec.most]))
    names = _conformer_names(numbers, bonds, kept)
    elsewhere, unknown = other_levels(kept, bonds, molecule, spec.seed)
    partial, how = _charges(molecule, kept, classes, spec.charges)
    return Monomer(
        name=spec.name,
        title=spec.title or spec.name,
        symbol=spec.symbol or formula(numbers),
        aliases=spec.aliases,
        smiles=spec.smiles,
        family=spec.family or spec.name,
        protons=charge if spec.protons is None else spec.protons,
        charge=charge,
        rank=spec.rank,
        numbers=numbers,
        bonds=bonds,
        partial_charges=partial,
        sigma=sigma,
        epsilon=epsilon,
        conformers=tuple(Conformer(n, x, round(e - energies[0], 6)) for n, x, e in zip(names, kept, energies)),
        reference_energies={spec.method: energies[0], **elsewhere},
        source=(
            f"geometry: {'RDKit ' + version('rdkit') + ' ETKDGv3, ' if spec.smiles else ''}{relax.how} "
            f"(tblite {version('tblite')}); charges: {how}; Lennard-Jones: GAFF, polar hydrogen of CHARMM"
            + "".join(f"; {text}" for text in unknown)
        ),
    )


def _start(spec: MonomerSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    if bool(spec.smiles) == (spec.xyz is not None):
        raise MonomerError(f"{spec.name}: give either a SMILES string or an xyz file")
    if spec.smiles:
        numbers, bonds, starts, charge = embed.from_smiles(spec.smiles, spec.candidates, spec.seed)
        if spec.charge is not None and spec.charge != charge:
            raise MonomerError(f"{spec.smiles!r} has the charge {charge:+d}, but {spec.charge:+d} was asked for")
        return numbers, bonds, starts, charge
    assert spec.xyz is not None  # one of the two is given
    numbers, starts, stated = embed.from_xyz(spec.xyz)
    if None not in (stated, spec.charge) and stated != spec.charge:
        raise MonomerError(f"{spec.xyz} states the charge {stated:+d}, but {spec.charge:+d} was asked for")
    bonds = graph.bonds_from_distances(numbers, starts[0])
    if not graph.is_connected(len(numbers), bonds):
        raise MonomerError(f"{spec.xyz}: the atoms do not form one molecule; add each molecule by itself")
    for k, start in enumerate(starts[1:], 2):
        if not np.array_equal(graph.bonds_from_distances(numbers, start), bonds):
            raise MonomerError(f"{spec.xyz}: frame {k} has other bonds than frame 1")
    first = np.array([*graph.stereocentres(numbers, bonds, starts[0]).values()])
    for k, start in enumerate(starts[1:], 2):
        other = np.array([*graph.stereocentres(numbers, bonds, start).values()])
        if not np.array_equal(first, other):
            kind = "the mirror image" if np.array_equal(first, -other) else "a diastereomer"
            raise MonomerError(
                f"{spec.xyz}: frame {k} is {kind} of frame 1 and another molecule, no conformer; add each by itself"
            )
    return numbers, bonds, starts, (stated or 0) if spec.charge is None else spec.charge


def _charges(molecule, kept, classes, choice) -> tuple[np.ndarray, str]:
    if choice not in ("auto", "resp", "mulliken"):
        raise MonomerError(f"charges {choice!r} are unknown; choose auto, resp or mulliken")
    why = ""
    if choice != "mulliken":
        try:
            fitted = charges.resp(molecule.numbers, molecule.charge, kept, classes)
            basis = charges.basis_name(molecule.numbers)
            return fitted, f"RESP fit to the HF/{basis} potential (PySCF {version('pyscf')})"
        except (MissingDependency, MonomerError) as error:
            if choice == "resp":
                raise
            why = " (PySCF is not installed)" if isinstance(error, MissingDependency) else f" (no RESP: {error})"
    return charges.mulliken(molecule, kept, classes), f"{molecule.method} Mulliken{why}"


def _conformer_names(numbers, bonds, kept) -> list[str]:
    """``trans``/``cis`` for two OH on one atom, ``anti``/``gauche`` for one heavy-atom torsion, otherwise nothing.

    Conformers that would share a name get a letter: ``gauche-a``, ``gauche-b``.
    """
    bare = [_shape(numbers, bonds, x) for x in kept] if len(kept) > 1 else [""]
    names = []
    for k, name in enumerate(bare):
        letter = chr(ord("a") + bare[:k].count(name)) if bare.count(name) > 1 else ""
        names.append("-".join(part for part in (name, letter) if part) or "only")
    return names


def _shape(numbers: np.ndarray, bonds: np.ndarray, positions: np.ndarray) -> str:
    near = graph.neighbours(len(numbers), bonds)
    hydroxyl = [
        (i, next(j for j in near[i] if numbers[j] == 1))
        for i in map(int, np.flatnonzero(numbers == 8))
        if sorted(int(numbers[j] > 1) for j in near[i]) == [0, 1]
    ]
    centres = [next(j for j in near[o] if numbers[j] > 1) for o, _ in hydroxyl]
    if len(hydroxyl) == 2 and centres[0] == centres[1]:
        (o, h), (other, g) = hydroxyl
        turns = [_dihedral(*positions[[other, centres[0], o, h]]), _dihedral(*positions[[o, centres[0], other, g]])]
        return "trans" if turns[0] * turns[1] > 0 else "cis"
    heavy = [[j for j in near[i] if numbers[j] > 1] for i in range(len(numbers))]
    inner = [(i, j) for i, j in bonds if len(heavy[i]) == 2 and len(heavy[j]) == 2]
    if len(inner) == 1:
        i, j = map(int, inner[0])
        a, b = next(k for k in heavy[i] if k != j), next(k for k in heavy[j] if k != i)
        turn = abs(_dihedral(*positions[[a, i, j, b]]))
        return "anti" if turn > 120 else "gauche" if turn > 30 else "syn"
    return ""


def _dihedral(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
    """Torsion angle a-b-c-d in degrees, -180 … 180."""
    first, axis, last = a - b, (c - b) / np.linalg.norm(c - b), d - c
    first, last = first - first @ axis * axis, last - last @ axis * axis
    return float(np.degrees(np.arctan2(np.cross(axis, first) @ last, first @ last)))


def orient(numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Centre of mass at the origin, principal axes along x, y, z (largest moment last), right-handed, 6 decimals."""
    from ase.data import atomic_masses

    masses = atomic_masses[numbers]
    centred = positions - masses @ positions / masses.sum()
    _, axes = np.linalg.eigh(np.einsum("i,ij,ik->jk", masses, centred, centred))
    axes = axes[:, ::-1]
    for k in range(2):  # the atom farthest along an axis (the first of several) lies on its positive side
        along = centred @ axes[:, k]
        if along[int(np.argmax(np.round(np.abs(along), 4)))] < 0:
            axes[:, k] *= -1
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return np.round(centred @ axes, 6)


def formula(numbers: np.ndarray) -> str:
    """Hill formula, e.g. ``C2H8N2``."""
    from ase.formula import Formula
    from ase.symbols import Symbols

    return Formula(str(Symbols(numbers))).format("hill")
