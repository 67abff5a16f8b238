"""check_potential finds what is wrong with a potential, and nothing else."""

from dataclasses import dataclass

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import PotentialError
from sampler.potentials import Evaluation, Potential, get_potential
from sampler.potentials.base import engine_failure, evaluate_each
from sampler.potentials.check import check_potential


@dataclass(frozen=True)
class Springs(Potential):
    """Springs between all atoms; ``wrong`` names the rule that it breaks."""

    wrong: str = ""

    @property
    def level(self) -> str:
        return "Springs" if self.wrong == "level" else "springs"

    def evaluate(self, clusters: Clusters, forces: bool = True) -> Evaluation:
        found = evaluate_each(clusters, self._one, forces or self.wrong == "forces without being asked")
        if self.wrong == "company":
            found.energy[:] += 1e-9 * len(clusters)
        if self.wrong == "shapes":
            return Evaluation(found.energy[:, None], found.forces, found.failure)
        return found

    def _one(self, numbers, positions, charge):
        delta = positions[:, None] - positions[None]
        if self.wrong != "one place" and len(positions) > 1 and np.abs(delta).max() < 1e-6:
            raise ValueError("all atoms at one place")
        slope = 2 * delta.sum(1) * (-1 if self.wrong == "sign" else 1)
        energy = 0.5 * (delta**2).sum() + (positions[:, 0].sum() if self.wrong == "turned" else 0.0)
        return float(energy), -slope + (np.array([-1.0, 0, 0]) if self.wrong == "turned" else 0.0)


def test_a_good_one_passes():
    check_potential(Springs())
    check_potential(get_potential("lennard-jones"))
    check_potential(get_potential("gfn1-xtb"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("level", "its level is 'Springs'"),
        ("shapes", "shapes for 4 structures"),
        ("sign", "the slope of the energy"),
        ("company", "structure 0 alone and among others"),
        ("turned", "moved and turned"),
        ("one place", "all atoms at one place went through"),
        ("forces without being asked", "forces=False"),
    ],
)
def test_what_is_wrong_is_said(wrong, said):
    with pytest.raises(PotentialError, match=said):
        check_potential(Springs(wrong))


def test_what_it_raises_is_named():
    class Broken(Springs):
        def evaluate(self, clusters, forces=True):
            raise RuntimeError("no licence")

    with pytest.raises(PotentialError, match="RuntimeError: no licence"):
        check_potential(Broken())


def test_forces_that_were_asked_for():
    one = Clusters.make([np.eye(3)], [[8, 1, 1]])
    asked = Springs().evaluate(one)
    assert asked.needed_forces is asked.forces
    with pytest.raises(PotentialError, match="no forces"):
        _ = Springs().evaluate(one, forces=False).needed_forces


def test_an_interruption_is_no_failure_of_a_structure():
    """However deep it lies in what compiled code makes of it."""
    for layers in (1, 2, 3):
        error: BaseException = KeyboardInterrupt()
        for _ in range(layers):
            outer = SystemError("returned a result with an exception set")
            outer.__cause__ = error
            error = outer
        with pytest.raises(KeyboardInterrupt):
            engine_failure(error)
    assert engine_failure(ValueError("so")).startswith("engine_error: ValueError")
