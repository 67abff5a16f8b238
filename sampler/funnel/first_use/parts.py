"""The parts of the program that are compiled on a machine, and the smallest use of each that makes numba compile it.

The arrays have the types and layouts of real runs, for which else numba would compile once more: a test runs both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """Some compiled functions.

    Attributes:
        use: calls them. seconds: CPU seconds to compile them (benchmarks/first_run.py).
        files: where they stand, and what they are compiled from, as patterns below the package.
    """

    use: Callable[[], None]
    seconds: float
    files: tuple[str, ...]


def _water(number: int = 1):
    from ...clusters import Clusters

    one = np.array([[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]])
    return Clusters.make([one + 0.001 * k for k in range(number)], [[8, 1, 1]] * number, energy=np.zeros(number))


def _rigid():
    from ...composition import Composition
    from ...generate import rigid
    from ...monomers import MonomerLibrary

    library = MonomerLibrary.load()
    state = next(iter(Composition.parse("2w", library).states(library)))
    system = rigid.RigidSystem.build(state, library)
    poses = rigid.Poses(
        np.array([[[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]]), np.tile([1.0, 0.0, 0.0, 0.0], (1, 2, 1)), np.ones((1, 2))
    )
    return rigid, system, poses


def _minimise() -> None:
    rigid, system, poses = _rigid()
    rigid.minimise(system, poses, max_evaluations=2)


def _surface() -> None:
    from ...generate import rigid_kernels

    rigid, system, poses = _rigid()
    rigid.evaluate(system, poses)
    rigid.molecule_energies(system, poses)
    rigid_kernels.first_of_each(np.zeros(1), np.zeros((1, 2)), 0.1, 0.1)


def _identify() -> None:
    from ...composition import Composition
    from ...identify import identify
    from ...monomers import MonomerLibrary

    library = MonomerLibrary.load()
    identify(_water(), Composition.parse("1w", library), library)


def _dedupe() -> None:
    from ...similarity import dedupe

    dedupe(_water(2))


def _network(charge_width: float = 0.0):
    from ...potentials.painn.network import Network
    from ...potentials.painn.parameters import Architecture, PaiNNParameters

    params = PaiNNParameters.random(Architecture(n_atom_basis=32, n_interactions=1, charge_width=charge_width))
    return Network(params)


def _forward() -> None:
    """Pairs, energies, and the interaction of charges."""
    water, network = _water(), _network(charge_width=1.0)
    pairs = network.pairs(water.positions, water.ptr)
    pairs.contacts(water.numbers, np.zeros((10, 10)))
    network.forward(water.numbers, pairs)


def _backward() -> None:
    """Forces of a forward pass that did not take place, of atoms that have no neighbours: all zero."""
    from ...potentials.painn.geometry import Pairs
    from ...potentials.painn.network import Forward

    water, network = _water(), _network()
    n, none = len(water.numbers), np.empty(0, np.int32)
    pairs = Pairs(np.zeros(n + 1, np.int64), none, none.copy(), np.empty(0, np.float32), water.positions, water.ptr)
    network.work(n)[:] = 0.0
    network.forces(water.numbers, pairs, Forward(np.zeros(1), np.zeros(n, np.int64)))


_PAINN = ("potentials/painn/kernels/*.py", "potentials/painn/geometry.py", "potentials/painn/coulomb.py")
_SIMILARITY = tuple(f"similarity/{name}.py" for name in ("pair_kernels", "superposition", "matching", "rotation"))
PARTS: dict[str, Part] = {
    "superposition": Part(_dedupe, 19.5, _SIMILARITY),
    "rigid minimisation": Part(_minimise, 17.0, ("generate/rigid_kernels.py",)),
    "identity": Part(_identify, 12.5, ("identify/bond_kernels.py",)),
    "PaiNN energies": Part(_forward, 8.5, _PAINN),
    "PaiNN forces": Part(_backward, 7.0, _PAINN),
    "rigid surface": Part(_surface, 6.0, ("generate/rigid_kernels.py",)),
}
"""By name, the longest first, which makes the end come soonest."""

_RIGID = ("rigid minimisation", "rigid surface")
_OF_STAGE = {
    "generate": _RIGID,
    "grow": (*_RIGID, "identity"),
    "hop": ("rigid surface", "identity", "superposition"),
    "anneal": ("identity", "superposition"),
    "exchange": ("identity", "superposition"),
    "relax": ("identity",),
    "refine": ("identity",),
    "identify": ("identity",),
    "dedupe": ("superposition",),
}
_OF_PAINN = ("PaiNN energies", "PaiNN forces")


def needed(stages: Sequence) -> list[str]:
    """Names of the parts that stages of a protocol use, those that take longest first."""
    found: set[str] = set()
    for stage in stages:
        found.update(_OF_STAGE.get(stage.kind, ()))
        make = getattr(stage, "make", None)
        if make is not None and any(model.batch_invariant for model in make().models):
            found.update(_OF_PAINN)
    return [name for name in PARTS if name in found]
