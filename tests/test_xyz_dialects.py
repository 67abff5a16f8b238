"""XYZ files as other programs write them, read as these programs mean them."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import FileFormatError
from sampler.interop import read_any
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.units import HARTREE


@pytest.fixture(scope="module")
def water():
    one = MonomerLibrary.load()["w"]
    energy = get_potential("gfn1-xtb").evaluate(Clusters.make([one.conformers[0].positions], [one.numbers])).energy[0]
    lines = [" ".join([s, *map(repr, x)]) for s, x in zip("OHH", one.conformers[0].positions.tolist())]
    return lines, float(energy)


def frame(comment, lines):
    return "\n".join([str(len(lines)), comment, *lines]) + "\n"


def test_orca_separates_the_frames_of_allxyz(tmp_path, water):
    lines, energy = water
    one = frame(f"{energy / HARTREE:.8f}", lines)
    path = tmp_path / "scan.allxyz"
    path.write_text(">\n".join([one] * 3))
    found = read_any(path)
    assert len(found) == 3
    np.testing.assert_allclose(found.energy, energy, atol=1e-6)
    (tmp_path / "cut.allxyz").write_text(frame("", lines).replace(lines[1], ">"))
    with pytest.raises(FileFormatError, match="line 4"):
        read_any(tmp_path / "cut.allxyz")


@pytest.mark.parametrize("comment", [" SCF done  {:.8f}", " energy: {:.8f} gnorm: 0.0004 xtb: 6.6.1 (8d0f1dd)"])
def test_comments_of_xtb(tmp_path, water, comment):
    lines, energy = water
    path = tmp_path / "xtbopt.xyz"
    path.write_text(frame(comment.format(energy / HARTREE), lines))
    assert read_any(path).energy[0] == pytest.approx(energy, abs=1e-6)


def test_atomic_numbers_in_place_of_species(tmp_path, water):
    from ase.io import read

    lines, energy = water
    numbers = [line.replace("O", "8").replace("H", "1") for line in lines]
    path = tmp_path / "quip.extxyz"
    path.write_text(frame(f'Properties=Z:I:1:pos:R:3 energy={energy} pbc="F F F"', numbers))
    found = read_any(path)
    theirs = read(path)
    assert found.numbers.tolist() == theirs.arrays["numbers"].tolist() == [8, 1, 1]
    np.testing.assert_allclose(found.positions, theirs.positions, atol=1e-8)
