"""Where the work is done, and what is screened, on the command line: mistakes cost one line and start nothing."""

import json

import pytest

TOY = """
name = "toy"
description = "fast stages for tests"
[[stage]]
kind = "generate"
candidates = 4
chunk = 4
[[stage]]
kind = "relax"
potential = "lennard-jones"
max_steps = 3
chunk = 2
"""


@pytest.fixture(autouse=True)
def toy(tmp_path):
    (tmp_path / "toy.toml").write_text(TOY)
    (tmp_path / "profile.toml").write_text("jobs = 1\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "1sa", "-j", "0"], "--workers is 0; it must be at least 1"),
        (["run", "1sa", "-j", "many"], "expected a number, or dask://HOST:PORT"),
        (["run", "1sa", "-j", "dask://node"], "expected dask://HOST:PORT"),
        (["run", "1sa", "-j", "2", "--slurm", "profile.toml"], "exclude each other"),
        (["run", "1sa", "--slurm", "profile.toml"], "cores is missing"),
        (["screen"], "give a grid"),
        (["screen", "1-20sa", "0-19am"], "has 400 systems; say --yes"),
        (["screen", "1-2sa", "--time-budget", "soon"], "'soon' is not a time"),
        (["screen", "1-2sa", "--priority", "3sa"], "3sa in --priority is not in the grid"),
        (["screen", "--list", "absent.txt"], "absent.txt cannot be read"),
        (["screen", "1-2sa", "am=w±1"], "needs a range of w"),
    ],
)
def test_mistakes(sampler, tmp_path, words, says):
    status, _, err = sampler(*words)
    assert status == 2 and says in err
    assert err.startswith("sampler: error: ") and err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == ["profile.toml", "toy.toml"]


def test_a_screen_in_parts(sampler, tmp_path):
    words = ("screen", "1sa", "am=sa±1", "-p", "toy.toml", "-j", "1", "--priority", "1sa2am")
    status, out, _ = sampler(*words, "--time-budget", "0s", "--json")
    assert status == 3
    assert [(r["system"], r["status"]) for r in json.loads(out)] == [
        ("1sa2am", "waiting"), ("1sa", "waiting"), ("1sa1am", "waiting")
    ]  # fmt: skip
    status, out, err = sampler(*words, "--quiet")
    assert status == 0, err
    assert "binding energy per molecule" in out and "2am" in out and "heat map:" in out
    for name in ("screen.csv", "screen.svg", "screen.png", "1sa2am/ranking.csv"):
        assert (tmp_path / "screen" / name).exists()
    status, out, err = sampler("screen", "1sa", "-p", "toy.toml", "--out", "screen/1sa")
    assert status == 1 and "is a run directory" in err


def test_a_charged_grid_without_its_impossible_corners(sampler):
    status, out, err = sampler("screen", "1sa", "0-1am", "-c", "1", "-p", "toy.toml", "-j", "1", "--json")
    assert status == 0 and [r["system"] for r in json.loads(out)] == ["1sa1am1p"]
    assert err.count("\n") == 1 and "left out, for a charge that they cannot have: 1sa0am (" in err
    status, out, err = sampler("screen", "1-2sa", "-c", "1", "-p", "toy.toml", "-j", "1")
    assert status == 2 and "no system of the grid can have the charge" in err


def test_joining(sampler, tmp_path):
    status, out, err = sampler("run", "1sa", "-p", "toy.toml", "-j", "1", "--join", "--json")
    assert status == 0, err
    alone = sampler("run", "1sa", "-p", "toy.toml", "-j", "1", "--json", "-o", "alone")[1]
    assert json.loads(out)["structures"] == json.loads(alone)["structures"]
    assert not (tmp_path / "1sa" / ".claims").exists()
