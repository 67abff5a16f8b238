"""What is varied: parsing, the grid of the paper, bad input."""

import itertools

import pytest

from sampler.errors import InputError
from sampler.learn.training.settings import TrainSettings
from sampler.study.tune_grid import Range, configurations, space_of

BASE = TrainSettings()


def test_the_grid_of_the_paper():
    grid = configurations(space_of("", [], BASE))
    assert grid == configurations(space_of("paper", [], BASE)) and len(grid) == 3 * 3 * 3 * 3 * 5
    keys = [tuple(c.values()) for c in grid]
    wanted = itertools.product((32, 128, 512), (3, 4, 5), (10, 20, 30), (1e-3, 1e-4, 1e-5), (2, 5, 10, 50, 100))
    assert keys == list(wanted) and len(set(keys)) == 405


def test_a_part_of_it():
    space = space_of("paper", ["n_atom_basis=32", "batch_size=2, 50"], BASE)
    assert len(configurations(space)) == 3 * 3 * 3 * 2 and space["batch_size"] == (2, 50)
    assert {c["n_atom_basis"] for c in configurations(space)} == {32}


def test_own_names_alone():
    assert space_of("", ["loss=mae,mse"], BASE) == {"loss": ("mae", "mse")}
    assert space_of("", ["clip=0,1.5", "ema=0"], BASE) == {"clip": (0.0, 1.5), "ema": (0.0,)}


def test_a_range_is_for_a_search():
    space = space_of("", ["learning_rate=1e-5..1e-3", "n_atom_basis=32..128"], BASE)
    assert space == {"learning_rate": Range(1e-5, 1e-3), "n_atom_basis": Range(32, 128)}
    with pytest.raises(InputError, match="range, for a --search"):
        configurations(space)


@pytest.mark.parametrize(
    ("grid", "varied", "said"),
    [
        ("papr", [], "did you mean paper"),
        ("", ["batch=2,5"], "did you mean batch_size"),
        ("", ["lerning_rate=1e-3,1e-4"], "did you mean learning_rate"),
        ("", ["batch_size=2,x"], "wants values of type int, got 'x'"),
        ("", ["batch_size=2.5,5"], "wants values of type int"),
        ("", ["batch_size=0,5"], "batch_size is 0"),
        ("", ["loss=mae,rmse"], "loss is 'rmse'"),
        ("", ["learning_rate=1e-3..1e-5"], "to a larger one"),
        ("", ["learning_rate=0..1"], "positive"),
        ("", ["batch_size="], "has no values"),
        ("", ["batch_size"], "has no values"),
        ("", ["batch_size=2"], "nothing is varied"),
        ("", ["seed=1,2"], "--seeds"),
        ("", ["validation=0.1,0.2"], "same structures"),
    ],
)
def test_bad_input(grid, varied, said):
    with pytest.raises(InputError) as error:
        space_of(grid, varied, BASE)
    print(error.value)
    assert said in str(error.value) and "\n" not in str(error.value)
