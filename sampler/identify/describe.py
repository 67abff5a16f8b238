"""Words for what was found: formulas, protonation labels, what was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..composition import Composition, state_label
from ..monomers import MonomerLibrary
from ..text.formula import formula
from . import bond_kernels as kernels
from . import radii
from .assignment import BatchAssignment
from .templates import CARBON, Templates

MOST_SHARED = 6
"""Protons of one structure whose both sides are looked at: 63 further labels at most."""
_SIGN = {0: "", 1: "⁺", -1: "⁻", 2: "²⁺", -2: "²⁻"}


@dataclass(frozen=True)
class Molecule:
    """One molecule of an assignment, in words: ``name`` in the library or formula, printed ``label``, ``family``."""

    name: str
    label: str
    family: str
    known: bool


def molecules_of(found: BatchAssignment, i: int, ptr: np.ndarray, numbers: np.ndarray) -> list[Molecule]:
    """The molecules of structure ``i``, in their order."""
    atoms, templates = slice(int(ptr[i]), int(ptr[i + 1])), found.templates
    molecule, z, made = found.molecule[atoms], numbers[atoms], []
    for m in range(found.molecules[i]):
        f, n = int(found.family[atoms][m]), int(found.hydrogens[atoms][m])
        made.append(_molecule(templates, f, n, z[molecule == m]))
    return made


def _molecule(templates: Templates, f: int, hydrogens: int, numbers: np.ndarray) -> Molecule:
    member = templates.members.get((f, hydrogens))
    if member is not None:
        return Molecule(member.name, member.label, templates.families[f], True)
    text = formula(numbers)
    if f < 0:
        return Molecule(text, text, "", False)
    charge = hydrogens - int(templates.neutral[f])
    return Molecule(text, text + _SIGN.get(charge, f"({charge:+d})"), templates.families[f], False)


def other_labels(
    found: BatchAssignment, i: int, ptr: np.ndarray, numbers: np.ndarray, library: MonomerLibrary
) -> set[str]:
    """Protonation labels that structure ``i`` would have with protons that are shared, or nearly, on their other side.

    Of more than :data:`MOST_SHARED` such protons the ones nearest to the middle count.
    """
    atoms, templates = slice(int(ptr[i]), int(ptr[i + 1])), found.templates
    other, z, molecule = found.other[atoms], numbers[atoms], found.molecule[atoms]
    protons = np.flatnonzero(other >= 0)
    protons = protons[np.argsort(found.lean[atoms][protons], kind="stable")][:MOST_SHARED]
    count = int(found.molecules[i])
    family, before = found.family[atoms][:count], found.hydrogens[atoms][:count]
    heavy = [z[(molecule == m) & (z != 1)] for m in range(count)]
    made: dict[bytes, str] = {}
    for choice in range(1, 1 << len(protons)):
        moved = protons[[bool(choice >> k & 1) for k in range(len(protons))]]
        hydrogens = before.copy()
        np.subtract.at(hydrogens, molecule[moved], 1)
        np.add.at(hydrogens, other[moved], 1)
        key = np.sort(family * 1000 + hydrogens).tobytes()
        if key not in made and hydrogens.min() >= 0:
            each = [
                _molecule(templates, int(f), int(n), np.concatenate([part, np.ones(n, part.dtype)]))
                for f, n, part in zip(family, hydrogens, heavy)
            ]
            made[key] = label(each, library)
    return set(made.values())


def label(molecules: Sequence[Molecule], library: MonomerLibrary) -> str:
    """The protonation label: known molecules in library order, then all others by formula."""
    known = Counter(m.name for m in molecules if m.known)
    rest = Counter(m.label for m in molecules if not m.known)
    parts = [state_label(known, library)] if known else []
    return " · ".join(parts + [f"{n} {text}" for text, n in sorted(rest.items())])


def what_happened(
    found: BatchAssignment,
    i: int,
    positions: np.ndarray,
    numbers: np.ndarray,
    ptr: np.ndarray,
    composition: Composition | None,
    library: MonomerLibrary,
) -> tuple[str, str]:
    """(identity, detail) of structure ``i``."""
    status, atoms = int(found.status[i]), slice(int(ptr[i]), int(ptr[i + 1]))
    if status & kernels.NOT_FINITE:
        return "exploded", "positions are not finite"
    xyz, z = positions[atoms], numbers[atoms]
    if status & kernels.OVERLAPPING:
        return "exploded", _closest_pair(xyz, z)
    if status & kernels.FLOWN:
        return "exploded", "flown apart: less than half of the covalent bonds are left"
    molecules = molecules_of(found, i, ptr, numbers)
    broken = kernels.SKELETON | kernels.SITE | kernels.FREE_H | kernels.H2
    if status & broken:
        return "reacted", "; ".join(_damage(found, i, molecules, xyz, z, atoms, composition, library))
    if status & kernels.APART:
        return "evaporated", _parts(found.fragment[atoms][: len(molecules)], molecules, found.gap[i])
    strange = sorted({m.label for m in molecules if not m.known})
    return "intact", f"{', '.join(strange)} is not in the library" if strange else ""


def _damage(found, i, molecules, xyz, z, atoms, composition, library) -> list[str]:
    parts, status = [], int(found.status[i])
    if status & kernels.SKELETON:
        parts += _changed_bonds(xyz, z, composition, library)
        fragments = Counter(m.label for m in molecules if not m.family)
        lost = " + ".join(f"{n} {t}" if n > 1 else t for t, n in sorted(fragments.items()))
        parts += [lost] if lost else ["more molecules of one kind than the composition has"]
    if status & kernels.SITE:
        parts += _wrong_hydrogens(found, i, molecules, z, atoms)
    free = int(((z == 1) & (found.molecule[atoms] < 0)).sum())
    if status & kernels.H2:
        parts.append("H2")
        free -= 2
    if status & kernels.FREE_H and free > 0:
        parts.append("free H" if free == 1 else f"{free} free H")
    return parts


def _changed_bonds(xyz, z, composition, library) -> list[str]:
    """Kinds of heavy-atom bonds that are more or fewer than in the composition."""
    from ase.data import chemical_symbols

    if composition is None:
        return []
    wanted: Counter = Counter()
    for name, n in composition.counts:
        member = library.family(name)[0]
        for a, b in member.bonds:
            wanted[tuple(sorted((int(member.numbers[a]), int(member.numbers[b]))))] += n
    heavy = np.flatnonzero(z != 1)
    a, b = np.triu_indices(len(heavy), 1)
    a, b = heavy[a], heavy[b]
    radius = radii.bonding()
    bonded = np.linalg.norm(xyz[a] - xyz[b], axis=1) < radii.HEAVY_BOND[0] * (radius[z[a]] + radius[z[b]])
    a, b = z[a[bonded]], z[b[bonded]]
    has = Counter(zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist()))
    parts = []
    for pair in sorted({*wanted, *has}, reverse=True):
        change = has[pair] - wanted[pair]
        if pair[0] != 1 and change:
            bond = "–".join(chemical_symbols[e] for e in reversed(pair))
            parts.append(
                f"{bond} {'broken' if change < 0 else 'formed'}" + (f" ({abs(change)}×)" if abs(change) > 1 else "")
            )
    return parts


def _wrong_hydrogens(found, i, molecules, z, atoms) -> list[str]:
    """Molecules with the right skeleton whose hydrogens sit where they cannot, or are too many or too few."""
    from ase.data import chemical_symbols

    owner, molecule, templates, parts = found.owner[atoms], found.molecule[atoms], found.templates, []
    held = np.bincount(owner[(z == 1) & (owner >= 0)], minlength=len(z))
    for m, what in enumerate(molecules):
        f, n = int(found.family[atoms][m]), int(found.hydrogens[atoms][m])
        if f < 0:
            continue
        sites = slice(templates.site_ptr[f], templates.site_ptr[f + 1])
        heavy = np.flatnonzero((molecule == m) & (z != 1))
        limits = _limits(templates, sites, z[heavy], held[heavy])
        if limits and len(heavy) == 1:
            parts.append(formula(z[molecule == m]))
        elif limits:
            parts.append(f"{limits} of {what.label}")
        elif not templates.low[f] <= n <= templates.high[f]:
            parts.append(what.label)
        elif not what.known:
            parts.append(f"hydrogens of {what.label} in the wrong place")
    return [text if n == 1 else f"{n} {text}" for text, n in Counter(parts).items()] or [chemical_symbols[1]]


def _limits(templates, sites, z, held) -> str:
    """The first element that holds more or fewer hydrogens than the family allows; '' if none."""
    from ase.data import chemical_symbols

    for e in sorted(set(map(int, z)), reverse=True):
        same = templates.site_number[sites] == e
        high, low = templates.site_high[sites][same].max(initial=0), templates.site_low[sites][same].min(initial=9)
        symbol, most, fewest = chemical_symbols[e], held[z == e].max(), held[z == e].min()
        if most > high:
            return f"{most if high else ''} H on {symbol}".strip()
        if fewest < low:
            return f"{symbol}–H broken" if e == CARBON else f"only {fewest} H on {symbol}"
    return ""


def _closest_pair(xyz, z) -> str:
    from ase.data import chemical_symbols

    covalent = radii.covalent()
    a, b = np.triu_indices(len(z), 1)
    d = np.linalg.norm(xyz[a] - xyz[b], axis=1)
    k = int(np.argmin(d / (covalent[z[a]] + covalent[z[b]])))
    return f"{chemical_symbols[z[a[k]]]} and {chemical_symbols[z[b[k]]]} overlap at {d[k]:.2f} Å"


def _parts(fragment, molecules, gap) -> str:
    """Which molecules left: all connected parts but the largest."""
    groups: dict[int, list[str]] = {}
    for part, m in zip(fragment, molecules):
        groups.setdefault(int(part), []).append(m.label)
    largest = max(groups, key=lambda k: (len(groups[k]), -k))
    texts = []
    for k, labels in groups.items():
        if k != largest:
            texts.append(" + ".join(f"{n} {t}" if n > 1 else t for t, n in sorted(Counter(labels).items())))
    return (
        f"{'; '.join(sorted(texts))} {gap:.1f} Å away"
        if len(texts) == 1
        else (f"{len(groups)} parts, {gap:.1f} Å apart at least: {'; '.join(sorted(texts))}")
    )
