"""The Potential protocol: energies and forces for a whole batch of structures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

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
    """

    energy: np.ndarray
    forces: np.ndarray | None
    failure: np.ndarray


@runtime_checkable
class Potential(Protocol):
    """Anything that evaluates batches.

    A potential is cheap to make and heavy to start: engines are imported on the first ``evaluate``, so that it
    can be sent to a worker process. One bad structure costs that structure alone. What it says of a structure is the
    same, bit for bit, whatever else is in the batch; one for which that does not hold has ``batch_invariant = False``.
    """

    level: str
    """The level of theory, e.g. ``gfn1-xtb``; two potentials of one level give the same energies."""

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Energies (and forces) of all structures of ``clusters``."""
        ...


def with_memory(potential: Potential) -> Callable[[Clusters, list[Any]], tuple[Evaluation, list[Any]]]:
    """The potential's ``evaluate_warm``, or ``evaluate`` in its form where it has none.

    It takes what the call before gave back for each of the same structures, None at first, and gives back what to hand
    to the next: wave functions to start from, for one.
    """
    warm = getattr(potential, "evaluate_warm", None)
    return warm or (lambda clusters, memory: (potential.evaluate(clusters), memory))


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
        if forces:
            gradient[atoms] = f
    return Evaluation(energy, gradient, np.asarray(failure, dtype=np.str_).reshape(b))


def engine_failure(error: Exception) -> str:
    """What to write down for an error that an engine raised.

    Raises:
        KeyboardInterrupt: the error is what compiled code makes of Ctrl-C (``SystemError``): no fault of the structure.
        PotentialError: a module or library of the engine is missing, which no other structure would help.
    """
    if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
        raise KeyboardInterrupt from error
    if isinstance(error, ImportError):
        raise PotentialError(f"the engine's installation is incomplete ({error}); remedy: install it anew") from error
    return f"engine_error: {type(error).__name__}: {error}".splitlines()[0]


class StructureFailure(Exception):
    """Raised inside a potential for one structure; the message starts with the reason's name and a colon."""
