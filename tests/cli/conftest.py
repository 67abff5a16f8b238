"""The command in an empty folder, for tests here that need the name of the package for itself."""

import pytest


@pytest.fixture
def words(sampler):
    """Run the command in an empty folder: (exit status, standard output, standard error)."""
    return sampler
