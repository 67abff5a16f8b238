"""Many structures in pieces: the same in any number of workers, found again after a stop, a death costs one structure."""

import os
import signal

import numpy as np
import pytest

import sampler
from sampler import Clusters
from sampler.api.in_pieces import Job, done, pieces
from sampler.potentials import get_potential
from sampler.potentials.lennard_jones import LennardJones
from sampler.relax import RelaxParams


def pairs(count):
    return Clusters.make([[[0, 0, 0], [0, 0, 1.1 + 0.01 * i]] for i in range(count)], [[18, 18]] * count)


class Counting(LennardJones):
    """Counts what it evaluates, and stops like Ctrl-C after so many structures."""

    def __init__(self, stop_after=10**6):
        super().__init__()
        self.evaluated, self.stop_after = 0, stop_after

    def evaluate(self, clusters, forces=True):
        if self.evaluated >= self.stop_after:
            raise KeyboardInterrupt
        self.evaluated += len(clusters)
        return super().evaluate(clusters, forces)


class Deadly(LennardJones):
    """Kills its process on one structure."""

    def evaluate(self, clusters, forces=True):
        if "0003" in clusters.ids:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(clusters, forces)


def test_pieces_do_not_depend_on_workers_and_keep_the_order():
    clusters = pairs(7)
    whole = done(clusters, Job(get_potential("lennard-jones")))
    for workers in (1, 2):
        assert done(clusters, Job(get_potential("lennard-jones")), workers=workers) == whole
    assert whole.ids.tolist() == clusters.ids.tolist()
    assert Clusters.concatenate(pieces(clusters, Job(get_potential("painn", model="b97-painn-7")))) == clusters


def test_what_was_finished_is_found_again(tmp_path):
    clusters, keep = pairs(6), tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        sampler.evaluate(clusters, Counting(4), keep=keep)
    assert len(list(keep.glob("evaluate-*.npz"))) == 4
    second = Counting()
    told = []
    made = sampler.evaluate(clusters, second, keep=keep, progress=lambda n, of: told.append((n, of)))
    assert second.evaluated == 2 and told[-1] == (6, 6)
    assert made == sampler.evaluate(clusters, Counting())
    assert not keep.exists()


def test_another_question_finds_nothing(tmp_path):
    clusters, keep = pairs(3), tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        sampler.relax(clusters, Counting(30), keep=keep, fmax=1e-5)
    left = len(list(keep.glob("relax-*.npz")))
    assert left
    other = Counting()
    sampler.relax(clusters, other, keep=keep, fmax=1e-4)
    alone = Counting()
    sampler.relax(clusters, alone, fmax=1e-4)
    assert other.evaluated == alone.evaluated
    assert len(list(keep.glob("relax-*.npz"))) == left  # those of the other question stay


def test_a_death_costs_one_structure():
    clusters = pairs(5)
    made = done(clusters, Job(Deadly(), RelaxParams(fmax=1e-3)), workers=2)
    assert made.columns["fate"].tolist() == ["", "", "", "crashed", ""]
    assert np.isnan(made.energy).tolist() == [False, False, False, True, False]
    assert made.columns["converged"].tolist() == [True, True, True, False, True]
