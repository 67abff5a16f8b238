"""PaiNN in plain batched PyTorch: the reference of the fused kernels, and the path for GPUs.

Filters are evaluated exactly, forces come from autograd. Same interface as :class:`.network.Network`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import PotentialError
from ...units import COULOMB
from .batches import CHUNK_ATOMS, DEVICE_ATOMS
from .parameters import (
    CHARGE_BIAS,
    CHARGE_WEIGHT,
    EMBEDDING,
    FILTER_BIAS,
    FILTER_WEIGHT,
    FREQUENCIES,
    OFFSETS,
    WIDTHS,
    PaiNNParameters,
    require,
)


@dataclass(frozen=True)
class TorchPairs:
    """All ordered pairs (i, j) within the cutoff.

    Attributes:
        i, j: (E,) int64. positions: (N, 3) float64, Å.
        distance: (E,) Å. ptr: (B + 1,).
    """

    i: np.ndarray
    j: np.ndarray
    positions: np.ndarray
    distance: np.ndarray
    ptr: np.ndarray

    def contacts(self, numbers: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`.geometry.Pairs.contacts`."""
        worst, pair = np.zeros(len(self.ptr) - 1), np.zeros((len(self.ptr) - 1, 2), np.int64)
        with np.errstate(divide="ignore"):
            within = limits[numbers[self.i], numbers[self.j]] / self.distance
        for s, (first, last) in enumerate(itertools.pairwise(np.searchsorted(self.i, self.ptr))):
            if last > first:
                k = first + int(within[first:last].argmax())
                worst[s], pair[s] = within[k], sorted((self.i[k] - self.ptr[s], self.j[k] - self.ptr[s]))
        return worst, pair


class TorchNetwork:
    """The network on a torch device."""

    def __init__(self, params: PaiNNParameters, dtype=np.float32, device: str = "cpu"):
        self.torch = require("torch", "the PyTorch engine of PaiNN")
        self.architecture, self.device = params.architecture, device
        self.dtype = self.torch.float64 if np.dtype(dtype) == np.float64 else self.torch.float32
        try:
            self.torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:  # the latter where torch was built without CUDA
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise PotentialError(
                f"PaiNN cannot run on the device {device!r} here: {reason}; use device='cpu'"
            ) from error
        self.chunk_atoms = CHUNK_ATOMS if device == "cpu" else DEVICE_ATOMS
        self.set_weights(params.arrays)

    def set_weights(self, arrays: dict[str, np.ndarray]) -> None:
        """Take new weights (same names and shapes as ``PaiNNParameters.arrays``)."""
        make = self.torch.tensor
        self.weights = {k: make(np.asarray(v), dtype=self.dtype, device=self.device) for k, v in arrays.items()}

    @property
    def geometry_key(self) -> tuple:
        """Networks with the same key can share :meth:`pairs`."""
        return ("torch", self.architecture.cutoff)

    def pairs(self, positions: np.ndarray, ptr: np.ndarray) -> TorchPairs:
        """See :class:`TorchPairs`; by brute force."""
        first, second, distances = [], [], []
        for start, stop in zip(ptr[:-1], ptr[1:]):
            delta = positions[start:stop, None] - positions[None, start:stop]
            distance = np.sqrt((delta**2).sum(-1))
            np.fill_diagonal(distance, np.inf)
            i, j = np.nonzero(distance < self.architecture.cutoff)
            first.append(i + start)
            second.append(j + start)
            distances.append(distance[i, j])
        join = lambda parts: np.concatenate(parts) if parts else np.zeros(0, np.int64)  # noqa: E731
        return TorchPairs(join(first), join(second), positions, join(distances), ptr)

    def evaluate(self, numbers: np.ndarray, ptr: np.ndarray, pairs: TorchPairs, forces: bool = True):
        """Sums of atomic outputs (B,) and their negative derivatives (N, 3), float64, in the network's unit."""
        torch, b = self.torch, len(ptr) - 1
        structure = self._index(np.repeat(np.arange(b), np.diff(ptr)))
        x = torch.tensor(pairs.positions, dtype=self.dtype, device=self.device, requires_grad=forces)
        with torch.set_grad_enabled(forces):
            atomic, charges = self.outputs(self._index(numbers), x, self._index(pairs.i), self._index(pairs.j))
            total = torch.zeros(b, dtype=self.dtype, device=self.device).index_add(0, structure, atomic)
            if charges is not None:
                total = total + charge_energy(torch, x, structure, charges, self.architecture.charge_width, b)
            if self.architecture.aggregation == "avg":
                total = total / self._index(np.maximum(np.diff(ptr), 1))
            gradient = None
            if forces and total.requires_grad:
                gradient = -torch.autograd.grad(total.sum(), x)[0].double().cpu().numpy()
            elif forces:
                gradient = np.zeros((len(numbers), 3))
        return total.detach().double().cpu().numpy(), gradient

    def _index(self, array: np.ndarray) -> Any:
        return self.torch.tensor(np.asarray(array, np.int64), device=self.device)

    def outputs(self, numbers: Any, x: Any, i: Any, j: Any) -> tuple[Any, Any]:
        """(N,) atomic energies and charges (None if the network has none); differentiable in positions and weights."""
        w, linear, last = self.weights, self.torch.nn.functional.linear, len(self.architecture.output_widths) - 2
        hidden, charges = self.hidden(numbers, x, i, j), None
        if self.architecture.charge_width:
            charges = linear(hidden, w[CHARGE_WEIGHT], w[CHARGE_BIAS])[:, 0]
        name = f"output_modules.0.outnet.{last}"
        return linear(hidden, w[f"{name}.weight"], w[f"{name}.bias"])[:, 0], charges

    def hidden(self, numbers: Any, x: Any, i: Any, j: Any) -> Any:
        """(N, H) what energies and charges are linear in: the last hidden layer of the output network."""
        torch, a, w = self.torch, self.architecture, self.weights
        f, linear = a.n_atom_basis, torch.nn.functional.linear
        r = x[j] - x[i]
        d = torch.linalg.vector_norm(r, dim=1, keepdim=True)
        u = r / d
        filters = linear(self._radial(d), w[FILTER_WEIGHT], w[FILTER_BIAS]) * self._cutoff(d)
        q = w[EMBEDDING][numbers]
        mu = torch.zeros(len(q), 3, f, dtype=self.dtype, device=self.device)
        for layer in range(a.n_interactions):
            own = 0 if a.shared_interactions else layer
            wij = filters if a.shared_filters else filters[:, 3 * f * layer : 3 * f * (layer + 1)]
            base = f"representation.interactions.{own}.interatomic_context_net"
            y = self._mlp(q, base)
            dq, dr, dm = (wij * y[j]).split(f, dim=1)
            messages = dr[:, None] * u[:, :, None] + dm[:, None] * mu[j]
            q, mu = q.index_add(0, i, dq), mu.index_add(0, i, messages)
            base = f"representation.mixing.{own}"
            v, k = linear(mu, w[f"{base}.mu_channel_mix.weight"]).split(f, dim=2)
            norm = torch.sqrt((v**2).sum(1) + a.epsilon)
            ya, yb, yc = self._mlp(torch.cat([q, norm], 1), f"{base}.intraatomic_context_net").split(f, dim=1)
            q, mu = q + ya + yc * (v * k).sum(1), mu + yb[:, None] * k
        for m in range(len(a.output_widths) - 2):
            name = f"output_modules.0.outnet.{m}"
            q = self._activate(linear(q, w[f"{name}.weight"], w[f"{name}.bias"]), a.output_activation)
        return q

    def _mlp(self, q: Any, base: str) -> Any:
        w, linear = self.weights, self.torch.nn.functional.linear
        h = self._activate(linear(q, w[f"{base}.0.weight"], w[f"{base}.0.bias"]), self.architecture.activation)
        return linear(h, w[f"{base}.1.weight"], w[f"{base}.1.bias"])

    def _activate(self, x: Any, name: str) -> Any:
        functional = self.torch.nn.functional
        return functional.silu(x) if name == "silu" else functional.softplus(x) - float(np.log(2.0))

    def _radial(self, d: Any) -> Any:
        torch, w = self.torch, self.weights
        if self.architecture.radial_basis == "bessel":
            return torch.sin(d * w[FREQUENCIES]) / d
        return torch.exp(-0.5 * ((d - w[OFFSETS]) / w[WIDTHS]) ** 2)

    def _cutoff(self, d: Any) -> Any:
        torch, a = self.torch, self.architecture
        if a.cutoff_function == "cosine":
            return 0.5 * (torch.cos(d * (np.pi / a.cutoff)) + 1.0) * (d < a.cutoff)
        inside = d + a.mollifier_epsilon < a.cutoff
        return torch.where(inside, torch.exp(1.0 - 1.0 / (1.0 - torch.where(inside, d / a.cutoff, 0.0) ** 2)), 0.0)


def charge_energy(torch: Any, x: Any, structure: Any, charges: Any, width: float, b: int) -> Any:
    """(B,) eV, as :func:`.coulomb.coulomb`, of a batch in torch.

    Args:
        x: (N, 3) Å. structure: (N,) which structure an atom belongs to, ascending. charges: (N,) e. width: Å.
        b: structures.
    """
    zeros = torch.zeros(b, dtype=x.dtype, device=x.device)
    natoms = torch.bincount(structure, minlength=b)
    charges = charges - (zeros.index_add(0, structure, charges) / natoms.clamp(min=1))[structure]
    starts = (torch.cumsum(natoms, 0) - natoms).tolist()
    pairs = [torch.triu_indices(n, n, 1, device=x.device) + s for n, s in zip(natoms.tolist(), starts)]
    first, second = torch.cat(pairs, dim=1)
    r = torch.linalg.vector_norm(x[first] - x[second], dim=1)
    pair = COULOMB * charges[first] * charges[second] * torch.erf(r / (math.sqrt(2.0) * width)) / r
    return zeros.index_add(0, structure[first], pair)
