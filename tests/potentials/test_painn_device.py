"""The device option of PaiNN: the PyTorch path on the CPU everywhere, on a GPU where there is one."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError, PotentialError
from sampler.potentials import Potential, get_potential
from sampler.potentials.painn.potential import CommitteePotential
from sampler.relax import RelaxParams, relax

MODEL = "gfn1-xtb_sa_am"
ACID = np.array(
    [[0.0, 0.0, 0.1], [1.20, 0.0, 0.85], [-1.15, 0.15, 0.9], [0.05, 1.3, -0.8], [0.0, -1.25, -0.85], [0.0, 2.15, -0.35],
     [0.9, -1.4, -1.2]]
)  # fmt: skip
AMMONIA = np.array([[0.1, 3.8, 0.55], [0.95, 4.0, 0.1], [-0.75, 4.0, 0.05], [0.1, 4.2, 1.5]])
NUMBERS = np.array([16, 8, 8, 8, 8, 1, 1, 7, 1, 1, 1])


def starts(count=4, seed=0):
    rng = np.random.default_rng(seed)
    shape = np.concatenate([ACID, AMMONIA])
    return Clusters.make([shape + rng.normal(0, 0.03, shape.shape) for _ in range(count)], [NUMBERS] * count)


def same(device):
    """Energies, forces and minima on ``device`` are those of the fused kernels."""
    clusters = starts()
    fused = get_potential("painn", model=MODEL)
    other = get_potential("painn", model=MODEL, engine="torch", device=device)
    a, b = fused.evaluate(clusters), other.evaluate(clusters)
    print("energy", np.abs(a.energy - b.energy).max(), "forces", np.abs(a.forces - b.forces).max())
    assert np.abs(a.energy - b.energy).max() < 1e-4
    assert np.abs(a.forces - b.forces).max() < 1e-4
    ends = [relax(clusters, p, RelaxParams(fmax=0.01)) for p in (fused, other)]
    assert all(e.columns["converged"].all() for e in ends)
    assert np.abs(ends[0].energy - ends[1].energy).max() < 2e-3, (ends[0].energy, ends[1].energy)


def test_the_torch_path_on_the_cpu():
    same("cpu")


def test_cuda():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    same("cuda")
    spread = CommitteePotential([get_potential("painn", model=MODEL, device="cuda") for _ in range(2)])
    assert spread.evaluate(starts()).energy_spread.max() < 1e-4


def test_a_device_that_is_not_there_costs_one_line():
    torch = pytest.importorskip("torch")
    absent = "cuda:63" if torch.cuda.is_available() else "cuda"
    for device in (absent, "abacus"):
        with pytest.raises(PotentialError, match=f"cannot run on the device '{device}' here: .*device='cpu'") as caught:
            get_potential("painn", model=MODEL, device=device).evaluate(starts(1))
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="runs on the CPU"):
        get_potential("painn", model=MODEL, engine="fused", device="cuda")


def test_batches_are_larger_on_a_device():
    """The batch of a relaxation is what the potential prefers, unless the user says otherwise."""
    seen = []

    class Spy(Potential):
        level, batch_atoms = "spy", 33

        def evaluate(self, clusters, forces=True):
            seen.append(len(clusters.numbers))
            return get_potential("lennard-jones").evaluate(clusters, forces)

    relax(starts(6), Spy(), RelaxParams(max_steps=2))
    assert max(seen) == 33
    seen.clear()
    relax(starts(6), Spy(), RelaxParams(max_steps=2, batch_atoms=22))
    assert max(seen) == 22
    cpu = get_potential("painn", model=MODEL)
    gpu = get_potential("painn", model=MODEL, device="cuda")  # nothing is started yet
    assert gpu.engine == "torch" and gpu.batch_atoms > cpu.batch_atoms
