"""Ranking, how fast a training came near the best, and main effects, against numbers by other ways."""

import numpy as np
import pytest

from sampler.study.tune_figures import curves_of
from sampler.study.tune_grid import configurations
from sampler.study.tune_importance import REST, main_effects
from sampler.study.tune_outcome import finding
from sampler.study.tune_ranking import MAE, leaders, ranked


def row(seed, errors, status="done", **more):
    curve = {MAE: list(errors), "seconds": [0.5 * (k + 1) for k in range(len(errors))]}
    best = int(np.argmin([np.inf if e is None else e for e in errors]))
    return {
        "name": f"{seed}", "seed": seed, "status": status, MAE: errors[best], "curve": curve, "best_epoch": best + 1,
        "train_seconds": curve["seconds"][-1], **more,
    }  # fmt: skip


CHOSEN = [{"batch_size": 2}, {"batch_size": 10}, {"batch_size": 2}, {"batch_size": 10}]
ROWS = [row(7, [5, 2, 1.0, 1.2]), row(7, [9, 4, 1.09, 1.05]), row(8, [5, 3, 2.9, 2.0]), row(8, [7, 2.5, 2.19, 2.25])]


def test_ranked_by_the_mean_of_the_seeds():
    order = ranked(ROWS, CHOSEN)
    assert [c.chosen["batch_size"] for c in order] == [2, 10]
    assert order[0].mean(MAE) == pytest.approx(1.5) and order[1].mean(MAE) == pytest.approx((1.05 + 2.19) / 2)
    assert order[0].std(MAE) == pytest.approx(np.std([1.0, 2.0], ddof=1))


def test_near_the_best_of_its_seed():
    """Limits 1.1 of seed 7 and 2.2 of seed 8: epochs 3 and 4 of batches of 2, twice 3 of batches of 10."""
    order = ranked(ROWS, CHOSEN)
    assert order[0].epochs == [3, 4] and order[0].near() == pytest.approx((3.5, 1.75))
    assert order[1].epochs == [3, 3] and order[1].near() == pytest.approx((3.0, 1.5))


def test_one_that_never_came_near():
    rows = [*ROWS[:3], row(8, [7, 6, 5, 2.35])]
    slow = ranked(rows, CHOSEN)[1]
    assert slow.epochs == [3, None] and slow.near() is None
    assert "10: 1.70 ± 0.92 kcal/mol, never" in finding(rows, ranked(rows, CHOSEN))


def test_what_diverged_comes_last_and_is_told():
    rows = [*ROWS[:3], {"name": "x", "seed": 8, "status": "diverged"}]
    order = ranked(rows, CHOSEN)
    assert [(c.chosen["batch_size"], len(c.rows), len(c.lost)) for c in order] == [(2, 2, 0), (10, 1, 1)]
    text = finding(rows, order)
    assert "1 of 4 trainings diverged" in text and "1 of them with 2 seeds" in text
    assert finding(rows[3:], ranked(rows[3:], CHOSEN[3:])) == "No training gave an error. 1 of 1 trainings diverged."


def test_epochs_without_a_number():
    order = ranked([row(7, [None, 3.0, None, 2.0])], [{"batch_size": 2}])
    assert order[0].epochs == [4]
    errors, seconds = curves_of(order[0])
    assert errors.tolist() == [[np.inf, 3.0, 3.0, 2.0]] and seconds.tolist() == [0.5, 1.0, 1.5, 2.0]


def test_leaders_are_sorted_by_their_value():
    chosen = [{"batch_size": b, "n_rbf": n} for b in (10, 2) for n in (10, 20)]
    best = leaders(ranked([row(7, [e]) for e in (4, 3, 2, 1)], chosen), "batch_size")
    assert [(b, c.chosen["n_rbf"]) for b, c in best.items()] == [(2, 20), (10, 20)]


def test_main_effects_are_those_of_least_squares():
    """Of a full factorial the share of a factor is the R² of a fit to its levels alone."""
    rng = np.random.default_rng(3)
    grid = configurations({"a": (1, 2, 3), "b": (0.1, 0.2), "c": ("x", "y", "z")})
    chosen = [c for _ in range(4) for c in grid]
    seeds = np.repeat([1, 2, 3, 4], len(grid))
    y = np.array([0.7 * c["a"] + (c["c"] == "z") * c["b"] * 5 for c in chosen]) + rng.normal(size=len(chosen)) * 0.3
    rows = [{"status": "done", "seed": int(s), MAE: float(np.exp(v))} for s, v in zip(seeds, y)]
    shares = main_effects(rows, chosen)
    levels = {n: [c[n] for c in chosen] for n in "abc"} | {"seed": seeds}
    for name, values in levels.items():
        design = np.array([[v == level for level in sorted(set(values))] for v in values], float)
        fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
        wanted = 1 - ((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
        print(name, shares[name], wanted)
        assert shares[name] == pytest.approx(wanted, abs=1e-10)
    assert sum(shares.values()) == pytest.approx(1.0) and 0 < shares[REST] < 1
    assert list(shares)[0] == "a"


def test_no_effects_of_what_is_all_the_same():
    assert main_effects([{"status": "done", "seed": 1, MAE: 2.0}] * 2, [{"a": 1}, {"a": 2}]) == {}
    assert main_effects([], []) == {}
