"""Clusters: indexing, joining, files."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import FileFormatError, InputError, LevelError


def three(level="toy"):
    rng = np.random.default_rng(1)
    sizes = [3, 1, 4]
    return Clusters.make(
        [rng.normal(size=(n, 3)) for n in sizes],
        [rng.integers(1, 9, n) for n in sizes],
        charge=[0, 1, -1],
        ids=["a", "b", "c"],
        energy=[1.0, np.nan, 3.0],
        forces=[rng.normal(size=(n, 3)) for n in sizes],
        level=level,
        columns={"seed": [1, 2, 3], "state": ["x", "yy", "zzz"], "ok": [True, False, True]},
    )


def same(a: Clusters, b: Clusters) -> bool:
    names = ("positions", "numbers", "ptr", "charge", "ids", "energy", "forces")
    arrays = all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=n == "energy") for n in names)
    return arrays and a.level == b.level and all(np.array_equal(a.columns[k], b.columns[k]) for k in a.columns)


def test_indexing_keeps_atoms_with_their_structure():
    c = three()
    picked = c[[2, 0]]
    assert list(picked.ids) == ["c", "a"]
    assert np.array_equal(picked.positions[:4], c.positions[4:])
    assert np.array_equal(picked.forces[4:], c.forces[:3])
    assert list(c[c.columns["ok"]].ids) == ["a", "c"]
    assert list(c[1:].columns["state"]) == ["yy", "zzz"]
    assert len(c[np.zeros(0, int)]) == 0


def test_concatenate_inverts_splitting():
    c = three()
    assert same(Clusters.concatenate(list(c)), c)
    assert same(Clusters.concatenate(c.chunks(2)), c)


def test_concatenate_fills_missing_columns():
    c = three()
    joined = Clusters.concatenate([c, c.replace(columns={"seed": c.columns["seed"]})])
    assert list(joined.columns["state"][3:]) == ["", "", ""]
    assert not joined.columns["ok"][3:].any()


def test_levels_do_not_mix():
    with pytest.raises(LevelError, match="b97-3c.*toy|toy.*b97-3c"):
        Clusters.concatenate([three("toy"), three("b97-3c")])


def test_files_round_trip_and_are_reproducible(tmp_path):
    c = three()
    c.save(tmp_path / "a.npz")
    c.save(tmp_path / "b.npz")
    assert same(Clusters.load(tmp_path / "a.npz"), c)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign", "missing"])
def test_damaged_files_are_refused(tmp_path, damage):
    path = tmp_path / "x.npz"
    three().save(path)
    raw = bytearray(path.read_bytes())
    middle = raw.index(b"positions") + 200
    raw[middle] ^= 0xFF
    content = {"empty": b"", "truncated": path.read_bytes()[:-300], "flipped": bytes(raw), "foreign": b"hello"}
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[damage])
    with pytest.raises(FileFormatError, match="x.npz"):
        Clusters.load(path)


def test_no_flipped_byte_goes_unnoticed(tmp_path):
    path = tmp_path / "x.npz"
    three().save(path)
    raw = path.read_bytes()
    for at in range(0, len(raw) - 14, 7):  # but for the checksum's own
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        with pytest.raises(FileFormatError, match="x.npz"):
            Clusters.load(path)


def test_files_without_the_checksum_are_read(tmp_path):
    path = tmp_path / "x.npz"
    three().save(path)
    raw = path.read_bytes()
    path.write_bytes(raw[:-16] + b"\0\0")
    assert same(Clusters.load(path), three())


def test_pickles_inside_are_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", header=np.array([object()], dtype=object))
    with pytest.raises(FileFormatError):
        Clusters.load(tmp_path / "evil.npz")


def test_ase_round_trip():
    c = three()[[0, 2]]
    assert same(Clusters.from_ase(c.to_ase()), c)


def test_ase_finds_energies_and_forces(tmp_path):
    from ase.calculators.calculator import PropertyNotImplementedError
    from ase.io import read, write

    c = three()
    frames = c.to_ase()
    assert frames[0].get_potential_energy() == 1.0 and frames[0].info["level"] == "toy"
    assert np.array_equal(frames[2].get_forces(), c.forces[4:])
    with pytest.raises(PropertyNotImplementedError):  # ASE's own word for no energy
        frames[1].get_potential_energy()
    frames[0].positions += 0.1
    with pytest.raises(PropertyNotImplementedError):
        frames[0].get_potential_energy()
    write(tmp_path / "x.extxyz", three()[[0, 2]].to_ase())
    back = Clusters.from_ase(read(tmp_path / "x.extxyz", ":"))
    assert back.energy.tolist() == [1.0, 3.0] and back.level == "toy"
    assert np.allclose(back.forces, c[[0, 2]].forces, atol=1e-7)


def test_frames_as_earlier_versions_made_them():
    frames = three()[[0, 2]].to_ase()
    for frame in frames:
        frame.arrays["forces_eV_per_A"], frame.calc = frame.get_forces(), None
    assert same(Clusters.from_ase(frames), three()[[0, 2]])


def test_energies_of_nobody_knows_which_level_are_not_taken():
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    frame = Atoms("Ar")
    frame.calc = SinglePointCalculator(frame, energy=-1.0, forces=[[0, 0, 0]])
    assert np.isnan(Clusters.from_ase([frame]).energy).all()
    (frame,) = three()[[0]].to_ase()
    frame.calc = SinglePointCalculator(frame, energy=-1.0)  # of another program, beside the level of ours
    assert np.isnan(Clusters.from_ase([frame]).energy).all()


def test_wrong_shapes_are_refused():
    c = three()
    with pytest.raises(InputError, match="forces"):
        c.replace(forces=np.zeros((2, 3)))
    with pytest.raises(InputError, match="objects"):
        c.with_columns(bad=np.array([None, None, None], dtype=object))


def test_replace_takes_lists():
    named = three().replace(ids=["x", "y", "z"])
    assert named.ids.tolist() == ["x", "y", "z"] and isinstance(named.ids, np.ndarray)
