"""A training that is stopped from outside, and what it finds when it goes on: whole, damaged or another's."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from test_learn_train import SMALL, labels_of, weights
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.errors import RunError
from sampler.learn.training.targets import direct_targets
from sampler.learn.training.train import train
from sampler.monomers import MonomerLibrary

pytestmark = pytest.mark.once
_SLOW = """
import sys, time
from sampler.learn.training import fast_engine as fast
from sampler.learn.training.curves import Reporter

def slowly(self, row, better):
    print("finished", row["epoch"], file=sys.stderr, flush=True)
    time.sleep(0.4)

Reporter.epoch = slowly
fast._CHECKPOINT_SECONDS = float(sys.argv.pop(1))
from sampler.cli.app import main
main()
"""
_TINY = ["--recipe", "quick", "--epochs", "5", "--seed", "3"]
for _setting in ("n_atom_basis=16", "n_interactions=1", "n_rbf=8", "batch_size=4", "warmup=2"):
    _TINY += ["--set", _setting]


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def data(tmp_path_factory, library):
    file = tmp_path_factory.mktemp("labels") / "springs.npz"
    labels_of(library, 12).save(file)
    return file


def stop_in_third_epoch(arguments, how, checkpoint, cwd):
    """Exit status and what was said on standard error by ``sampler`` with a signal sent to it."""
    # a shell's background jobs ignore Ctrl-C, and what they start inherits that
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    with open(cwd / "told", "w") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", _SLOW, str(checkpoint), *arguments], stdout=told, stderr=told, preexec_fn=heed
        )
    end = time.monotonic() + 300
    while "finished 2" not in (cwd / "told").read_text() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(how)
    return process.wait(120), (cwd / "told").read_text()


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="needs POSIX signals")
@pytest.mark.parametrize(("engine", "how", "status", "checkpoint"), [
    ("fast", signal.SIGINT, 130, 1e9), ("fast", signal.SIGTERM, 143, 1e9), ("fast", signal.SIGKILL, -9, 0),
    pytest.param("schnetpack", signal.SIGINT, 130, 0, marks=pytest.mark.slow),
])  # fmt: skip
def test_stopped_by_a_signal_it_keeps_its_epochs_and_goes_on_to_the_same_weights(
    tmp_path, data, engine, how, status, checkpoint
):
    arguments = lambda name: ["train", str(data), "-o", str(tmp_path / name), "--engine", engine, *_TINY]  # noqa: E731
    found, told = stop_in_third_epoch(arguments("parts"), how, checkpoint, tmp_path)
    assert found == status and "Traceback" not in told, told
    rows = list(csv.DictReader((tmp_path / "parts" / "curves.csv").open()))
    # the second epoch was told of before it was on disk
    assert (2 if checkpoint else 1) <= len(rows) < 5 and not (tmp_path / "parts" / "model").exists()
    if how != signal.SIGKILL:
        assert f"training stopped in epoch {len(rows) + 1}; kept: {len(rows)} finished epoch" in told, told
        assert told.rstrip().endswith("finished work is kept, the same command goes on from here"), told
    if how == signal.SIGINT:  # SIGTERM comes again, and may cut the drawing short
        assert (tmp_path / "parts" / "curves.png").stat().st_size > 1000
    for name in ("parts", "whole"):
        done = CliRunner().invoke(app, [*arguments(name), "-q"])
        assert done.exit_code == 0, done.exception
    a, b = weights(tmp_path / "parts"), weights(tmp_path / "whole")
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert len(list(csv.DictReader((tmp_path / "parts" / "curves.csv").open()))) == 5


@pytest.mark.parametrize("name, text", [
    ("training.json", "{"), ("training.json", "[]"), ("training.json", '{"settings": 3}'), ("state.npz", "not a zip"),
    ("state.npz", ""), ("state.npz", None),
])  # fmt: skip
def test_damaged_files_are_named(tmp_path, library, name, text):
    targets = direct_targets(labels_of(library, 8), library)
    train(targets, SMALL.replace(epochs=2), tmp_path, quiet=True, stop_after=1)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2] if text is None else text.encode())
    with pytest.raises(RunError, match="remove .*, or choose another") as error:
        train(targets, SMALL.replace(epochs=2), tmp_path, quiet=True)
    assert str(tmp_path / name) in str(error.value)
    if name == "state.npz":
        (tmp_path / name).unlink()
        assert train(targets, SMALL.replace(epochs=2), tmp_path, quiet=True).epochs == 2


@pytest.mark.slow
def test_a_damaged_state_of_the_other_engine_is_named(tmp_path, library):
    targets, settings = direct_targets(labels_of(library, 8), library), SMALL.replace(epochs=2, engine="schnetpack")
    train(targets, settings, tmp_path, quiet=True, stop_after=1)
    (tmp_path / "state.ckpt").write_bytes((tmp_path / "state.ckpt").read_bytes()[:1000])
    with pytest.raises(RunError, match="state.ckpt is damaged"):
        train(targets, settings, tmp_path, quiet=True)
