"""What a potential is: energies and forces for a whole batch of structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..clusters import Clusters
from ..errors import PotentialError


@dataclass(frozen=True)
class Evaluation:
    """What a potential says of B structures with N atoms in all.

    Attributes:
        energy: (B,) float64, total energy in eV; NaN where the evaluation failed.
        forces: (N, 3) float64, eV/Å; NaN for the atoms of failed structures. None when not asked for.
        failure: (B,) str; '' where it went well, else the reason (``scf_failed``, ``nan``, ``clash``, …) with
            the engine's words after a colon.
        energy_spread: (B,) eV, of a committee: standard deviation (n - 1) over the members. None of all else.
        force_spread: (N,) eV/Å, of a committee: length of the standard deviation of each atom's force; None without
            forces.
    """

    energy: np.ndarray
    forces: np.ndarray | None
    failure: np.ndarray
    energy_spread: np.ndarray | None = None
    force_spread: np.ndarray | None = None

    @property
    def needed_forces(self) -> np.ndarray:
        """``forces`` of an evaluation that was asked for them.

        Raises:
            PotentialError: the potential left them out.
        """
        if self.forces is None:
            raise PotentialError("the potential gave no forces where they were asked for")
        return self.forces


@dataclass(frozen=True)
class Moments:
    """Dipole moments of B structures.

    Attributes:
        dipole: (B, 3) e·Å, from minus to plus, about the centre of mass (which matters for ions alone); NaN where the
            calculation failed.
        failure: (B,) str; '' where it went well, else the reason, as in :class:`Evaluation`.
    """

    dipole: np.ndarray
    failure: np.ndarray


class TrainedModel(Protocol):
    """A network with the card that says what it is."""

    @property
    def card(self) -> Any: ...


class Potential:
    """Anything that evaluates batches: a subclass names its ``level`` and has :meth:`evaluate`; the rest has defaults.

    A potential is cheap to make and heavy to start: engines are imported on the first ``evaluate``, so that it
    can be sent to a worker process. One bad structure costs that structure alone. :func:`.check.check_potential` tells
    whoever writes one what is wrong with it.
    """

    if TYPE_CHECKING:  # all that may be asked of them is to be read: a subclass has attributes or properties

        @property
        def level(self) -> str: ...
        @property
        def batch_atoms(self) -> int: ...
        @property
        def batch_invariant(self) -> bool: ...
        @property
        def on_gpu(self) -> bool: ...
        @property
        def gives_forces(self) -> bool: ...
    else:
        level: str = ""
        """The level of theory, e.g. ``gfn1-xtb``; two potentials of one level give the same energies."""
        batch_atoms: int = 0
        """Atoms that are worth evaluating together; 0: it does not matter."""
        batch_invariant: bool = True
        """What it says of a structure is the same, bit for bit, whatever else is in the batch."""
        on_gpu: bool = False
        """It computes on a CUDA device, in this process."""
        gives_forces: bool = True
        """False: energies alone; to ask it for forces is an error."""

    @property
    def models(self) -> Sequence[TrainedModel]:
        """The trained networks that its numbers come from, each with its ``card``; none of a method."""
        return ()

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Energies (and forces) of all structures of ``clusters``."""
        raise NotImplementedError

    def evaluate_warm(self, clusters: Clusters, memory: list[Any]) -> tuple[Evaluation, list[Any]]:
        """As :meth:`evaluate`, from where an earlier call for the same structures ended: wave functions, for one.

        Args:
            memory: B entries, each what the call before gave back for the structure, None at first.

        Returns:
            the evaluation, with forces, and the entries for the next call.
        """
        return self.evaluate(clusters), memory

    def require(self, numbers: Sequence[int] | np.ndarray) -> None:
        """Raise a PotentialError for what stops every structure of these elements, before hours of work begin."""

    def share(self, folder: Path) -> None:
        """Keep in ``folder`` what processes on this machine can hold in memory once; of no effect where there is nothing."""

    def dipoles(self, clusters: Clusters) -> Moments:
        """Dipole moments of all structures.

        Raises:
            PotentialError: it has energies and forces alone.
        """
        raise PotentialError(
            f"{self.level} gives no dipole moments; take gfn2-xtb, gfn1-xtb or, better, b97-3c for them"
        )


def evaluate_each(clusters: Clusters, one, forces: bool = True) -> Evaluation:
    """Evaluate one structure after the other with ``one(numbers, positions, charge) -> (eV, (n, 3) eV/Å)``.

    An exception or a NaN from ``one`` is recorded as the failure of that structure; ``one`` may raise
    :class:`StructureFailure` to name the reason itself.

    Raises:
        PotentialError: see :func:`engine_failure`.
    """
    b = len(clusters)
    energy = np.full(b, np.nan)
    gradient = np.full(clusters.positions.shape, np.nan) if forces else None
    failure = [""] * b
    for i in range(b):
        atoms = clusters.atoms_of(i)
        positions = clusters.positions[atoms]
        if not np.isfinite(positions).all():
            failure[i] = "nan: a coordinate is not a number"
            continue
        try:
            e, f = one(clusters.numbers[atoms], positions, int(clusters.charge[i]))
        except StructureFailure as error:
            failure[i] = str(error)
            continue
        except Exception as error:  # an engine's own errors are unknowable; the structure alone pays
            failure[i] = engine_failure(error)
            continue
        if not np.isfinite(e) or (forces and not np.isfinite(f).all()):
            failure[i] = "nan: the engine returned a value that is not a number"
            continue
        energy[i] = e
        if gradient is not None:
            gradient[atoms] = f
    return Evaluation(energy, gradient, np.asarray(failure, dtype=np.str_).reshape(b))


def engine_failure(error: Exception) -> str:
    """What to write down for an error that an engine raised.

    Raises:
        KeyboardInterrupt: the error is what compiled code makes of Ctrl-C (``SystemError``): no fault of the structure.
        PotentialError: a module or library of the engine is missing, which no other structure would help.
    """
    behind: BaseException | None = error
    while behind is not None:  # one in another, where compiled code was left through several layers
        if isinstance(behind, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        behind = behind.__cause__ or behind.__context__
    if isinstance(error, ImportError):
        raise PotentialError(f"the engine's installation is incomplete ({error}); remedy: install it anew") from error
    return f"engine_error: {type(error).__name__}: {error}".splitlines()[0]


class StructureFailure(Exception):
    """Raised inside a potential for one structure; the message starts with the reason's name and a colon."""
