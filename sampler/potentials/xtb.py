"""GFN1-xTB and GFN2-xTB, through tblite or through xtb-python.

GFN1-xTB: DOI 10.1021/acs.jctc.7b00118; GFN2-xTB: DOI 10.1021/acs.jctc.8b01176; tblite:
https://tblite.readthedocs.io; xtb: DOI 10.1002/wcms.1493.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import PotentialError
from ..units import BOHR, HARTREE, HARTREE_PER_BOHR
from .base import Evaluation, Moments, Potential, StructureFailure, evaluate_each
from .moments import dipoles_each
from .xtb_engines import import_tblite, import_xtb_python
from .xtb_parameters import BASE, XTBParameters, read

_METHODS = {"gfn1-xtb": "GFN1-xTB", "gfn2-xtb": "GFN2-xTB"}
_HEAVIEST = 86
# No chemistry brings atoms closer; below this the engines return huge numbers, or end the process.
_COINCIDENT = 0.05


@dataclass(frozen=True)
class XTBPotential(Potential):
    """GFNn-xTB through tblite, the default engine.

    Odd numbers of electrons are treated as doublets. The electronic temperature is 300 K, as everywhere.

    Attributes:
        method: ``GFN1-xTB`` or ``GFN2-xTB``; case does not matter.
        accuracy: threshold of the self-consistent charges relative to tblite's own (1.0). At 1.0 the noise is about
            1e-7 eV and 5e-4 eV/Å, at 0.1 1e-9 eV and 2e-5 eV/Å.
        max_iterations: cycles before a structure counts as ``scf_failed``.
        parameters: others than those of the method: a file that ``sampler refit-xtb`` has written, or what is in it. They are
            a level of their own, and of some elements alone.

    Raises:
        PotentialError: unknown method, accuracy or max_iterations not positive, or parameters that cannot be used.
    """

    method: str = "GFN1-xTB"
    accuracy: float = 1.0
    max_iterations: int = 250
    parameters: XTBParameters | Path | str | None = None

    def __post_init__(self):
        _check(self.method, self.accuracy, self.max_iterations)
        if self.parameters is None:
            return
        if self.method.lower() != BASE:
            raise PotentialError(f"parameters are of GFN1-xTB, not of {self.method}")
        if not isinstance(self.parameters, XTBParameters):
            object.__setattr__(self, "parameters", read(self.parameters))

    @property
    def level(self) -> str:
        return self._own.id if self._own else self.method.lower()

    @property
    def _own(self) -> XTBParameters | None:
        return self.parameters if isinstance(self.parameters, XTBParameters) else None

    def require(self, numbers: Sequence[int] | np.ndarray) -> None:
        """Refuse elements that nothing was fitted for."""
        if not self._own:
            return
        from ase.data import chemical_symbols

        if strange := sorted({chemical_symbols[z] for z in numbers} - set(self._own.elements)):
            raise PotentialError(
                f"{self.level} was fitted for {', '.join(self._own.elements)} and has no parameters of {', '.join(strange)}"
            )

    def _calculator(self, numbers: np.ndarray, positions: np.ndarray, charge: int, accuracy: float) -> Any:
        tblite = import_tblite()
        unpaired = _unpaired(numbers, positions, charge)
        method: Any = self._own.table if self._own else _METHODS[self.method.lower()]
        calculator = tblite.Calculator(method, numbers, positions / BOHR, charge, unpaired)
        calculator.set("verbosity", 0)
        calculator.set("accuracy", accuracy)
        calculator.set("max-iter", self.max_iterations)
        return calculator

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        """Energies and forces from a cold start: they depend on nothing but the structure."""
        return self.evaluate_warm(clusters, [None] * len(clusters), forces)[0]

    def evaluate_warm(self, clusters: Clusters, memory: list[Any], forces: bool = True) -> tuple[Evaluation, list[Any]]:
        """As :meth:`evaluate`, from the wave functions of earlier geometries of the same structures.

        Saves about a third of the cycles where the atoms moved little.

        Args:
            memory: B entries, each what an earlier call gave back for the structure (same atoms in the same
                order, same charge), or None. The entries are used up.

        Returns:
            the evaluation, and B entries for the next call (None where it failed).
        """
        tblite = import_tblite()
        after: list[Any] = [None] * len(clusters)
        readable = iter(
            np.flatnonzero(clusters.all_finite(clusters.positions))
        )  # evaluate_each asks for these alone, in this order

        def one(numbers: np.ndarray, positions: np.ndarray, charge: int) -> tuple[float, np.ndarray]:
            i = next(readable)
            try:
                calculator = self._calculator(numbers, positions, charge, self.accuracy)
                try:
                    result = calculator.singlepoint(memory[i])
                except tblite.TBLiteRuntimeError:
                    if memory[i] is None:
                        raise
                    result = calculator.singlepoint()  # from neutral atoms: the old wave function may mislead
            except tblite.TBLiteRuntimeError as error:
                raise StructureFailure(_reason(str(error))) from error
            after[i] = result
            return _converted(result.get("energy"), result.get("gradient"))

        return evaluate_each(clusters, one, forces), after

    def charges(self, clusters: Clusters) -> np.ndarray:
        """(N,) e, Mulliken charges of all atoms; NaN in structures that fail."""
        found = np.full(len(clusters.numbers), np.nan)
        for i, result in enumerate(self.evaluate_warm(clusters, [None] * len(clusters), forces=False)[1]):
            if result is not None:
                found[clusters.atoms_of(i)] = result.get("charges")
        return found

    def dipoles(self, clusters: Clusters) -> Moments:
        """Dipole moments; far too large for GFN1-xTB (water 2.9 D, measured 1.9 D), by a quarter for GFN2-xTB."""
        tblite = import_tblite()

        def one(numbers: np.ndarray, positions: np.ndarray, charge: int) -> np.ndarray:
            try:
                calculator = self._calculator(numbers, positions, charge, min(self.accuracy, 0.1))
                return np.asarray(calculator.singlepoint().get("dipole")) * BOHR
            except tblite.TBLiteRuntimeError as error:
                raise StructureFailure(_reason(str(error))) from error

        return dipoles_each(clusters, one)


@dataclass(frozen=True)
class XTBPythonPotential(Potential):
    """GFNn-xTB through xtb-python, that is through xtb's own library; for comparison with :class:`XTBPotential`.

    xtb 6.5 gives wrong forces (by up to 0.3 eV/Å) for atoms that share a coordinate exactly, as in molecules that
    lie along an axis (https://github.com/grimme-lab/xtb/issues/986). All structures are turned by one fixed, oblique
    rotation before the calculation and their forces back, which avoids it.

    Attributes and errors: as :class:`XTBPotential`.
    """

    method: str = "GFN1-xTB"
    accuracy: float = 1.0
    max_iterations: int = 250

    def __post_init__(self):
        _check(self.method, self.accuracy, self.max_iterations)

    @property
    def level(self) -> str:
        return self.method.lower()

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        xtb = import_xtb_python()
        parameters = {"gfn1-xtb": xtb.Param.GFN1xTB, "gfn2-xtb": xtb.Param.GFN2xTB}[self.level]
        turn = _oblique_rotation()

        def one(numbers: np.ndarray, positions: np.ndarray, charge: int) -> tuple[float, np.ndarray]:
            unpaired = _unpaired(numbers, positions, charge)
            try:
                calculator = xtb.Calculator(parameters, numbers, positions @ turn.T / BOHR, charge, unpaired)
                calculator.set_verbosity("muted")
                calculator.set_accuracy(self.accuracy)
                calculator.set_max_iterations(self.max_iterations)
                result = calculator.singlepoint()
            except xtb.XTBException as error:
                raise StructureFailure(_reason(str(error))) from error
            energy, force = _converted(result.get_energy(), result.get_gradient())
            return energy, force @ turn

        return evaluate_each(clusters, one, forces)


def _check(method: str, accuracy: float, max_iterations: int) -> None:
    if method.lower() not in _METHODS:
        raise PotentialError(f"no xTB method is called {method!r}; known: {', '.join(_METHODS.values())}")
    if not accuracy > 0:
        raise PotentialError(f"accuracy must be positive, it is {accuracy}")
    if max_iterations < 1:
        raise PotentialError(f"max_iterations must be at least 1, it is {max_iterations}")


def _unpaired(numbers: np.ndarray, positions: np.ndarray, charge: int) -> int:
    """Number of unpaired electrons (0 or 1), after refusing what would take the engine's whole process down."""
    if not len(numbers):
        raise StructureFailure("empty: the structure has no atoms")
    unknown = sorted({int(z) for z in numbers if not 1 <= z <= _HEAVIEST})
    if unknown:
        raise StructureFailure(f"element: no xTB parameters for atomic number {', '.join(map(str, unknown))}")
    electrons = int(numbers.sum()) - charge
    if electrons < 0:
        raise StructureFailure(f"charge: {charge} is more than the {int(numbers.sum())} electrons there are")
    distance2 = ((positions[:, None] - positions[None]) ** 2).sum(-1)
    np.fill_diagonal(distance2, np.inf)
    if distance2.min() < _COINCIDENT**2:
        i, j = np.unravel_index(distance2.argmin(), distance2.shape)
        raise StructureFailure(f"clash: atoms {i} and {j} are {np.sqrt(distance2[i, j]):.3f} Å apart")
    return electrons % 2


def _reason(message: str) -> str:
    """The engine's words behind the name of the reason."""
    message = " ".join(message.split())
    if "converge" in message:
        return f"scf_failed: {message}"
    if "close" in message:
        return f"clash: {message}"
    if "No entry in parametrization" in message:
        return f"element: {message}"
    return f"engine_error: {message}"


def _converted(energy: Any, gradient: np.ndarray) -> tuple[float, np.ndarray]:
    return float(energy) * HARTREE, -np.asarray(gradient) * HARTREE_PER_BOHR


def _oblique_rotation() -> np.ndarray:
    """(3, 3) a fixed rotation about no axis in particular, from the unit quaternion along (3, 1, 2, 5)."""
    w, x, y, z = np.array([3.0, 1.0, 2.0, 5.0]) / np.sqrt(39.0)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
