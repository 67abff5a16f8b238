"""The composite methods against ORCA, Gaussian, published parts and numerical derivatives."""

import dataclasses
import re
import subprocess
import sys
from types import MappingProxyType

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import InputError, MissingDependency, PotentialError
from sampler.potentials.composite import CompositePotential
from sampler.potentials.composite.methods import METHODS, get_method
from sampler.units import BOHR, HARTREE, HARTREE_PER_BOHR

pyscf = pytest.importorskip("pyscf")
pytest.importorskip("dftd3")
pytest.importorskip("dftd4")

from sampler.potentials.composite import corrections, fast, gpu, molecule  # noqa: E402
from sampler.potentials.composite import reference as public  # noqa: E402

pytestmark = pytest.mark.once

B97 = get_method("b97-3c")
TIGHT = dataclasses.replace(B97, convergence=(1e-10, 1e-6))
LARGE_GRID = MappingProxyType({"default": (99, 590)})

# ethene-ethyne, S16 of the S22 set, bohr; the second molecule is ethyne
S16 = np.array(
    [
        [0.0, -1.26153959, -4.01502362], [0.0, 1.26153959, -4.01502362], [1.74539073, -2.32862069, -4.01790734],
        [-1.74539073, -2.32862069, -4.01790734], [-1.74539073, 2.32862069, -4.01790734],
        [1.74539073, 2.32862069, -4.01790734], [0.0, 0.0, 5.48115630], [0.0, 0.0, 3.19975986],
        [0.0, 0.0, 1.18552346], [0.0, 0.0, 7.49074019],
    ]
)  # fmt: skip
S16_NUMBERS = np.array([6, 6, 1, 1, 1, 1, 6, 6, 1, 1])
ETHYNE = slice(6, None)


def ammonia(seed=0, size=0.08):
    """A distorted ammonia, Å."""
    numbers = np.array([7, 1, 1, 1])
    x = np.array([[0.0, 0, 0.12], [0, 0.94, -0.27], [0.81, -0.47, -0.27], [-0.81, -0.47, -0.27]])
    return numbers, x + size * np.random.default_rng(seed).normal(size=x.shape)


@pytest.mark.parametrize(
    "name, published", [("b97-3c", -77.26992220), pytest.param("r2scan-3c", -77.30233380, marks=pytest.mark.slow)]
)
def test_the_scf_part_of_orca_without_fitting(name, published):
    """ORCA, no RI, very large grid, as published with the tests of Psi4: SCF energy of ethyne in Eh."""
    plain = dataclasses.replace(get_method(name), fitting="", grid=LARGE_GRID)
    mol = molecule.build(plain, S16_NUMBERS[ETHYNE], S16[ETHYNE] * BOHR, 0)
    energy, _ = public.scf(plain, mol, forces=False)
    assert energy == pytest.approx(published, abs=1e-5), (energy, published)


def test_the_published_corrections():
    """Dispersion and counterpoise of the S16 dimer and of ethyne in Eh, same source."""
    for name, part, dimer, ethyne in (
        ("b97-3c", "dispersion", -1.0633036221941e-02, -3.2472858339059e-03),
        ("b97-3c", "counterpoise", -0.027189940, -0.012690835),
        ("r2scan-3c", "dispersion", -1.4455457680017e-03, -3.3971225644558e-04),
        ("r2scan-3c", "counterpoise", 0.0020969558, 0.0003797674),
    ):
        for atoms, published in ((slice(None), dimer), (ETHYNE, ethyne)):
            parts = corrections.correction(get_method(name), S16_NUMBERS[atoms], S16[atoms], 0)[2]
            assert parts[part] == pytest.approx(published, abs=2e-7), (name, part, parts[part], published)


def test_corrections_of_orca_outputs(reference):  # the fixture, see conftest.py
    """D3 and short-range bond term as ORCA 5.0.3 prints them for SA4AM4."""
    outputs = sorted((reference / "sa_am" / "orca503_b973c_engrad" / "raw").glob("*.out"))[:4]
    assert outputs
    for path in outputs:
        text = path.read_text()
        printed = {
            "dispersion": float(re.findall(r"Dispersion correction +(-\d+\.\d+)", text)[0]),
            "counterpoise": float(re.findall(r"SRB correction +(-\d+\.\d+)", text)[0]),
        }
        frame = np.loadtxt(path.with_suffix(".xyz"), skiprows=2, usecols=(1, 2, 3))
        symbols = np.loadtxt(path.with_suffix(".xyz"), skiprows=2, usecols=0, dtype=str)
        numbers = np.array([{"H": 1, "N": 7, "O": 8, "S": 16}[s] for s in symbols])
        parts = corrections.correction(B97, numbers, frame / BOHR, 0)[2]
        # ORCA leaves distant triples out of the three-body term: microhartrees at 44 atoms
        assert parts == pytest.approx(printed, abs=5e-6), (path.name, parts, printed)


@pytest.mark.parametrize("name", METHODS)
def test_gradients_of_the_corrections(name):
    rng = np.random.default_rng(1)
    numbers = np.array([16, 8, 8, 8, 8, 1, 1, 7, 1, 1, 1, 6])
    positions = rng.uniform(-1, 1, size=(12, 3)) + 3.2 * np.array(list(np.ndindex(2, 2, 3)))
    direction = rng.normal(size=positions.shape)
    direction /= np.linalg.norm(direction)
    method = get_method(name)
    energy = lambda s: corrections.correction(method, numbers, positions + s * direction, 0)[0]  # noqa: E731
    numerical = (energy(1e-3) - energy(-1e-3)) / 2e-3
    analytical = np.vdot(corrections.correction(method, numbers, positions, 0)[1], direction)
    assert analytical == pytest.approx(numerical, abs=1e-8), (analytical, numerical)


@pytest.mark.parametrize(
    "name, driver",
    [
        ("b97-3c", fast),
        ("b97-3c", public),
        pytest.param("r2scan-3c", public, marks=pytest.mark.slow),
        pytest.param("wb97x-d", public, marks=pytest.mark.slow),
    ],
)
def test_forces_are_derivatives_of_the_energy(name, driver):
    """Also of the integration grid: the small grid costs accuracy, not consistency."""
    method = dataclasses.replace(get_method(name), convergence=(1e-10, 1e-6))
    numbers, positions = ammonia()
    direction = np.random.default_rng(2).normal(size=positions.shape)
    direction /= np.linalg.norm(direction)

    def energy(step):
        return driver.scf(method, molecule.build(method, numbers, positions + step * direction, 0), False)[0] * HARTREE

    h = 2e-3
    numerical = (8 * (energy(h) - energy(-h)) - (energy(2 * h) - energy(-2 * h))) / (12 * h)
    gradient = driver.scf(method, molecule.build(method, numbers, positions, 0))[1] * HARTREE_PER_BOHR
    assert np.vdot(gradient, direction) == pytest.approx(numerical, abs=2e-5), (np.vdot(gradient, direction), numerical)
    assert np.abs(gradient.sum(axis=0)).max() < 1e-5  # no net force


@pytest.mark.parametrize("charge", [0, 1])
def test_fast_equals_public_interface(charge):
    numbers, positions = ammonia(3)
    if charge:
        numbers, positions = np.append(numbers, 1), np.vstack([positions, [[0.05, 0.0, 1.2]]])
    mol = molecule.build(B97, numbers, positions, charge)
    (e1, g1), (e2, g2) = fast.scf(B97, mol), public.scf(B97, mol)
    assert e1 * HARTREE == pytest.approx(e2 * HARTREE, abs=1e-5), (e1, e2)
    difference = np.abs(g1 - g2).max() * HARTREE_PER_BOHR
    assert difference < 1e-3, difference  # bounded by the SCF thresholds
    (e3, g3), (e4, g4) = fast.scf(TIGHT, mol), public.scf(TIGHT, mol)
    assert e3 * HARTREE == pytest.approx(e4 * HARTREE, abs=2e-6), (e3, e4)
    assert np.abs(g3 - g4).max() * HARTREE_PER_BOHR < 5e-5, np.abs(g3 - g4).max() * HARTREE_PER_BOHR


@pytest.mark.slow
def test_fast_equals_public_interface_for_a_cluster():
    """SA1AM1, where orbitals and points are screened."""
    sa = np.array(
        [[-1.1536, -0.4367, -0.8712], [0, 0, 0.1307], [-0.4023, 1.1664, 0.8136], [0.4023, -1.1664, 0.8136],
         [1.1537, 0.4367, -0.8712], [-1.6630, 0.3298, -1.1643], [1.6631, -0.3297, -1.1642]]
    )  # fmt: skip
    n, x = ammonia(4)
    numbers = np.append([8, 16, 8, 8, 8, 1, 1], n)
    mol = molecule.build(TIGHT, numbers, np.vstack([sa, x + [3.9, -0.7, -2.0]]), 0)
    (e1, g1), (e2, g2) = fast.scf(TIGHT, mol), public.scf(TIGHT, mol)
    assert e1 * HARTREE == pytest.approx(e2 * HARTREE, abs=5e-6), (e1, e2)
    assert np.abs(g1 - g2).max() * HARTREE_PER_BOHR < 1e-4


def test_ammonia_and_water_of_orca(reference):
    """B97-3c energy of the ammonia minimum, ORCA 5 with its own fitting basis, Elm's database."""
    from ase.io import read

    frames = read(reference / "monomers" / "monomers_b973c.extxyz", ":")
    for name in ("1am", "1ma"):
        frame = next(f for f in frames if f.info["name"] == name)
        ours = CompositePotential().evaluate(Clusters.from_ase([frame])).energy[0] / HARTREE
        published = frame.info["b973c_electronic_energy_Eh"]
        assert ours == pytest.approx(published, abs=1e-4), (name, ours, published)  # 0.06 kcal/mol: the grids


def test_fitting_basis_has_the_shape_of_orcas():
    """ORCA 5.0.3 prints 608 orbitals and 924 fitting functions for SA4AM4."""
    from pyscf.df.addons import make_auxmol

    symbols = ("H", "N", "O", "S")
    one = molecule.build(
        B97, np.array([16, 8, 8, 8, 8, 1, 1, 7, 1, 1, 1]), 3.0 * np.array(list(np.ndindex(1, 1, 11))), 0
    )
    assert 4 * one.nao == 608
    assert 4 * make_auxmol(one, molecule.fitting_basis(B97.fitting, symbols)).nao == 924


@pytest.mark.parametrize("name", ["1am", "1w", pytest.param("1sa", marks=pytest.mark.slow)])
def test_wb97xd_of_gaussian(reference, name):
    """wB97X-D/6-31++G(d,p) of Gaussian 16: ammonia, water and sulfuric acid."""
    from ase.io import read

    frames = read(reference / "monomers" / "monomers_wb97xd_dlpno.extxyz", ":")
    frame = next(f for f in frames if f.info["name"] == name)
    ours = CompositePotential("wb97x-d").evaluate(Clusters.from_ase([frame]), forces=False).energy[0] / HARTREE
    published = frame.info["wb97xd_electronic_energy_Eh"]
    assert ours == pytest.approx(published, abs=7e-5 if name == "1sa" else 1e-5), (name, ours, published)


def test_one_bad_structure_costs_that_structure_alone():
    numbers, positions = ammonia()
    clash = positions.copy()
    clash[1] = clash[0] + 0.1
    batch = Clusters.make([positions, clash, positions, positions[:3]], [numbers, numbers, numbers, numbers[:3]])
    batch = batch.replace(charge=np.array([0, 0, 1, -1]))
    result = CompositePotential().evaluate(batch)
    assert [f.split(":")[0] for f in result.failure] == ["", "clash", "open_shell", ""]
    assert list(np.isfinite(result.energy)) == [True, False, False, True]
    assert np.isnan(result.forces[4:12]).all() and np.isfinite(result.forces[:4]).all()


def test_unknown_method_and_element():
    with pytest.raises(InputError, match="no composite method is called 'b97'; known: b97-3c"):
        CompositePotential("b97")
    with pytest.raises(InputError, match="holds H, C, N, O, S, not He"):
        CompositePotential().require([2])


@pytest.mark.parametrize("name, unknown", [("b97-3c", "He"), ("r2scan-3c", "Xe"), ("wb97x-d", "He"), ("wb97x-d", "Xe")])
def test_an_element_without_functions_is_the_failure_of_its_structure(name, unknown):
    """One such structure among thousands must not end a label run."""
    numbers = {"He": 2, "Xe": 54}[unknown]
    hydrogen = Clusters.make([[[0, 0, 0], [0, 0, 0.74]], np.zeros((1, 3))], [[1, 1], [numbers]])
    result = CompositePotential(name).evaluate(hydrogen, forces=False)
    assert result.failure[0] == "" and np.isfinite(result.energy[0])
    assert re.match(rf"element: .*{unknown}", result.failure[1]), result.failure


def test_a_gpu_that_is_not_there_and_one_that_is(monkeypatch):
    numbers, positions = ammonia()
    one = Clusters.make([positions], [numbers])
    with pytest.raises(InputError, match="device is 'gpu'; possible: auto, cpu, cuda"):
        CompositePotential(device="gpu")
    monkeypatch.setattr(gpu, "unavailable", lambda: "no CUDA device")
    with pytest.raises(PotentialError, match="b97-3c cannot run on a GPU here: no CUDA device; use device='cpu'"):
        CompositePotential(device="cuda").evaluate(one)
    assert CompositePotential(device="auto")._driver() is fast
    monkeypatch.setattr(gpu, "unavailable", lambda: "")
    assert CompositePotential(device="auto")._driver() is gpu and CompositePotential(device="cpu")._driver() is fast


@pytest.mark.skipif(bool(gpu.unavailable()), reason=f"no GPU for it: {gpu.unavailable()}")
@pytest.mark.parametrize("name", list(METHODS))
def test_the_gpu_gives_the_numbers_of_the_cpu(name):
    numbers, positions = ammonia()
    one = Clusters.make([positions], [numbers])
    here, there = (CompositePotential(name, device=d).evaluate(one) for d in ("cpu", "cuda"))
    assert there.energy[0] == pytest.approx(here.energy[0], abs=2e-5), (there.energy, here.energy)
    np.testing.assert_allclose(there.forces, here.forces, atol=1e-3)


@pytest.mark.parametrize("missing", ["pyscf", "dftd3"])
def test_missing_engine_is_named_with_its_extra(monkeypatch, missing):
    for name in [m for m in sys.modules if m == missing or m.startswith(missing + ".")] + [missing]:
        monkeypatch.setitem(sys.modules, name, None)
    numbers, positions = ammonia()
    with pytest.raises(MissingDependency, match=rf"{missing}.*remedy: pip install .*\[dft\]"):
        CompositePotential().evaluate(Clusters.make([positions], [numbers]))


def test_importing_loads_no_engine():
    code = (
        "import sys, sampler.potentials.composite; print([m for m in ('pyscf', 'dftd3', 'numba') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
