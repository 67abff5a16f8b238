"""Trajectories read back, whole and cut off anywhere."""

import gzip

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.dynamics.reading import count, frames
from sampler.dynamics.trajectory import frame
from sampler.errors import FileFormatError

NUMBERS = [8, 1, 1, 8, 1, 1]


@pytest.fixture
def written(tmp_path):
    """Twelve frames in four members, as programs that append write them; (path, positions, where each member ends)."""
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(12, 6, 3)).round(5)
    clusters = Clusters.make([positions[0]], [NUMBERS], charge=[1])
    texts = [frame(clusters, 0, x, time_fs=5.0 * k, energy_eV=-k / 3) for k, x in enumerate(positions)]
    members = [gzip.compress("".join(texts[k : k + 3]).encode(), 6, mtime=0) for k in range(0, 12, 3)]
    path = tmp_path / "trajectory.xyz.gz"
    path.write_bytes(b"".join(members))
    return path, positions, np.cumsum([len(m) for m in members])


def test_all_frames_and_each_third(written):
    path, positions, _ = written
    found = list(frames(path))
    assert np.array([f.positions for f in found]) == pytest.approx(positions, abs=1e-12)
    assert all(f.numbers.tolist() == NUMBERS and f.told["charge"] == "1" for f in found) and count(path) == 12
    assert [f.number("time_fs") for f in found] == [5.0 * k for k in range(12)]
    assert found[3].number("energy_eV") == pytest.approx(-1.0) and np.isnan(found[3].number("dipole"))
    thinned = list(frames(path, every=3))
    assert [f.index for f in thinned] == [0, 3, 6, 9]
    assert thinned[2].positions == pytest.approx(positions[6], abs=1e-12)


@pytest.mark.parametrize("tail", [b"", bytes(5000)], ids=["cut", "zeros"])
def test_cut_off_anywhere_it_gives_the_frames_that_are_whole(written, tail):
    """A killed process leaves part of a member, a power cut zeros in its place."""
    path, positions, ends = written
    whole, seen = path.read_bytes(), set()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut] + tail)
        found = [f.positions for f in frames(path)]
        assert len(found) >= 3 * int((ends <= cut).sum())
        assert np.array(found).reshape(-1, 6, 3) == pytest.approx(positions[: len(found)], abs=1e-12)
        seen.add(len(found))
    assert {0, 3, 6, 9, 12} < seen


def test_what_is_no_trajectory_says_so(written, tmp_path):
    path, _, _ = written
    with pytest.raises(FileFormatError, match="cannot be read: No such file"):
        count(tmp_path / "nothing.xyz.gz")
    (tmp_path / "plain.xyz.gz").write_text("6\n\nO 0 0 0\n")
    with pytest.raises(FileFormatError, match="no gzipped trajectory"):
        count(tmp_path / "plain.xyz.gz")
    path.write_bytes(path.read_bytes() + b"something else")
    with pytest.raises(FileFormatError, match="or damaged"):
        count(path)
    for text, says in (
        ("six\n", "stands 'six'"),
        ("1\ntime_fs=0\nXx 0 0 0\n", "frame 0: 'Xx'"),
        ("1\ntime_fs=0\nO 0 0\n", "frame 0"),
        ("1\ntime_fs=0\nO 0 0 nan\n", "three numbers"),
    ):
        path.write_bytes(gzip.compress(text.encode()))
        with pytest.raises(FileFormatError, match=says):
            list(frames(path))
