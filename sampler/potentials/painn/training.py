"""Loss and weight gradients with the fused kernels.

The gradient of a force loss needs a second derivative. With v = dL/dF it is a directional derivative of the weight
gradient of the energy, taken as a central difference along v:

    sum_a v_a dF_a/dw  =  -(dE/dw(R + h v) - dE/dw(R - h v)) / 2h,

so that one batch of two displaced copies of every structure, with seeds of opposite sign, gives the energy and the
force part at once. The same trick serves Hessian-vector products (Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...clusters import Clusters
from ...errors import InputError, ModelError
from .batches import chunk_bounds
from .network import Network, aligned, cut_down, layer_names
from .parameters import CHARGE_BIAS, CHARGE_WEIGHT, EMBEDDING, FILTER_BIAS, FILTER_WEIGHT, PaiNNParameters, shapes
from .radial import filter_gradients

LOSSES = ("mse", "mae")
# Rounding grows below, truncation above: norms of nearly vanishing vectors (epsilon 1e-8) bend within 1e-4 Å.
_STEP = {np.dtype(np.float32): 2e-4, np.dtype(np.float64): 1e-6}


@dataclass(frozen=True)
class Report:
    """What the model said before the step, in the network's own units.

    Attributes:
        energy: (B,). forces: (N, 3) per Å, None without a force target.
        energy_loss, force_loss: the two parts of the loss, before their weights.
    """

    energy: np.ndarray
    forces: np.ndarray | None
    energy_loss: float
    force_loss: float


class Trainer:
    """Gradients of a loss with respect to all weights; the optimiser lives elsewhere."""

    def __init__(self, params: PaiNNParameters, dtype=np.float32, step: float | None = None):
        """
        Args:
            params: start weights. dtype: float32 or float64.
            step: largest displacement of a coordinate for the force loss, Å; default 2e-4 (double: 1e-6).

        Raises:
            ModelError: a trainable radial basis, which the tabulated filters cannot train.
        """
        if params.architecture.trainable_basis:
            raise ModelError("the fused kernels cannot train the radial basis; use the schnetpack engine")
        self.params = params
        self.network = Network(params, dtype)
        self.step = _STEP[self.network.dtype] if step is None else float(step)

    def set_weights(self, arrays: dict[str, np.ndarray]) -> None:
        """Take new weights, e.g. after an optimiser step: the keys of ``params.arrays``, or some of them."""
        self.params = self.params.replace(arrays={**self.params.arrays, **arrays})
        self.network.set_weights(self.params.arrays)

    def loss_and_gradients(
        self,
        clusters: Clusters,
        energy_target: np.ndarray,
        force_target: np.ndarray | None = None,
        *,
        energy_weight: float = 1.0,
        force_weight: float = 1.0,
        energy_loss: str = "mse",
        force_loss: str = "mse",
        energy_per_atom: bool = False,
    ) -> tuple[float, dict[str, np.ndarray], Report]:
        """Loss, its gradients (keys and shapes of the trainable ``params.arrays``) and the predictions.

        ``loss = energy_weight * mean_b(l(E_b)) + force_weight * mean over the 3N components (l(F))``.

        Args:
            clusters: B structures with N atoms; their own energies are not read.
            energy_target: (B,) in the network's unit: what the network is to predict, offsets (mean, atomref)
                included, reference energies not.
            force_target: (N, 3) in the network's unit per Å, or None for energies alone.
            energy_loss, force_loss: ``mse`` or ``mae``.
            energy_per_atom: divide each energy error by the number of atoms of its structure.

        Raises:
            InputError: shapes that do not fit, an unknown loss.
        """
        for name in (energy_loss, force_loss):
            if name not in LOSSES:
                raise InputError(f"unknown loss {name!r}; choose one of {', '.join(LOSSES)}")
        b, n = len(clusters), len(clusters.numbers)
        if np.shape(energy_target) != (b,) or (force_target is not None and np.shape(force_target) != (n, 3)):
            raise InputError(f"targets do not fit {b} structures of {n} atoms")
        numbers, ptr, net = clusters.numbers, clusters.ptr, self.network
        structure, natoms = clusters.structure_of_atom, clusters.natoms
        with_forces = force_target is not None and force_weight != 0.0
        offset = self.params.offset(numbers, structure, b)
        energy = np.empty(b)
        forces = np.zeros((n, 3)) if with_forces else None
        gradients = _Sums(net)
        e_loss = f_loss = 0.0
        for start, stop in chunk_bounds(ptr, net.chunk_atoms if with_forces else 2 * net.chunk_atoms):
            atoms = slice(int(ptr[start]), int(ptr[stop]))
            z, own = numbers[atoms], ptr[start : stop + 1] - ptr[start]
            r = clusters.positions[atoms]
            pairs = net.pairs(r, own)
            done = net.forward(z, pairs)
            energy[start:stop] = done.energy + offset[start:stop]
            error = energy[start:stop] - np.asarray(energy_target)[start:stop]
            scale = 1.0 / natoms[start:stop] if energy_per_atom else np.ones(stop - start)
            part, slope = _loss(error * scale, energy_loss)
            e_loss += part / b
            seeds = energy_weight * slope * scale / b
            inside = np.repeat(np.arange(stop - start), natoms[start:stop])
            if forces is None:  # the forward pass is still in the work space
                gradients.add(z, pairs, seeds, done)
                continue
            forces[atoms] = f = net.forces(z, pairs, done)
            part, v = _loss(f - np.asarray(force_target)[atoms], force_loss)
            f_loss += part / (3 * n)
            v *= force_weight / (3 * n)
            largest = np.maximum.reduceat(np.abs(v).max(axis=1), own[:-1])
            h = self.step / np.maximum(largest, 1e-300)
            moved = np.where(largest > 0, h, 0.0)[inside, None] * v
            curl = np.where(largest > 0, 0.5 / h, 0.0)
            both = np.concatenate([r + moved, r - moved])
            both_ptr = np.concatenate([own, own[1:] + own[-1]])
            pairs = net.pairs(both, both_ptr)
            twice = np.concatenate([z, z])
            seeds = np.concatenate([0.5 * seeds - curl, 0.5 * seeds + curl])
            gradients.add(twice, pairs, seeds, net.forward(twice, pairs))
        loss = energy_weight * e_loss + (force_weight * f_loss if with_forces else 0.0)
        return loss, gradients.named(), Report(energy, forces, e_loss, f_loss)


def _loss(error: np.ndarray, kind: str) -> tuple[float, np.ndarray]:
    """Sum of the losses and the derivative of each."""
    if kind == "mse":
        return float((error**2).sum()), 2.0 * error
    return float(np.abs(error).sum()), np.sign(error)


class _Sums:
    """Gradients in the layout of the kernels, summed over chunks."""

    def __init__(self, network: Network):
        self.network, lay = network, network.layout
        self.table = aligned(network.table.size, network.dtype, zeros=True)
        self.dense = aligned(lay.gradients + 16, network.dtype, zeros=True)
        self.embedding = aligned(network.embedding.size, network.dtype, zeros=True)

    def add(self, numbers: np.ndarray, pairs, seeds: np.ndarray, done) -> None:
        """Add d(sum of seeds * energies)/d(weights) of the forward pass that just ran."""
        self.network.backward(numbers, pairs, seeds, done, self.table, self.dense, self.embedding)

    def named(self) -> dict[str, np.ndarray]:
        """Name -> gradient, in the shapes of the weights."""
        net, lay, a = self.network, self.network.layout, self.network.architecture
        f, w = a.n_atom_basis, lay.width
        found = {EMBEDDING: self.embedding.reshape(a.max_z, w)[:, :f].copy()}
        found[FILTER_WEIGHT], found[FILTER_BIAS] = filter_gradients(a, net.basis, self.table, w)
        known = shapes(a)
        for layer in range(1 if a.shared_interactions else a.n_interactions):
            for column, name in layer_names(a, layer):
                wide = tuple(s // f * w for s in known[name])
                spot = lay.g_offsets[layer, column]
                found[name] = cut_down(self.dense[spot : spot + int(np.prod(wide))].reshape(wide), f, w).copy()
        for m in range(len(lay.output_widths) - 1):
            n_in, n_out = int(lay.output_widths[m]), int(lay.output_widths[m + 1])
            own_in, own_out = a.output_widths[m], a.output_widths[m + 1]
            weight, bias = lay.go_offsets[m]
            matrix = self.dense[weight : weight + n_in * n_out].reshape(n_out, n_in)
            found[f"output_modules.0.outnet.{m}.weight"] = matrix[:own_out, :own_in].copy()
            found[f"output_modules.0.outnet.{m}.bias"] = self.dense[bias : bias + own_out].copy()
        if a.charge_width:
            weight, bias = lay.go_offsets[-1]
            found[CHARGE_WEIGHT] = self.dense[weight : weight + a.output_widths[-2]].reshape(1, -1).copy()
            found[CHARGE_BIAS] = self.dense[bias : bias + 1].copy()
        return found
