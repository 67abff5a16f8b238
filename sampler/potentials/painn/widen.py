"""A network as the start of a larger one that computes the same (Net2Net, Chen et al. 2016, arXiv:1511.05641)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...errors import ModelError
from .parameters import (
    CHARGE_BIAS,
    CHARGE_WEIGHT,
    EMBEDDING,
    FILTER_BIAS,
    FILTER_WEIGHT,
    Architecture,
    PaiNNParameters,
    shapes,
)

_LAYERS = ("representation.interactions.", "representation.mixing.")
_LAST = ".1.weight"  # the second layer of a context net: what a block adds to the features


def fits(small: Architecture, large: Architecture) -> bool:
    """Can :func:`widen` make ``large`` of ``small``: the same but for features, interactions, the widths of the output,
    and charges that ``small`` has not."""
    same = dataclasses.replace(
        small,
        n_atom_basis=large.n_atom_basis,
        n_interactions=large.n_interactions,
        output_widths=large.output_widths,
        charge_width=small.charge_width or large.charge_width,
    )
    grows = small.n_atom_basis <= large.n_atom_basis and small.n_interactions <= large.n_interactions
    widths = len(small.output_widths) == len(large.output_widths)
    widths = widths and all(a <= b for a, b in zip(small.output_widths, large.output_widths))
    return same == large and grows and widths and not (small.shared_filters or small.shared_interactions)


def widen(params: PaiNNParameters, architecture: Architecture, seed: int | None = 0) -> PaiNNParameters:
    """``params`` in a larger network with the same energies and forces, but for new charges, which start small.

    New features are computed from all, but none of the old is computed from them, and new interactions add
    nothing to the old features: training decides what to make of them.

    Args:
        architecture: as that of ``params``, with at least as many features and interactions.
        seed: of the weights behind new features (as for a fresh network); None: zeros, which training cannot tell
            apart, for measurements.

    Raises:
        ModelError: the architectures differ in something else.
    """
    small = params.architecture
    if not fits(small, architecture):
        raise ModelError(f"a network {small} cannot be widened to {architecture}: more than its size differs")
    fresh = PaiNNParameters.random(architecture, seed=seed or 0).arrays
    if seed is None:
        fresh = {name: np.zeros_like(array) for name, array in fresh.items()}
    f, wide, old = small.n_atom_basis, architecture.n_atom_basis, small.n_interactions
    arrays = {}
    for name, shape in shapes(architecture).items():
        array, there = fresh[name], params.arrays.get(name)
        blocks: np.ndarray
        if name in (FILTER_WEIGHT, FILTER_BIAS):
            rows = array.reshape(architecture.n_interactions, 3, wide, -1)
            rows[:old, :, :f] = params.arrays[name].reshape(old, 3, f, -1)
        elif name == EMBEDDING:
            array[:, :f] = there
        elif name in (CHARGE_WEIGHT, CHARGE_BIAS) and there is None:
            pass
        elif name.startswith("output_modules"):
            held = params.arrays[name]
            array[tuple(slice(0, s) for s in held.shape)] = held
            if array.ndim == 2:
                array[: held.shape[0], held.shape[1] :] = 0
        elif not name.startswith(_LAYERS):
            array = params.arrays[name]  # radial basis
        elif array.ndim == 1:
            blocks = array.reshape(-1, wide)
            if there is not None:
                blocks[:, :f] = there.reshape(-1, f)
        else:  # (blocks of out) x (blocks of in)
            blocks = array.reshape(shape[0] // wide, wide, shape[1] // wide, wide)
            if there is not None:
                blocks[:, :f, :, f:] = 0
                blocks[:, :f, :, :f] = there.reshape(shape[0] // wide, f, shape[1] // wide, f)
            elif name.endswith(_LAST):
                blocks[:, :f] = 0
        arrays[name] = array
    return params.replace(architecture=architecture, arrays=arrays)
