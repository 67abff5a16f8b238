"""Displacements of a structure that dynamics rarely makes: protons on their way, molecules turned or drawn apart."""

from __future__ import annotations

import numpy as np


def rattle(positions: np.ndarray, numbers: np.ndarray, molecule: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal displacements of every atom, 0.02 to 0.10 Å. (n, 3) Å in and out, as for all functions here."""
    return positions + rng.normal(0.0, rng.uniform(0.02, 0.10), positions.shape)


def turn(positions: np.ndarray, numbers: np.ndarray, molecule: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One molecule turned about its centre by up to 60° and shifted by up to 0.4 Å."""
    chosen = molecule == rng.integers(molecule.max() + 1)
    body, centre = positions[chosen], positions[chosen].mean(0)
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    angle = rng.uniform(0.1, np.pi / 3)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)
    moved = positions.copy()
    moved[chosen] = (body - centre) @ rotation.T + centre + rng.uniform(-0.23, 0.23, 3)
    return moved


def move_proton(
    positions: np.ndarray, numbers: np.ndarray, molecule: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """A hydrogen of a hydrogen bond D–H…A (D, A nitrogen or oxygen) put anywhere between the two.

    Returns None where there is no hydrogen bond shorter than 2.3 Å between two molecules.
    """
    heavy = np.flatnonzero((numbers == 7) | (numbers == 8))
    bonds = []
    for h in np.flatnonzero(numbers == 1):
        distance = np.linalg.norm(positions[heavy] - positions[h], axis=1)
        donor = heavy[distance.argmin()]
        near = heavy[(distance < 2.3) & (molecule[heavy] != molecule[donor])]
        bonds += [(h, donor, a) for a in near]
    if not bonds:
        return None
    h, donor, acceptor = bonds[rng.integers(len(bonds))]
    moved = positions.copy()
    line = positions[acceptor] - positions[donor]
    length = float(np.linalg.norm(line))
    # both ends keep a bond length; a long bridge is crossed only part of the way
    moved[h] = positions[donor] + line * rng.uniform(min(0.98 / length, 0.5), max(1 - 0.98 / length, 0.5))
    moved[h] += rng.normal(0.0, 0.04, 3)
    return moved


def draw_apart(
    positions: np.ndarray, numbers: np.ndarray, molecule: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """A part of the cluster moved away from the rest by 0.3 to 6 Å; None for a single molecule."""
    molecules = molecule.max() + 1
    if molecules < 2:
        return None
    count = 1 if rng.random() < 0.7 else rng.integers(1, molecules)
    chosen = np.isin(molecule, rng.choice(molecules, size=count, replace=False))
    line = positions[chosen].mean(0) - positions[~chosen].mean(0)
    line /= max(np.linalg.norm(line), 1e-6)
    moved = positions.copy()
    moved[chosen] += line * rng.uniform(0.55, 2.45) ** 2
    return moved


KINDS = {"rattled": rattle, "turned": turn, "proton": move_proton, "apart": draw_apart}
"""Column ``origin`` -> the displacement that makes it."""
