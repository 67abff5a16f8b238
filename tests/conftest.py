"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

# one thread a process, as the workers do: results and timings of a busy machine stay comparable
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# a developer's own molecules are no part of the tests
os.environ["SAMPLER_HOME"] = str(Path(__file__).parent / "no-such-folder")

# before anything imports torch: it brings an older libgomp under which tblite fails to load
try:
    import tblite.interface  # noqa: E402, F401
except ImportError:
    pass

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption("--brief", action="store_true", help="each test with the first of its parameters only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--brief"):
        return
    first: dict = {}
    for item in items:
        first.setdefault(item.nodeid.partition("[")[0], item)
    kept = list(first.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of public reference data beside the checkout; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip("the reference data are not beside this checkout")
    return folder


@pytest.fixture
def sampler(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder: (exit status, standard output, standard error)."""
    import sys

    from sampler.cli.app import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAMPLER_HOME", str(tmp_path / "home"))

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["sampler", *map(str, words)])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
