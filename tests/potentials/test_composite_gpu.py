"""What the GPU path makes of a device that is full; the numbers are in test_composite.py, for machines with CUDA."""

import sys
import types

import pytest

from sampler.potentials.base import StructureFailure
from sampler.potentials.composite import gpu


class Full(Exception):
    """Stands for cupy's error."""


@pytest.fixture
def freed(monkeypatch):
    """cupy with a memory pool that counts how often it was emptied."""
    count = []
    pool = types.SimpleNamespace(free_all_blocks=lambda: count.append(1))
    memory = types.SimpleNamespace(OutOfMemoryError=Full)
    cupy = types.SimpleNamespace(
        cuda=types.SimpleNamespace(memory=memory), get_default_memory_pool=lambda: pool, __name__="cupy"
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return count


@pytest.mark.parametrize("what", ["scf", "dipole"])
def test_a_full_device_is_a_failure_of_the_structure(monkeypatch, freed, what):
    def full(method, mol):
        raise Full("3 GB wanted")

    monkeypatch.setattr(gpu, "_converged", full)
    with pytest.raises(StructureFailure, match="out_of_memory: on the GPU: 3 GB wanted"):
        getattr(gpu, what)(None, None)
    assert freed == [1]
