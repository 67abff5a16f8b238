"""Point groups against libmsym (pymsym) and textbook molecules."""

import numpy as np
import pytest

from sampler.errors import InputError
from sampler.monomers import MonomerLibrary
from sampler.refine.thermo import point_group

NAMES = [
    "H2O", "NH3", "CH4", "CO2", "N2", "C6H6", "H2O2", "C2H4", "C2H6", "CH3CH2OH", "CH3SiH3", "HCOOH", "C3H4_D2d",
    "bicyclobutane", "SiH4", "C2H2", "trans-butane", "cyclobutane", "HCN",
]  # fmt: skip


def noisy(positions, seed, size=0.003):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return positions @ turn.T + rng.normal(size=positions.shape) * size + 3.0


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_libmsym(name):
    pymsym = pytest.importorskip("pymsym")
    from ase.build import molecule

    atoms = molecule(name)
    theirs = pymsym.get_point_group(atoms.numbers, atoms.positions).replace("inf", "*")
    for seed in (None, 0, 1):
        found = point_group(atoms.numbers, atoms.positions if seed is None else noisy(atoms.positions, seed))
        assert found.name == theirs, (found, theirs)
        assert found.symmetry_number == pymsym.get_symmetry_number(atoms.numbers, atoms.positions)


def ring(n, z=0.0, turn=0.0, radius=1.5):
    a = 2 * np.pi * np.arange(n) / n + turn
    return np.stack([radius * np.cos(a), radius * np.sin(a), np.full(n, z)], 1)


@pytest.mark.parametrize(
    ("expected", "parts"),
    [
        ("D3", [ring(3, 0.8), ring(3, -0.8, 0.3)]),
        ("D5d", [ring(5, 0.8), ring(5, -0.8, np.pi / 5)]),
        ("D5h", [ring(5, 0.8), ring(5, -0.8)]),
        ("D4d", [ring(4, 0.8), ring(4, -0.8, np.pi / 4)]),
        ("C3", [ring(3, 0.0), ring(3, 0.7, 0.4, 1.9), [[0, 0, 1.4]]]),
        ("C4v", [ring(4), [[0, 0, 1.0]]]),
        ("C3h", [ring(3), ring(3, 0.0, 0.3, 2.4)]),
        ("S4", [[[1, 0.3, 0.5], [-0.3, 1, -0.5], [-1, -0.3, 0.5], [0.3, -1, -0.5]], [[0, 0, 1.3], [0, 0, -1.3]],
                [[1.5, -0.8, 0.2], [0.8, 1.5, -0.2], [-1.5, 0.8, 0.2], [-0.8, -1.5, -0.2]]]),
        ("Oh", [np.concatenate([np.eye(3), -np.eye(3)])]),
        ("D2", [[[1, 1.2, 0.6], [-1, -1.2, 0.6], [1, -1.2, -0.6], [-1, 1.2, -0.6]]]),
        ("Ci", [[[1, 1.2, 0.6], [-1, -1.2, -0.6], [0.3, 2, -1], [-0.3, -2, 1], [1.5, 0, 0.1], [-1.5, 0, -0.1]]]),
    ],
)  # fmt: skip
def test_constructed_groups(expected, parts):
    x = np.concatenate([np.asarray(p, float) for p in parts])
    like = expected in ("D3", "D5d", "D5h", "D4d")  # two rings of one element
    numbers = np.concatenate([[6 if like else 6 + i] * len(p) for i, p in enumerate(parts)])
    for seed in (0, 1):
        found = point_group(numbers, noisy(x, seed))
        assert found.name == expected, (found, expected)
        assert found.chiral == (expected in ("D3", "C3", "D2"))


def test_icosahedron():
    golden = (1 + 5**0.5) / 2
    x = np.array([p for a in (-1, 1) for b in (-golden, golden) for p in ([0, a, b], [a, b, 0], [b, 0, a])], float)
    found = point_group(np.full(12, 5), noisy(x, 0))
    assert (found.name, found.symmetry_number, found.chiral) == ("Ih", 60, False)


def test_monomers():
    """H2SO4 is C2 and chiral in its lowest form; the group of HSO4⁻ and of a random packing is trivial or a mirror."""
    library = MonomerLibrary.load()
    groups = {n: point_group(library[n].numbers, library[n].conformers[0].positions) for n in ("sa", "w", "am", "amh")}
    found = {n: (g.name, g.symmetry_number) for n, g in groups.items()}
    assert found == {"sa": ("C2", 2), "w": ("C2v", 2), "am": ("C3v", 3), "amh": ("Td", 12)}
    assert groups["sa"].chiral


def test_no_symmetry_and_one_atom():
    rng = np.random.default_rng(3)
    assert point_group(np.full(30, 8), rng.normal(size=(30, 3)) * 3).name == "C1"
    assert point_group(np.array([18]), np.zeros((1, 3))).symmetry_number == 1
    with pytest.raises(InputError):
        point_group(np.array([1, 1]), np.array([[0, 0, np.nan], [0, 0, 1]]))
