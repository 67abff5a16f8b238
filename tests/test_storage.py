"""Atomic files and the errors of a full or read-only disk."""

import errno
import os
import pickle

import pytest

from sampler import errors
from sampler.errors import StorageError
from sampler.storage import write_atomic, write_text


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "f"
    write_text(path, "old")

    def fail(handle):
        handle.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="disk is full.*resumes"):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_really_full_device(tmp_path):
    def onto_full_device(handle):
        with open("/dev/full", "wb") as full:
            full.write(b"x" * 100_000)

    with pytest.raises(StorageError, match="disk is full"):
        write_atomic(tmp_path / "f", onto_full_device)


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_text(tmp_path / "f" / "g", "x")


def test_all_errors_survive_pickling():
    made = [
        cls("message") if cls is not errors.MissingDependency else cls("pyscf", "B97-3c", "dft")
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.SamplerError)
    ]
    assert len(made) > 10
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
