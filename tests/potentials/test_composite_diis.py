"""DIIS that goes on after the operator has changed by a constant."""

import numpy as np
import pytest

pytest.importorskip("pyscf")

from sampler.potentials.composite.diis import CarriedDIIS

N = 7


def symmetric(rng):
    matrix = rng.normal(size=(N, N))
    return matrix + matrix.T


def test_the_history_is_that_of_the_changed_operator():
    rng = np.random.default_rng(4)
    overlap = np.eye(N) + 0.02 * symmetric(rng)
    met = [(symmetric(rng), symmetric(rng)) for _ in range(5)]
    change = symmetric(rng)
    carried, anew = CarriedDIIS(overlap), CarriedDIIS(overlap)
    for dm, fock in met[:4]:
        carried.update(overlap, dm, fock)
        anew.update(overlap, dm, fock + change)
    carried.add(change)
    dm, fock = met[4]
    assert carried.update(overlap, dm, fock) == pytest.approx(anew.update(overlap, dm, fock), abs=1e-9)


def test_it_keeps_the_last_ones_and_takes_the_one_without_error():
    rng = np.random.default_rng(5)
    diis = CarriedDIIS(np.eye(N), space=3)
    for _ in range(6):
        diis.update(None, symmetric(rng), symmetric(rng))
    assert len(diis.fock) == len(diis.half) == len(diis.density) == 3
    fock = symmetric(rng)
    occupied = np.linalg.eigh(fock)[1][:, :3]
    assert diis.update(None, occupied @ occupied.T, fock) == pytest.approx(fock, abs=1e-7)
