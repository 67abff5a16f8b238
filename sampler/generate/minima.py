"""Which minima of the rigid surface are the same."""

from __future__ import annotations

import numpy as np

from ..similarity import frameworks
from .rigid import Poses, RigidSystem, coordinates


def shape_of(system: RigidSystem, poses: Poses) -> np.ndarray:
    """(B, 4) Å: the principal radii of gyration of all atoms, and that of the molecules' centres.

    Unchanged by rotation, by mirroring and by the exchange of like molecules.
    """
    x = coordinates(system, poses)
    x -= x.mean(1, keepdims=True)
    tensor = np.einsum("bni,bnj->bij", x, x) / x.shape[1]
    centres = poses.translations - poses.translations.mean(1, keepdims=True)
    spread = np.sqrt((centres**2).sum((1, 2)) / system.molecules)
    return np.column_stack([np.sqrt(np.maximum(np.linalg.eigvalsh(tensor), 0.0)), spread])


def distinct(
    energy: np.ndarray, shape: np.ndarray, *, energy_tolerance: float = 2e-3, shape_tolerance: float = 0.02
) -> np.ndarray:
    """Indices of the distinct minima, lowest first; of equal ones the lowest stays.

    Args:
        energy: (B,) eV. shape: (B, S) Å, see :func:`shape_of`.
        energy_tolerance: eV. shape_tolerance: Å. Two minima are the same where all agree within these.
    """
    from . import rigid_kernels as _kernels

    order = np.argsort(energy, kind="stable")
    order = order[np.isfinite(energy[order])]
    return order[_kernels.first_of_each(energy[order], shape[order], energy_tolerance, shape_tolerance)]


def places(system: RigidSystem, poses: Poses) -> np.ndarray:
    """(B,) how many of the poses before each one have its framework (:mod:`sampler.similarity.frameworks`).

    Here the centre of a molecule is that of its mass, and molecules of one kind are alike only in the same conformer.
    """
    i, j = np.triu_indices(system.molecules, 1)
    r = np.linalg.norm(poses.translations[:, i] - poses.translations[:, j], axis=-1)
    kinds = np.sort([system.kind[i], system.kind[j]], axis=0)
    pair = kinds[0] * (system.kind.max() + 1) + kinds[1]
    marks = [np.sort(r[:, pair == k], axis=1) for k in np.unique(pair)]
    return frameworks.places(frameworks.grouped(np.concatenate([np.empty((len(poses), 0)), *marks], axis=1)))
