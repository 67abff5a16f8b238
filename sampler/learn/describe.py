"""What a data set holds, in numbers: compositions, sizes, energies, forces, protonation states, and where it is from."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..columns import INTACT, STATE
from ..composition import Composition
from ..monomers import MonomerLibrary
from ..storage import write_atomic
from ..units import KCAL_PER_MOL
from .evaluate import require_plot
from .labels.dataset import LabelSet, binding_energies
from .split import molecules_of


def describe(labels: LabelSet, library: MonomerLibrary) -> dict[str, Any]:
    """All of it as plain numbers; units are in the keys, binding energies count from the monomers of the level.

    ``compositions`` has a row a composition, in ascending number of molecules, then of atoms.

    Raises:
        LevelError: a monomer without a reference energy.
    """
    c, names = labels.clusters, labels.compositions
    size = {name: sum(parts.values()) for name, parts in molecules_of(labels, library).items()}
    binding = binding_energies(c.energy, names, labels.references, library) / KCAL_PER_MOL
    states, torn = protonation_states(labels, library)
    rows = []
    for name in sorted(size, key=lambda n: (size[n], c.natoms[names == n][0], n)):
        chosen = names == name
        rows.append(
            {
                "composition": name, "molecules": size[name], "atoms": int(c.natoms[chosen][0]),
                "structures": int(chosen.sum()), **_energies(binding[chosen]), **_forces(labels.subset(chosen)),
                "states": dict(Counter(states[chosen].tolist()).most_common()), "not_whole": int(torn[chosen].sum()),
            }
        )  # fmt: skip
    charges = Counter(c.charge.tolist())
    return {
        "level": labels.level, "engine": labels.engine, "structures": len(labels), "sha256": labels.digest(),
        "origin": labels.origin, "references_eV": labels.references, "forces": c.forces is not None,
        "charges": {str(q): n for q, n in sorted(charges.items())},
        "molecules": {str(k): v for k, v in sorted(Counter(size[n] for n in names.tolist()).items())},
        "not_whole": int(torn.sum()), "all": {**_energies(binding), **_forces(labels)}, "compositions": rows,
    }  # fmt: skip


def protonation_states(labels: LabelSet, library: MonomerLibrary) -> tuple[np.ndarray, np.ndarray]:
    """(B,) label of each structure, such as ``1 HSO4⁻ · 1 NH4⁺ · 2 H2O``, and (B,) bool where it is not whole."""
    from ..identify import identify

    state, torn = np.full(len(labels), "", dtype=object), np.zeros(len(labels), bool)
    keys = [(name, q) for name, q in zip(labels.compositions.tolist(), labels.clusters.charge.tolist())]
    for key in sorted(set(keys)):
        members = np.flatnonzero([k == key for k in keys])
        found = identify(labels.clusters[members], Composition.parse(key[0], library, key[1]), library)
        state[members], torn[members] = found.columns[STATE], ~found.columns[INTACT]
    return state.astype(np.str_), torn


def _energies(binding: np.ndarray) -> dict[str, float]:
    known = binding[np.isfinite(binding)]
    if not len(known):
        return dict.fromkeys(("lowest_binding_kcal_mol", "mean_binding_kcal_mol", "highest_binding_kcal_mol"), np.nan)
    return {
        "lowest_binding_kcal_mol": float(known.min()), "mean_binding_kcal_mol": float(known.mean()),
        "highest_binding_kcal_mol": float(known.max()),
    }  # fmt: skip


def _forces(part: LabelSet) -> dict[str, float]:
    forces = part.clusters.forces
    if forces is None or not len(forces):
        return {"rms_force_kcal_mol_A": np.nan, "largest_force_kcal_mol_A": np.nan}
    return {
        "rms_force_kcal_mol_A": float(np.sqrt((forces**2).mean()) / KCAL_PER_MOL),
        "largest_force_kcal_mol_A": float(np.linalg.norm(forces, axis=1).max() / KCAL_PER_MOL),
    }


def plot_sets(parts: Mapping[str, LabelSet], library: MonomerLibrary, path: Path | str) -> None:
    """Structures by number of molecules, binding energies a molecule, sizes of forces and negative ions (protons that
    changed place), a colour a set.

    Raises:
        InputError: the ending of ``path`` is no format of plots.
    """
    kind = require_plot(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure)
    sizes, energies, forces, protons = figure.subplots(2, 2).ravel()
    for k, (name, labels) in enumerate(parts.items()):
        molecules, ions = _molecules(labels, library)
        binding = binding_energies(labels.clusters.energy, labels.compositions, labels.references, library)
        colour = f"C{k}"
        _bars(sizes, molecules, k, len(parts), colour, f"{name} ({labels.level})")
        energies.hist(
            binding / molecules / KCAL_PER_MOL, bins=40, histtype="stepfilled", alpha=0.6, color=colour, label=name
        )
        if labels.clusters.forces is not None:
            norm = np.linalg.norm(labels.clusters.forces, axis=1) / KCAL_PER_MOL
            forces.hist(norm, bins=40, histtype="stepfilled", alpha=0.6, color=colour)
        _bars(protons, ions, k, len(parts), colour, name)
    sizes.set(xlabel="molecules", ylabel="structures")
    sizes.legend(frameon=False, fontsize=7)
    energies.set(xlabel="binding energy a molecule, kcal/mol", ylabel="structures")
    forces.set(xlabel="force, kcal/mol/Å", ylabel="atoms")
    if all(p.clusters.forces is None for p in parts.values()):
        forces.text(0.5, 0.5, "no forces", ha="center", va="center", transform=forces.transAxes)
    protons.set(xlabel="negative ions", ylabel="structures")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=120)
    write_atomic(path, lambda handle: handle.write(buffer.getbuffer()))


def _molecules(labels: LabelSet, library: MonomerLibrary) -> tuple[np.ndarray, np.ndarray]:
    """(B,) molecules in each structure, and (B,) negative ions among them."""
    size = {name: sum(parts.values()) for name, parts in molecules_of(labels, library).items()}
    states, _ = protonation_states(labels, library)
    return np.array([size[n] for n in labels.compositions.tolist()]), np.array([negative_ions(s) for s in states])


def negative_ions(state: str) -> int:
    """The negative ions of a protonation label: 2 of ``2 HSO4⁻ · 2 NH4⁺``."""
    parts = [part.strip() for part in state.split("·")]
    return sum(int(n) if (n := part.split(" ")[0]).isdecimal() else 1 for part in parts if part.endswith("⁻"))


def _bars(axes, values: np.ndarray, k: int, of: int, colour: str, label: str) -> None:
    kinds, counts = np.unique(values, return_counts=True)
    axes.bar(kinds + (k - (of - 1) / 2) * 0.8 / of, counts, width=0.8 / of, color=colour, label=label)
    axes.xaxis.get_major_locator().set_params(integer=True)


def commonest(states: Mapping[str, int], count: int = 2) -> Sequence[str]:
    """The most common protonation labels with their shares, for one line."""
    total = sum(states.values())
    found = [f"{state} {100 * n / total:.0f} %" for state, n in list(states.items())[:count]]
    return found + ([f"{len(states) - count} more"] if len(states) > count else [])
