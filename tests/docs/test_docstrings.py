"""Every public name has an example in its docstring, and the examples run."""

import doctest

import pytest

import sampler

NAMES = sorted(set(sampler.__all__) - {"__version__"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all: what an example runs, the next one finds finished."""
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("name", NAMES)
def test_examples(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    told = []
    for test in finder.find(sampler._found(name), name):
        runner.run(test, out=told.append)
    assert runner.tries > 0, f"sampler.{name} has no example"
    assert runner.failures == 0, "".join(told)
