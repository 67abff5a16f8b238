"""Grids: what they stand for, and orders in which every system comes after those it grows from."""

import pytest

from sampler.errors import CompositionError, InputError
from sampler.monomers import MonomerLibrary
from sampler.screen.grid import expand, order, read_list, sources, systems


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["1-2sa", "0-1am"], ["1sa0am", "1sa1am", "2sa0am", "2sa1am"]),
        (["2sa", "am=sa"], ["2sa2am"]),
        (["1-2SA", "am=sa±1"], ["1sa0am", "1sa1am", "1sa2am", "2sa1am", "2sa2am", "2sa3am"]),
        (["1sa", "am=sa±2"], ["1sa0am", "1sa1am", "1sa2am", "1sa3am"]),
        (["2sa", "am=2sa+-1"], ["2sa3am", "2sa4am", "2sa5am"]),
        (["1-2sa", "am=sa-1", "1w"], ["1sa1w0am", "2sa1w1am"]),
        (["2-3sa", "dma=sa+1", "4sa4am"], ["2sa3dma", "3sa4dma", "4sa4am"]),
        (["4sa4am", "1b2sa"], ["4sa4am", "1b2sa"]),
    ],
)
def test_what_a_grid_stands_for(words, names):
    assert expand(words) == names


def test_the_grid_of_the_literature():
    """(SA)n(AM)n, n±1 and n±2 for n = 1 to 15: five a row but for the first."""
    names = expand(["1-15sa", "am=sa±2"])
    assert len(names) == len(set(names)) == 15 * 5 - 1
    assert "15sa17am" in names and "15sa13am" in names and "1sa3am" in names


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["4-1sa"], "write 1-4sa"),
        (["sa1-4"], "cannot read 'sa1-4'"),
        (["1-2sa", "1sa"], "two axes of sa"),
        (["1-2sa", "am=w±1"], "needs a range of w"),
        (["1-999sa", "0-999am"], "more than 100000"),
    ],
)
def test_mistakes(words, says):
    with pytest.raises(CompositionError, match=says):
        expand(words)


def test_systems(library, tmp_path):
    grid = systems(expand(["0-1sa", "0-1am"]), library)
    assert list(grid) == ["1am", "1sa", "1sa1am"]
    with pytest.raises(CompositionError, match="holds no molecule"):
        systems(expand(["0sa"]), library)
    (tmp_path / "list.txt").write_text("4SA4am, 2sa2am\n# not this: 9sa\n1b1am  # a comment\n")
    assert list(systems(read_list(tmp_path / "list.txt"), library, None)) == ["4sa4am", "2sa2am", "1b1am"]
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="holds no system"):
        read_list(tmp_path / "empty.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_list(tmp_path / "absent.txt")


def test_sources(library):
    grid = systems(expand(["1-3sa", "0-3am"]), library)
    assert sources("2sa2am", grid, library) == ["1sa1am", "1sa2am", "2sa1am"]
    assert sources("3sa", grid, library) == ["2sa"]
    assert sources("1sa", grid, library) == []


def test_orders(library):
    grid = systems(expand(["1-3sa", "1-3am"]), library)
    small = order(grid, library)
    sizes = [grid[n].molecules() for n in small]
    assert sizes == sorted(sizes) and small[:2] == ["1sa1am", "1sa2am"]
    assert small.index("2sa2am") < small.index("3sa1am")
    assert order(grid, library, by="given") == list(grid)
    assert order(grid, library, ["3sa3am"])[0] == "3sa3am"  # nothing grows: it may be first
    with pytest.raises(InputError, match="4sa4am in --priority is not in the grid"):
        order(grid, library, ["4sa4am"])
    with pytest.raises(InputError, match="no order is called 'large'"):
        order(grid, library, by="large")


@pytest.mark.parametrize("by", ["small", "given"])
@pytest.mark.parametrize("first", [[], ["3sa3am"], ["4sa2am", "1sa4am"]])
def test_growth_comes_from_what_was_run_before(library, by, first):
    grid = systems(reversed(expand(["1-4sa", "0-4am"])), library)
    names = order(grid, library, first, by=by, growth=True)
    assert sorted(names) == sorted(grid)
    for position, name in enumerate(names):
        assert set(sources(name, grid, library)) <= set(names[:position]), name
    if first == ["3sa3am"]:  # only what it grows from stands before it
        before = names[: names.index("3sa3am")]
        assert all(grid[n].molecules() < 6 for n in before) and "4sa" not in before
