"""Temporary folders: those of killed processes are removed by the next one, and nothing else ever is."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sampler.workers import scratch
from sampler.workers.processes import born_at

ROOT = Path(__file__).resolve().parents[2]
PLACE = "0123456789abcdef"

SCRIPT = """
import os, signal, sys
from sampler.funnel.stages.with_potential import _local_folder
folder = _local_folder().name
open(os.path.join(folder, "weights.npy"), "w").close()
print(folder, flush=True)
if sys.argv[1] == "wait":
    sys.stdin.read()
if sys.argv[1] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def start(what, tmp_path):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, what], cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def test_the_next_process_removes_what_a_killed_one_left(tmp_path):
    living = start("wait", tmp_path)
    used = Path(living.stdout.readline().strip())
    killed = start("die", tmp_path)
    left = Path(killed.communicate()[0].strip())
    assert killed.returncode == -signal.SIGKILL and left.is_dir() and left.parent == tmp_path
    after = start("end", tmp_path)
    own = Path(after.communicate()[0].strip())
    assert not left.exists() and not own.exists()
    assert (used / "weights.npy").exists(), "a folder in use is not touched"
    living.communicate("")
    assert not used.exists() and not list(tmp_path.iterdir())


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def make(folder, pid, born="77", place=PLACE):
    path = folder / f"cluster-sampler-{place}-{pid}-{born}-abc_123"
    path.mkdir()
    (path / "weights.npy").write_bytes(b"numbers")
    return path


def test_whose_folders_are_removed(temporary, gone):
    mine = os.getpid()
    stale = [make(temporary, gone), make(temporary, gone, born="")]
    kept = [
        make(temporary, mine, born_at(mine)),
        make(temporary, mine, ""),  # started at an unknown time: the number alone must do
        make(temporary, gone, place="fedcba9876543210"),  # another host or container: its numbers say nothing here
        make(temporary, f"0{gone}"),
    ]
    if born_at(mine):
        stale.append(make(temporary, mine, "1"))  # the number is used again
    old = temporary / "cluster-sampler-abcd1234"  # of an earlier version, without an owner
    old.mkdir()
    scratch.remove_stale(PLACE)
    assert not any(p.exists() for p in stale)
    assert all((p / "weights.npy").exists() for p in kept) and old.is_dir()


def test_links_are_not_followed(temporary, tmp_path, gone):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years")
    link = temporary / f"cluster-sampler-{PLACE}-{gone}-77-link"
    link.symlink_to(precious, target_is_directory=True)
    stale = make(temporary, gone)
    (stale / "inside").symlink_to(precious, target_is_directory=True)
    file = temporary / f"cluster-sampler-{PLACE}-{gone}-77-file"
    file.write_text("a file of that name")
    scratch.remove_stale(PLACE)
    assert not stale.exists()
    assert link.is_symlink() and (precious / "thesis.tex").exists() and file.exists()


def test_folders_of_other_users_stay(temporary, gone, monkeypatch):
    stale = make(temporary, gone)
    monkeypatch.setattr(os, "getuid", lambda: stale.stat().st_uid + 1)
    scratch.remove_stale(PLACE)
    assert stale.exists()


def test_nothing_is_raised(temporary, gone, monkeypatch):
    stale = make(temporary, gone)

    def refused(*_, **__):
        raise PermissionError(13, "not yours")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refused)
        patch.setattr(os, "unlink", refused)
        scratch.remove_stale(PLACE)
    assert stale.exists()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "absent"))
    scratch.remove_stale(PLACE)


def test_a_place_that_cannot_be_told(temporary, gone, monkeypatch):
    """Nothing is judged, and the own folder is left alone by all."""
    stale = make(temporary, gone)
    monkeypatch.setattr(scratch, "_place", lambda: "")
    with scratch.folder() as name:
        assert not scratch._NAME.fullmatch(Path(name).name)
    assert stale.exists()
