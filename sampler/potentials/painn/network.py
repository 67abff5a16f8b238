"""A PaiNN with its weights packed for the fused kernels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .batches import CHUNK_ATOMS
from .coulomb import interact
from .geometry import Pairs, find_pairs
from .kernels import network as k
from .kernels.elementwise import SHIFTED_SOFTPLUS, SILU, constants
from .kernels.gemm import pack
from .parameters import CHARGE_BIAS, CHARGE_WEIGHT, EMBEDDING, OFFSETS, WIDTHS, Architecture, PaiNNParameters
from .radial import Basis, filter_table, table_size, tabulate
from .shared import map_shared

_TOLERANCE = {np.dtype(np.float32): 2e-7, np.dtype(np.float64): 1e-11}


def aligned(size: int, dtype, zeros: bool = False) -> np.ndarray:
    """(size,) array that starts on a cache line."""
    item = np.dtype(dtype).itemsize
    raw = (np.zeros if zeros else np.empty)(size * item + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * item].view(dtype)


def padded(n: int) -> int:
    """``n`` rounded up to whole half panels."""
    return -(-n // 32) * 32


@dataclass(frozen=True)
class Layout:
    """Where everything lies in the flat arrays that the kernels read.

    Attributes:
        width: features rounded up to a multiple of 32. output_widths: likewise.
        offsets: (layers, 14) into the packed weights. out_offsets: (steps, 3), and a row for the charges, if any.
        g_offsets, go_offsets: the same for the gradients, (out, in) and unpacked.
        weights, gradients: sizes of the two arrays.
    """

    width: int
    output_widths: np.ndarray
    offsets: np.ndarray
    out_offsets: np.ndarray
    g_offsets: np.ndarray
    go_offsets: np.ndarray
    weights: int
    gradients: int

    @classmethod
    def of(cls, a: Architecture) -> Layout:
        w = padded(a.n_atom_basis)
        out = np.array([padded(x) for x in a.output_widths[:-1]] + [1], np.int64)
        unique = 1 if a.shared_interactions else a.n_interactions
        spot, g_spot = 32 + max(3 * w, int(out.max())), 0
        offsets, g_offsets = np.zeros((a.n_interactions, 14), np.int64), np.zeros((a.n_interactions, 9), np.int64)
        sizes = [w * w, w, 3 * w * w, 3 * w, 2 * w * w, w, 3 * w * w, 3 * w, 2 * w * w]
        backward = [w * w, 3 * w * w, 2 * w * w, 3 * w * w, 2 * w * w]
        for layer in range(unique):
            for c, size in enumerate(sizes + backward):
                offsets[layer, c] = spot
                spot += size
            for c, size in enumerate(sizes):
                g_offsets[layer, c] = g_spot
                g_spot += size
        offsets[unique:], g_offsets[unique:] = offsets[:1], g_offsets[:1]
        dense = list(zip(out[:-1].tolist(), out[1:].tolist()))
        if a.charge_width:
            dense.append((int(out[-2]), 1))
        out_offsets, go_offsets = np.zeros((len(dense), 3), np.int64), np.zeros((len(dense), 2), np.int64)
        for m, (n_in, n_out) in enumerate(dense):
            for c, size in enumerate((n_in * n_out, max(n_out, 16), n_in * n_out)):
                out_offsets[m, c] = spot
                spot += size
                if c < 2:
                    go_offsets[m, c] = g_spot
                    g_spot += size
        return cls(w, out, offsets, out_offsets, g_offsets, go_offsets, spot, g_spot)


def layer_names(a: Architecture, layer: int) -> list[tuple[int, str]]:
    """(column of the offset table, name) of the dense layers of one interaction."""
    i = f"representation.interactions.{layer}.interatomic_context_net"
    m = f"representation.mixing.{layer}"
    c = f"{m}.intraatomic_context_net"
    return [(k.W1, f"{i}.0.weight"), (k.B1, f"{i}.0.bias"), (k.W2, f"{i}.1.weight"), (k.B2, f"{i}.1.bias"),
            (k.W3, f"{c}.0.weight"), (k.B3, f"{c}.0.bias"), (k.W4, f"{c}.1.weight"), (k.B4, f"{c}.1.bias"),
            (k.WM, f"{m}.mu_channel_mix.weight")]  # fmt: skip


def blow_up(array: np.ndarray, f: int, width: int) -> np.ndarray:
    """Pad every block of ``f`` rows and columns to ``width`` with zeros."""
    if f == width:
        return array
    rows = array.shape[0] // f
    if array.ndim == 1:
        out = np.zeros((rows, width), array.dtype)
        out[:, :f] = array.reshape(rows, f)
        return out.ravel()
    columns = array.shape[1] // f
    out = np.zeros((rows, width, columns, width), array.dtype)
    out[:, :f, :, :f] = array.reshape(rows, f, columns, f)
    return out.reshape(rows * width, columns * width)


def cut_down(array: np.ndarray, f: int, width: int) -> np.ndarray:
    """The inverse of :func:`blow_up`."""
    if f == width:
        return array
    rows = array.shape[0] // width
    if array.ndim == 1:
        return array.reshape(rows, width)[:, :f].ravel()
    columns = array.shape[1] // width
    return array.reshape(rows, width, columns, width)[:, :f, :, :f].reshape(rows * f, columns * f)


def _pad_to(array: np.ndarray, *shape: int) -> np.ndarray:
    out = np.zeros(shape, array.dtype)
    out[tuple(slice(0, s) for s in array.shape)] = array
    return out


@dataclass(frozen=True)
class Forward:
    """What a forward pass found.

    Attributes:
        energy: (B,) float64, in the network's unit. structure: (N,) of each atom.
        share: (B,) weight of an atomic output where energies are averages, None where they are sums.
        slope, gradient: (N,), (N, 3) derivatives of the energy of the charges by them and, at fixed charges, by the
            positions; None without charges.
    """

    energy: np.ndarray
    structure: np.ndarray
    share: np.ndarray | None = None
    slope: np.ndarray | None = None
    gradient: np.ndarray | None = None


class Network:
    """Weights packed for the kernels, with a work space that grows as needed; for one thread."""

    chunk_atoms = CHUNK_ATOMS

    def __init__(self, params: PaiNNParameters, dtype=np.float32, basis: Basis | None = None):
        self.architecture = a = params.architecture
        self.dtype = np.dtype(dtype)
        self.layout = Layout.of(a)
        wide = {n: v.astype(np.float64) for n, v in params.arrays.items() if n in (OFFSETS, WIDTHS)}
        self.basis = basis or tabulate(a, {**params.arrays, **wide}, _TOLERANCE[self.dtype])
        self.weights = aligned(self.layout.weights, self.dtype, zeros=True)
        self.weights[:32] = constants(self.dtype)
        self._work = aligned(0, self.dtype)
        self.table = aligned(table_size(a, self.basis, self.layout.width), self.dtype)
        self.table_step = 0 if a.shared_filters else self.table.size // a.n_interactions
        self.set_weights(params.arrays)

    def set_weights(self, arrays: dict[str, np.ndarray]) -> None:
        """Pack new weights (same names and shapes as ``PaiNNParameters.arrays``)."""
        a, lay, f, w = self.architecture, self.layout, self.architecture.n_atom_basis, self.layout.width
        put, put_packed = self._put, self._put_packed
        for layer in range(1 if a.shared_interactions else a.n_interactions):
            for column, name in layer_names(a, layer):
                array = blow_up(np.asarray(arrays[name], self.dtype), f, w)
                if array.ndim == 1:
                    put(lay.offsets[layer, column], array)
                else:
                    put_packed(lay.offsets[layer, column], array.T)
                    transposed = k.WMT if column == k.WM else k.W1T + (column - k.W1) // 2
                    put_packed(lay.offsets[layer, transposed], array)
        last = len(lay.output_widths) - 2
        for m in range(last + 1):
            weight = np.asarray(arrays[f"output_modules.0.outnet.{m}.weight"], self.dtype)
            bias = np.asarray(arrays[f"output_modules.0.outnet.{m}.bias"], self.dtype)
            n_in, n_out = int(lay.output_widths[m]), int(lay.output_widths[m + 1])
            weight = _pad_to(weight, n_out, n_in)
            put(lay.out_offsets[m, 1], _pad_to(bias, n_out))
            if m == last:
                put(lay.out_offsets[m, 0], weight.ravel())
            else:
                put_packed(lay.out_offsets[m, 0], weight.T)
                put_packed(lay.out_offsets[m, 2], weight)
        if a.charge_width:
            weight = np.asarray(arrays[CHARGE_WEIGHT], self.dtype)
            put(lay.out_offsets[last + 1, 0], _pad_to(weight, 1, int(lay.output_widths[last])))
            put(lay.out_offsets[last + 1, 1], np.asarray(arrays[CHARGE_BIAS], self.dtype))
        self.embedding = _pad_to(np.asarray(arrays[EMBEDDING], self.dtype), a.max_z, w).ravel()
        filter_table(a, arrays, self.basis, w, self.table)

    def share(self, path: Path) -> None:
        """Let weights and filters lie in memory that all processes with this model map; see :mod:`.shared`."""
        self.weights, self.table, self.embedding = map_shared([self.weights, self.table, self.embedding], path)

    def _put(self, offset: int, array: np.ndarray) -> None:
        self.weights[offset : offset + array.size] = array.ravel()

    def _put_packed(self, offset: int, matrix: np.ndarray) -> None:
        pack(matrix, self.weights[offset : offset + matrix.size])

    @property
    def geometry_key(self) -> tuple:
        """Networks with the same key can share :meth:`pairs`."""
        return ("fused", self.architecture.cutoff, self.basis.knots, self.dtype)

    def pairs(self, positions: np.ndarray, ptr: np.ndarray) -> Pairs:
        return find_pairs(positions, ptr, self.architecture.cutoff, self.basis.spacing, self.basis.knots, self.dtype)

    def work(self, n: int) -> np.ndarray:
        size = k.work_size(n, self.layout.width, self.architecture.n_interactions, tuple(self.layout.output_widths))
        if len(self._work) < size:
            self._work = aligned(size, self.dtype)
        return self._work

    def forward(self, numbers: np.ndarray, pairs: Pairs) -> Forward:
        """Energies; leaves in the work space what :meth:`forces` and :meth:`backward` need."""
        a, lay, n, ptr = self.architecture, self.layout, len(numbers), pairs.ptr
        atomic, charges = np.empty(n, self.dtype), np.empty(n if a.charge_width else 0, self.dtype)
        kind = {"silu": SILU, "shifted_softplus": SHIFTED_SOFTPLUS}
        k.forward(
            numbers, pairs.first, pairs.partner, pairs.knot, pairs.geometry, self.table, self.table_step,
            self.basis.knots, self.weights, lay.offsets, self.embedding, lay.out_offsets, lay.output_widths,
            lay.width, a.n_interactions, kind[a.activation], kind[a.output_activation],
            self.dtype.type(a.epsilon), self.work(n), atomic, charges,
        )  # fmt: skip
        natoms = np.diff(ptr)
        structure = np.repeat(np.arange(len(natoms)), natoms)
        energy = np.bincount(structure, weights=atomic.astype(np.float64), minlength=len(natoms))
        if a.aggregation == "avg":
            share = 1.0 / np.maximum(natoms, 1)
            return Forward(energy * share, structure, share)
        if not a.charge_width:
            return Forward(energy, structure)
        slope, gradient = interact(pairs.positions, ptr, charges, a.charge_width, energy)
        return Forward(energy, structure, None, slope, gradient)

    def hidden(self, n: int) -> np.ndarray:
        """(N, H) what atomic energies and charges are linear in, of the forward pass of N atoms that just ran."""
        widths, layers = self.layout.output_widths, self.architecture.n_interactions
        start = k.LAYER * layers * n * self.layout.width
        if len(widths) > 2:
            start += k.SCRATCH * n * self.layout.width + 2 * n * int(widths[1:-2].sum())
        width = int(widths[-2])
        found = self._work[start : start + n * width].reshape(n, width)
        return found[:, : self.architecture.output_widths[-2]].copy()

    def forces(self, numbers: np.ndarray, pairs: Pairs, done: Forward) -> np.ndarray:
        """(N, 3) float64, the negative gradients of the energies of the forward pass that just ran."""
        gradient = aligned(4 * len(pairs.partner), self.dtype, zeros=True)
        none = np.zeros(0, self.dtype)
        self._backward(numbers, pairs, np.ones(len(done.energy)), done, False, gradient, none, none, none)
        forces = np.zeros((len(numbers), 3))
        k.forces_from_pairs(pairs.first, pairs.partner, pairs.geometry, gradient, len(numbers), forces, 1.0)
        if done.gradient is not None:
            forces -= done.gradient
        return forces

    def backward(self, numbers, pairs: Pairs, seeds: np.ndarray, done: Forward, table, dense, embedding) -> None:
        """Add d(sum of seeds * energies)/d(weights) to the last three, in the kernels' layout; seeds (B,).

        After the forward pass whose result is ``done``.
        """
        self._backward(numbers, pairs, seeds, done, True, np.zeros(0, self.dtype), table, dense, embedding)

    def _backward(self, numbers, pairs, seeds, done: Forward, training, gradient, tg, gw, ge) -> None:
        a, lay = self.architecture, self.layout
        kernel = k.backward_training if training else k.backward_forces
        atomic = (seeds if done.share is None else seeds * done.share)[done.structure]
        charges = np.zeros(0) if done.slope is None else atomic * done.slope
        kernel(
            atomic.astype(self.dtype), charges.astype(self.dtype), numbers, pairs.first, pairs.partner, pairs.knot,
            pairs.geometry, self.table, self.table_step, self.basis.knots, self.weights, lay.offsets, lay.out_offsets,
            lay.output_widths, lay.width, a.n_interactions, self.work(len(numbers)), gradient, tg, gw,
            lay.g_offsets, lay.go_offsets, ge,
        )  # fmt: skip

    def evaluate(self, numbers: np.ndarray, ptr: np.ndarray, pairs: Pairs, forces: bool = True):
        """Energies (B,) and their negative derivatives (N, 3), float64, in the network's unit."""
        done = self.forward(numbers, pairs)
        return done.energy, self.forces(numbers, pairs, done) if forces else None
