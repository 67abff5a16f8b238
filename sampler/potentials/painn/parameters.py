"""What defines a PaiNN: its architecture and its weights, as plain numpy arrays with SchNetPack's names."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import InputError, MissingDependency, ModelError

ACTIVATIONS = ("silu", "shifted_softplus")
RADIAL_BASES = ("gaussian", "gaussian_centered", "bessel")
CUTOFF_FUNCTIONS = ("cosine", "mollifier")

EMBEDDING = "representation.embedding.weight"
FILTER_WEIGHT, FILTER_BIAS = "representation.filter_net.weight", "representation.filter_net.bias"
OFFSETS, WIDTHS, FREQUENCIES = (f"representation.radial_basis.{n}" for n in ("offsets", "widths", "freqs"))
CHARGE_WEIGHT, CHARGE_BIAS = "output_modules.0.charge.weight", "output_modules.0.charge.bias"


@dataclass(frozen=True)
class Architecture:
    """The hyperparameters of SchNetPack's ``PaiNN`` and ``Atomwise``.

    Attributes:
        n_atom_basis: features F. n_interactions: layers. n_rbf: radial functions.
        cutoff: Å. cutoff_function: one of CUTOFF_FUNCTIONS. mollifier_epsilon: its offset, Å.
        radial_basis: one of RADIAL_BASES.
        activation: of the representation, output_activation: of the output network; each of ACTIVATIONS.
        epsilon: added to the squared norms of vectors.
        shared_interactions, shared_filters: one set of weights for all layers.
        output_widths: widths of the output network from F to 1, e.g. (128, 64, 1).
        aggregation: ``sum`` or ``avg`` over atoms.
        max_z: rows of the embedding.
        trainable_basis: offsets and widths of a Gaussian basis were trained.
        charge_width: Å, width of latent charges that interact at any distance, see :mod:`.coulomb`; 0 is none.
    """

    n_atom_basis: int = 128
    n_interactions: int = 5
    n_rbf: int = 20
    cutoff: float = 5.0
    cutoff_function: str = "cosine"
    mollifier_epsilon: float = 1.0e-7
    radial_basis: str = "gaussian"
    activation: str = "silu"
    output_activation: str = "silu"
    epsilon: float = 1e-8
    shared_interactions: bool = False
    shared_filters: bool = False
    output_widths: tuple[int, ...] = ()
    aggregation: str = "sum"
    max_z: int = 100
    trainable_basis: bool = False
    charge_width: float = 0.0

    def __post_init__(self):
        allowed = {
            "cutoff_function": CUTOFF_FUNCTIONS,
            "radial_basis": RADIAL_BASES,
            "activation": ACTIVATIONS,
            "output_activation": ACTIVATIONS,
            "aggregation": ("sum", "avg"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise InputError(f"{name} is {getattr(self, name)!r}; supported: {', '.join(values)}")
        for name in ("n_atom_basis", "n_interactions", "n_rbf", "max_z"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be positive")
        if not self.cutoff > 0:
            raise InputError(f"cutoff is {self.cutoff} Å; it must be positive")
        if not 0 <= self.charge_width < 100:
            raise InputError(f"charge_width is {self.charge_width} Å; it must be positive, or 0 for no charges")
        if self.charge_width and self.aggregation != "sum":
            raise InputError("charges need energies that are sums over the atoms: aggregation = 'sum'")
        if self.n_rbf < 2 and self.radial_basis != "bessel":
            raise InputError("n_rbf must be at least 2 for a Gaussian basis")
        if not self.output_widths:
            f = self.n_atom_basis
            object.__setattr__(self, "output_widths", (f, max(1, f // 2), 1))
        object.__setattr__(self, "output_widths", tuple(int(w) for w in self.output_widths))
        if self.output_widths[0] != self.n_atom_basis or self.output_widths[-1] != 1:
            raise InputError(f"output_widths {self.output_widths} must run from {self.n_atom_basis} to 1")


def shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every weight, in SchNetPack's order; weights of layers are (out, in)."""
    f, layers = a.n_atom_basis, 1 if a.shared_interactions else a.n_interactions
    found: dict[str, tuple[int, ...]] = {}
    if a.radial_basis == "bessel":
        found[FREQUENCIES] = (a.n_rbf,)
    else:
        found[WIDTHS], found[OFFSETS] = (a.n_rbf,), (a.n_rbf,)
    found[EMBEDDING] = (a.max_z, f)
    rows = 3 * f * (1 if a.shared_filters else a.n_interactions)
    found[FILTER_WEIGHT], found[FILTER_BIAS] = (rows, a.n_rbf), (rows,)
    for i in range(layers):
        base = f"representation.interactions.{i}.interatomic_context_net"
        found[f"{base}.0.weight"], found[f"{base}.0.bias"] = (f, f), (f,)
        found[f"{base}.1.weight"], found[f"{base}.1.bias"] = (3 * f, f), (3 * f,)
    for i in range(layers):
        base = f"representation.mixing.{i}"
        found[f"{base}.intraatomic_context_net.0.weight"] = (f, 2 * f)
        found[f"{base}.intraatomic_context_net.0.bias"] = (f,)
        found[f"{base}.intraatomic_context_net.1.weight"] = (3 * f, f)
        found[f"{base}.intraatomic_context_net.1.bias"] = (3 * f,)
        found[f"{base}.mu_channel_mix.weight"] = (2 * f, f)
    for i, (n_in, n_out) in enumerate(zip(a.output_widths, a.output_widths[1:])):
        found[f"output_modules.0.outnet.{i}.weight"] = (n_out, n_in)
        found[f"output_modules.0.outnet.{i}.bias"] = (n_out,)
    if a.charge_width:
        found[CHARGE_WEIGHT], found[CHARGE_BIAS] = (1, a.output_widths[-2]), (1,)
    return found


@dataclass(frozen=True)
class PaiNNParameters:
    """An architecture with its weights.

    The network's energy is ``sum of atomic outputs + mean * n_atoms + sum of atomref[Z]`` in ``energy_unit``.

    Attributes:
        architecture: see :class:`Architecture`.
        arrays: name -> array, names and shapes of :func:`shapes`.
        mean: added per atom (SchNetPack's AddOffsets), in ``energy_unit``.
        atomref: (max_z,) added per element, in ``energy_unit``; None is zero.
        energy_unit: eV per unit of energy of the network (1 for eV, 0.0434 for kcal/mol).
    """

    architecture: Architecture
    arrays: dict[str, np.ndarray]
    mean: float = 0.0
    atomref: np.ndarray | None = None
    energy_unit: float = 1.0
    extensive: bool = field(default=True)

    def __post_init__(self):
        expected = shapes(self.architecture)
        missing, extra = sorted(set(expected) - set(self.arrays)), sorted(set(self.arrays) - set(expected))
        if missing or extra:
            raise ModelError(f"weights do not fit the architecture: missing {missing[:5]}, unexpected {extra[:5]}")
        for name, shape in expected.items():
            array = self.arrays[name]
            if tuple(array.shape) != shape:
                raise ModelError(f"{name} has the shape {tuple(array.shape)}, the architecture needs {shape}")
            if not np.isfinite(array).all():
                raise ModelError(f"{name} holds values that are not numbers; the model is broken, train it again")
        # always in one order: safetensors gives a dict in another at each opening, and a training flattens it into a vector
        object.__setattr__(self, "arrays", {name: self.arrays[name] for name in expected})
        if self.atomref is not None and len(self.atomref) < self.architecture.max_z:
            short = np.zeros(self.architecture.max_z)
            short[: len(self.atomref)] = self.atomref
            object.__setattr__(self, "atomref", short)

    @property
    def trainable(self) -> tuple[str, ...]:
        """Names of the arrays that a training changes."""
        fixed = set() if self.architecture.trainable_basis else {OFFSETS, WIDTHS}
        return tuple(n for n in self.arrays if n not in fixed | {FREQUENCIES})

    def replace(self, **changes: Any) -> PaiNNParameters:
        return dataclasses.replace(self, **changes)

    def offset(self, numbers: np.ndarray, structure: np.ndarray, b: int) -> np.ndarray:
        """(B,) what is added to the sum of atomic outputs, in ``energy_unit``.

        Args:
            numbers: (N,) atomic numbers. structure: (N,) structure of each atom. b: number of structures.
        """
        natoms = np.bincount(structure, minlength=b)
        total = self.mean * natoms if self.extensive else np.full(b, self.mean)
        if self.atomref is not None:
            refs = np.bincount(structure, weights=self.atomref[numbers], minlength=b)
            total = total + (refs if self.extensive else refs / np.maximum(natoms, 1))
        return total

    @classmethod
    def random(cls, architecture: Architecture | None = None, seed: int = 0, **options: Any) -> PaiNNParameters:
        """Fresh weights, as SchNetPack starts: Xavier-uniform layers, zero biases, normal embedding.

        Charges start small, but not at zero, where the energy has no gradient.

        Args:
            architecture: default 128 features, 5 layers. seed: of the generator.
            options: further attributes (``mean``, ``atomref``, ``energy_unit``).
        """
        a = architecture or Architecture()
        rng = np.random.default_rng(seed)
        arrays = {}
        for name, shape in shapes(a).items():
            if name == FREQUENCIES:
                arrays[name] = np.arange(1, a.n_rbf + 1) * math.pi / a.cutoff
            elif name in (OFFSETS, WIDTHS):
                arrays[name] = _gaussian_start(a)[name]
            elif name == EMBEDDING:
                arrays[name] = rng.normal(size=shape)
            elif len(shape) == 2:
                limit = math.sqrt(6.0 / sum(shape))
                arrays[name] = rng.uniform(-limit, limit, size=shape) * (0.1 if name == CHARGE_WEIGHT else 1.0)
            else:
                arrays[name] = np.zeros(shape)
        return cls(a, {k: v.astype(np.float32) for k, v in arrays.items()}, **options)


def _gaussian_start(a: Architecture) -> dict[str, np.ndarray]:
    if a.radial_basis == "gaussian":
        offsets = np.linspace(0.0, a.cutoff, a.n_rbf)
        return {OFFSETS: offsets, WIDTHS: np.full(a.n_rbf, offsets[1] - offsets[0])}
    return {OFFSETS: np.zeros(a.n_rbf), WIDTHS: np.linspace(1.0, a.cutoff, a.n_rbf)}


def require(package: str, purpose: str):
    """Import ``package`` or raise MissingDependency."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        raise MissingDependency(package, purpose) from error
