"""Latent charges: what a network with a cutoff cannot see, the interaction of ions at any distance.

Each atom has a charge that the network reads off its features, as it does the atomic energy; what is missing to
neutrality is shared equally by the atoms of a structure (Unke & Meuwly 2019, doi:10.1021/acs.jctc.9b00181). The charges
are Gaussians of one width and interact by Coulomb's law without a cutoff:

    E = sum over pairs i < j of k q_i q_j erf(r_ij / (sqrt(2) width)) / r_ij.

They are learnt from energies and forces alone (Cheng 2025, doi:10.1038/s41524-025-01577-7).
"""

from __future__ import annotations

import math

import numpy as np

from ...compiled import compiled
from ...units import COULOMB


@compiled(error_model="numpy")
def coulomb(positions, ptr, charges, width, energy, slope, gradient):
    """Energy of Gaussian charges, made neutral, and its derivatives.

    Args:
        positions: (N, 3) Å. ptr: (B + 1,). charges: (N,) e, shifted here so that each structure is neutral. width: Å.
        energy: (B,) eV, added to. slope: (N,) eV/e, the derivative by the charges that were given, overwritten.
        gradient: (N, 3) eV/Å, the derivative by the positions at fixed charges, overwritten.
    """
    scale = 1.0 / (math.sqrt(2.0) * width)
    rise = 2.0 / math.sqrt(math.pi) * scale
    slope[:] = 0.0
    gradient[:] = 0.0
    for s in range(len(ptr) - 1):
        natoms, total, mean = ptr[s + 1] - ptr[s], 0.0, 0.0
        for i in range(ptr[s], ptr[s + 1]):
            mean += charges[i] / natoms
        for i in range(ptr[s], ptr[s + 1]):
            charges[i] -= mean
        for i in range(ptr[s], ptr[s + 1]):
            qi = COULOMB * charges[i]
            pull_x, pull_y, pull_z, felt = 0.0, 0.0, 0.0, 0.0
            for j in range(i + 1, ptr[s + 1]):
                dx = positions[j, 0] - positions[i, 0]
                dy = positions[j, 1] - positions[i, 1]
                dz = positions[j, 2] - positions[i, 2]
                r2 = dx * dx + dy * dy + dz * dz
                r = math.sqrt(r2)
                a = r * scale
                phi = math.erf(a) / r
                qj = charges[j]
                felt += phi * qj
                slope[j] += phi * qi
                # (dphi/dr) / r, times the charges
                steep = qi * qj * (rise * math.exp(-a * a) - phi) / r2
                pull_x += steep * dx
                pull_y += steep * dy
                pull_z += steep * dz
                gradient[j, 0] += steep * dx
                gradient[j, 1] += steep * dy
                gradient[j, 2] += steep * dz
            slope[i] += COULOMB * felt
            total += qi * felt
            gradient[i, 0] -= pull_x
            gradient[i, 1] -= pull_y
            gradient[i, 2] -= pull_z
        energy[s] += total
        mean = 0.0
        for i in range(ptr[s], ptr[s + 1]):
            mean += slope[i] / natoms
        for i in range(ptr[s], ptr[s + 1]):
            slope[i] -= mean


def interact(positions: np.ndarray, ptr: np.ndarray, charges: np.ndarray, width: float, energy: np.ndarray):
    """Add the energies of the charges to ``energy`` (B,); slope (N,) and gradient (N, 3), see :func:`coulomb`."""
    slope, gradient = np.empty(len(charges)), np.empty((len(charges), 3))
    coulomb(positions, ptr, charges.astype(np.float64), float(width), energy, slope, gradient)
    return slope, gradient
