"""PaiNN as a potential of this package, alone and as a committee."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...clusters import Clusters
from ...errors import InputError, LevelError, ModelError
from ..base import Evaluation, Potential
from .card import ModelCard, load_model, read_card
from .limits import closest_allowed, refusal, together
from .monomer_energies import Scope
from .parameters import PaiNNParameters

if TYPE_CHECKING:
    from .geometry import Pairs
    from .network import Network
    from .torch_path import TorchNetwork

ENGINES = ("auto", "fused", "torch")


def fused_available() -> bool:
    """Whether numba, which compiles the fused kernels, can be imported."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


def describe_engine() -> str:
    """One line for ``sampler doctor``: which path evaluates PaiNN here, and with which vectors."""
    if not fused_available():
        return "PyTorch (numba is not installed; the fused kernels are about 10 to 25 times faster on a CPU)"
    import llvmlite.binding as llvm
    import numba

    features = llvm.get_host_cpu_features()
    ladder = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("neon", "NEON"))
    vectors = next((name for flag, name in ladder if features.get(flag)), "baseline")
    return f"fused kernels (numba {numba.__version__}, {llvm.get_host_cpu_name()}, {vectors})"


class PaiNNPotential(Potential):
    """A trained PaiNN.

    ``energy`` is the total energy in eV at the card's level: what the network predicts (a binding energy, where the
    card names reference monomers) plus the reference energies of those monomers, so that it can be compared with any
    other energy of that level. ``forces`` are its negative gradient.

    Not for several threads at once: the work space is kept between calls. It may be sent to another process, which
    then loads the model itself.
    """

    level: str
    card: ModelCard

    def __init__(
        self,
        model: Path | str | PaiNNParameters,
        card: ModelCard | None = None,
        *,
        engine: str = "auto",
        device: str = "cpu",
        dtype: str = "float32",
        min_distance: float | None = None,
    ):
        """
        Args:
            model: a model folder, or parameters (then ``card`` says what they are for).
            engine: ``fused`` (numba, CPU), ``torch`` (any device), or ``auto``: fused on a CPU where numba is there.
            device: a torch device; anything but ``cpu`` means the torch engine.
            dtype: ``float32`` or ``float64``.
            min_distance: Å, atoms closer than this are refused; default: what the card says, by pair of elements.

        Raises:
            ModelError: an unusable folder or card, see :mod:`.card`.
            InputError: an unknown option.
        """
        if engine not in ENGINES:
            raise InputError(f"engine is {engine!r}; choose one of {', '.join(ENGINES)}")
        if dtype not in ("float32", "float64"):
            raise InputError(f"dtype is {dtype!r}; choose float32 or float64")
        if engine == "fused" and device != "cpu":
            raise InputError(f"the fused engine runs on the CPU, not on {device!r}; use engine='torch'")
        self._params: PaiNNParameters | None = None
        self.folder: Path | None = None
        if not isinstance(model, PaiNNParameters):
            self.folder = Path(model)
            self.card = read_card(self.folder)
        elif card is None:
            raise ModelError("parameters without a card: pass card=ModelCard(level=..., elements=...)")
        else:
            self._params, self.card = model, card
        self.level = self.card.level
        self.scope = Scope.of(self.card)
        self.limits = closest_allowed(self.card, min_distance)
        if engine == "auto":
            engine = "fused" if device == "cpu" and fused_available() else "torch"
        self.engine, self.device, self.dtype = engine, device, np.dtype(dtype)
        self._network: Network | TorchNetwork | None = None
        self._shared: Path | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}

    @property
    def params(self) -> PaiNNParameters:
        """The weights, loaded on first use and checked against the card."""
        if self._params is None:
            assert self.folder is not None  # the one or the other is given
            self._params = load_model(self.folder)[0]
        return self._params

    @property
    def batch_atoms(self) -> int:
        """Atoms that are worth evaluating together; :func:`sampler.relax.relax` fills its batches with so many."""
        from .batches import DEVICE_ATOMS

        return 300 if self.device == "cpu" else DEVICE_ATOMS

    @property
    def batch_invariant(self) -> bool:
        """Whether a structure gets the same, bit for bit, whatever it is evaluated with."""
        return self.engine == "fused"

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def models(self) -> tuple[PaiNNPotential, ...]:
        return (self,)

    @property
    def network(self):
        """The compiled or torch network; made on first use."""
        if self._network is None:
            if self.engine == "fused":
                from .network import Network

                self._network = fused = Network(self.params, self.dtype)
                if self._shared is not None:
                    fused.share(self._shared)
            else:
                from .torch_path import TorchNetwork

                self._network = TorchNetwork(self.params, self.dtype, self.device)
        return self._network

    def share(self, folder: Path) -> None:
        """Keep the packed weights in ``folder`` (local, existing), one copy in memory for all processes that do so.

        Call it before the first evaluation. Of no effect for models that are not on disk, and for the torch engine.
        """
        if self.folder is not None:
            self._shared = Path(folder) / f"{self.card.weights_sha256[:16]}-{self.dtype}.npy"

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Energies and forces of all structures; see :class:`sampler.potentials.base.Evaluation`.

        A structure fails with ``element``, ``charge``, ``composition``, ``clash`` (atoms far closer than the model has
        seen such atoms, see :mod:`.limits`), ``nan`` or ``empty``.
        """
        return _evaluate([self], clusters, forces).one(0)


@dataclass(frozen=True)
class _Members:
    """Energies (M, B) eV and forces (M, N, 3) eV/Å of M members, with shared failures (B,)."""

    energy: np.ndarray
    forces: np.ndarray | None
    failure: np.ndarray

    def one(self, m: int) -> Evaluation:
        return Evaluation(self.energy[m], None if self.forces is None else self.forces[m], self.failure)


def _evaluate(members: list[PaiNNPotential], clusters: Clusters, forces: bool) -> _Members:
    b, n = len(clusters), len(clusters.numbers)
    energy = np.full((len(members), b), np.nan)
    gradient = np.full((len(members), n, 3), np.nan) if forces else None
    failure = [""] * b
    shifts = []
    for member in members:
        reference, unmade = member.scope.reference(clusters) if not _absurd(clusters) else (np.zeros(b), [""] * b)
        shifts.append(reference)
        for s, (old, new, other) in enumerate(zip(failure, member.scope.check(clusters), unmade)):
            failure[s] = old or new or other
    good = np.array([not f for f in failure], bool)
    if good.all():
        chosen, atoms = clusters, slice(None)
    else:
        chosen, atoms = clusters[good], good[clusters.structure_of_atom]
    where = np.nonzero(good)[0]
    results = _run(members, chosen, forces)
    for s, reason in results.refused.items():
        failure[where[s]] = reason
    for m, member in enumerate(members):
        unit = member.params.energy_unit
        offset = member.params.offset(chosen.numbers, chosen.structure_of_atom, len(chosen))
        energy[m, where] = (results.energy[m] + offset) * unit + shifts[m][where]
        if gradient is not None and results.forces is not None:
            gradient[m, atoms] = results.forces[m] * unit
    for s in map(int, where):
        if not failure[s] and not np.isfinite(energy[:, s]).all():
            failure[s] = "nan: the network returned a value that is not a number"
    if any(failure):
        lost = np.array([bool(f) for f in failure])
        energy[:, lost] = np.nan
        if gradient is not None:
            gradient[:, lost[clusters.structure_of_atom]] = np.nan
    return _Members(energy, gradient, np.asarray(failure, dtype=np.str_).reshape(b))


def _absurd(clusters: Clusters) -> bool:
    return len(clusters.numbers) > 0 and (clusters.numbers.min() < 1 or clusters.numbers.max() > 118)


@dataclass(frozen=True)
class _Raw:
    energy: np.ndarray
    forces: np.ndarray | None
    refused: dict[int, str]


def _run(members: list[PaiNNPotential], clusters: Clusters, forces: bool) -> _Raw:
    """All members chunk by chunk; members with the same cutoff and table share pairs and distances."""
    from .batches import chunk_bounds

    b, n = len(clusters), len(clusters.numbers)
    energy = np.zeros((len(members), b))
    gradient = np.zeros((len(members), n, 3)) if forces else None
    refused: dict[int, str] = {}
    limits = together([m.limits for m in members])
    for start, stop in chunk_bounds(clusters.ptr, members[0].network.chunk_atoms):
        first, last = int(clusters.ptr[start]), int(clusters.ptr[stop])
        positions, numbers = clusters.positions[first:last], clusters.numbers[first:last]
        ptr = clusters.ptr[start : stop + 1] - first
        shared: dict[tuple, Pairs] = {members[0].network.geometry_key: members[0].network.pairs(positions, ptr)}
        within, atoms = next(iter(shared.values())).contacts(numbers, limits)
        for s in np.nonzero(within > 1.0)[0]:
            i, j = atoms[s]
            refused[start + int(s)] = refusal(
                numbers[ptr[s] : ptr[s + 1]], positions[ptr[s] : ptr[s + 1]], i, j, limits
            )
        for m, member in enumerate(members):
            key = member.network.geometry_key
            if key not in shared:
                shared[key] = member.network.pairs(positions, ptr)
            e, f = member.network.evaluate(numbers, ptr, shared[key], forces)
            energy[m, start:stop] = e
            if gradient is not None:
                gradient[m, first:last] = f
    return _Raw(energy, gradient, refused)


class CommitteePotential(Potential):
    """Several PaiNN models of one level: the mean as the energy, the spread as a measure of doubt.

    Corrections to one base make a committee, too, of corrections: :class:`.delta.DeltaPotential` adds the base.

    Pairs, distances and interpolation weights are computed once where the members' cutoff and radial functions are
    the same.
    """

    level: str
    batch_atoms: int
    batch_invariant: bool

    def __init__(self, models: list, **options: Any):
        """
        Args:
            models: model folders or :class:`PaiNNPotential`; options: for :class:`PaiNNPotential`.

        Raises:
            LevelError: members of different levels, or corrections (Δ models) among others or of another base.
            InputError: fewer than two.
        """
        self.members = [m if isinstance(m, PaiNNPotential) else PaiNNPotential(m, **options) for m in models]
        if len(self.members) < 2:
            raise InputError(f"a committee needs at least two models, got {len(self.members)}")
        _require_one_kind(self.members)
        self.level = self.members[0].level
        self.batch_atoms = self.members[0].batch_atoms
        self.batch_invariant = all(m.batch_invariant for m in self.members)

    @property
    def on_gpu(self) -> bool:
        return self.members[0].on_gpu

    @property
    def models(self) -> tuple[PaiNNPotential, ...]:
        return tuple(self.members)

    def share(self, folder: Path) -> None:
        """:meth:`PaiNNPotential.share` for every member."""
        for member in self.members:
            member.share(folder)

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Mean and spread; a structure that one member refuses fails."""
        every = _evaluate(self.members, clusters, forces)
        mean = spread = None
        if every.forces is not None:
            mean = every.forces.mean(axis=0)
            spread = np.sqrt((every.forces.std(axis=0, ddof=1) ** 2).sum(axis=1))
        return Evaluation(every.energy.mean(axis=0), mean, every.failure, every.energy.std(axis=0, ddof=1), spread)


def _require_one_kind(members: list[PaiNNPotential]) -> None:
    """Refuse a committee of which the mean would mean nothing."""
    kinds: dict[str, list[str]] = {}
    for number, member in enumerate(members, start=1):
        base = member.card.base_level
        kind = f"{member.level} as a correction (Δ model) of {base}" if base else member.level
        kinds.setdefault(kind, []).append("/".join(member.folder.parts[-2:]) if member.folder else f"number {number}")
    if len(kinds) > 1:
        told = "; ".join(f"{', '.join(names)}: {kind}" for kind, names in kinds.items())
        raise LevelError(
            f"the members of a committee are of different levels of theory or bases ({told}); "
            "name only models that agree in both"
        )
