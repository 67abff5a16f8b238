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


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of public reference data beside the checkout; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip("the reference data are not beside this checkout")
    return folder
