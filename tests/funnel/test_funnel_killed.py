"""Whole commands, alone and together in one folder, killed with SIGKILL: they end like one that was left in peace."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.once, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")]
ROOT = Path(__file__).resolve().parents[2]

TOY = """
name = "toy"
description = "fast stages for tests"
[[stage]]
kind = "generate"
candidates = 12
chunk = 3
[[stage]]
kind = "relax"
potential = "lennard-jones"
max_steps = 3
chunk = 3
"""
SEARCH = """
name = "search"
description = "so weak a potential moves nothing: every child that is whole is a minimum of its own"
[[stage]]
kind = "generate"
candidates = 8
chunk = 4
[[stage]]
kind = "grow"
candidates = 8
chunk = 2
[[stage]]
kind = "hop"
potential = "lennard-jones"
options = { epsilon = 1e-5, sigma = 0.9 }
children = 8
rounds = 4
chunk = 2
md_steps = 2
[[stage]]
kind = "select"
count = 12
"""


def sampler(*words, cwd):
    """The command as a process of its own, started and not waited for."""
    command = [sys.executable, ROOT / "cli.py", *words]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def deadly(words, cwd, **how):
    """See tests/deadly.py."""
    asked = json.dumps({"words": words} | how)
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "deadly.py", asked], cwd=cwd, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["killed"] >= max(1, how["kills"] // 3), told  # the others came when the work was done
    assert told["ended"] == [0] * how["processes"], (cwd / "deadly.err").read_text()


def contents(folder):
    """Everything that does not tell of the time, of the machine, or of the number of workers that cut a round."""
    left_out = {".lock", "timing.json", "cpu_seconds.csv", "screen.csv", "screen.svg", "screen.png", "report.html"}
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in left_out and "-of-" not in f.name)
    return {str(f.relative_to(folder)): timeless(f) for f in files}


def timeless(file):
    """The content; of a report, of which the page is made, all but when it was made, by which command, and how long it took."""
    if file.name != "report.json":
        return file.read_bytes()
    told = json.loads(file.read_text(encoding="utf-8").replace("alone/", "screen/"))  # it says where its inputs lie
    for volatile in ("made", "commands"):
        del told[volatile]
    for stage in told.get("funnel", ()):
        del stage["seconds"]
    if told["kind"] == "screen":
        spent = [column["key"] for column in told["table"]["columns"]].index("cpu_seconds")
        for row in told["table"]["rows"]:
            del row[spent]
    return told


def table(folder):
    with open(folder / "screen.csv", newline="") as handle:
        return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in csv.DictReader(handle)]


@pytest.fixture(scope="module")
def peace(tmp_path_factory):
    """What processes leave that are alone and are not killed."""
    folder = tmp_path_factory.mktemp("peace")
    (folder / "toy.toml").write_text(TOY)
    (folder / "search.toml").write_text(SEARCH)
    for words in (
        ("screen", "1sa", "0-2am", "-p", "toy.toml", "-j", "1"),
        ("run", "1sa", "-p", "search.toml", "-j", "1"),
        ("run", "1sa1am", "-p", "search.toml", "-j", "1", "--parents", "1sa"),
    ):
        process = sampler(*words, cwd=folder)
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
    assert [row["status"] for row in table(folder / "screen")] == ["finished"] * 3
    return folder


@pytest.fixture
def folder(peace, tmp_path):
    for name in ("toy.toml", "search.toml"):
        (tmp_path / name).write_text((peace / name).read_text())
    return tmp_path


SCREEN = ["screen", "1sa", "0-2am", "-p", "toy.toml", "-j", "1"]
CHUNKS = "screen/*/stages/*/chunk-*.npz"
RUN = ["run", "1sa1am", "-p", "search.toml", "-j", "1", "--join"]
ROUNDS = "1sa1am/stages/*/**/chunk-*.npz"


def test_three_screens_in_one_folder(peace, folder):
    processes = [sampler(*SCREEN, "--quiet", "--join", cwd=folder) for _ in range(3)]
    told = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, told
    assert {err for _, err in told} == {""}
    shown = {tuple(line[:70] for line in out.splitlines()) for out, _ in told}  # CPU time is of those who did the work
    assert len(shown) == 1
    assert table(folder / "screen") == table(peace / "screen")
    assert contents(folder / "screen") == contents(peace / "screen")  # no claims, no unfinished files


def test_a_screen_that_is_killed_and_started_again(peace, folder):
    deadly(SCREEN, folder, processes=1, kills=2, seed=3, watch=CHUNKS)
    assert table(folder / "screen") == table(peace / "screen")
    assert contents(folder / "screen") == contents(peace / "screen")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_screens_that_share_and_are_killed(peace, folder, seed):
    deadly([*SCREEN, "--join"], folder, processes=3, kills=6, seed=seed, watch=CHUNKS)
    assert table(folder / "screen") == table(peace / "screen")
    assert contents(folder / "screen") == contents(peace / "screen")


@pytest.mark.parametrize(
    ("processes", "kills", "seed"), [(2, 1, 0), *(pytest.param(3, 6, s, marks=pytest.mark.slow) for s in range(1, 5))]
)
def test_hop_and_grow_that_share_and_are_killed(peace, folder, processes, kills, seed):
    words = [*RUN, "--parents", str(peace / "1sa")]
    deadly(words, folder, processes=processes, kills=kills, seed=seed, watch=ROUNDS)
    ours, theirs = contents(folder / "1sa1am"), contents(peace / "1sa1am")
    assert len(list((folder / "1sa1am").rglob("round-*/chunk-*-of-*.npz"))) > 8
    assert any("-grow-" in name and "chunk-" in name for name in ours)
    assert ours == theirs


@pytest.mark.slow
def test_screens_that_grow_share_and_are_killed(folder):
    """Whoever does which system when: each has the same parents."""
    words = ["screen", "1-2sa", "0-1am", "-p", "search.toml", "-j", "1"]
    process = sampler(*words, "--out", "alone/screen", cwd=folder)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    deadly([*words, "--join"], folder, processes=3, kills=6, seed=7, watch=CHUNKS)
    assert table(folder / "screen") == table(folder / "alone" / "screen")
    assert [row["parents"] for row in table(folder / "screen")] == ["", "1sa", "1sa", "1sa 1sa1am 2sa"]
    assert contents(folder / "screen") == contents(folder / "alone" / "screen")


def test_results_that_are_replaced_are_kept_however_often_it_is_killed(peace, folder):
    words = [*SCREEN, "-s", "1"]
    shutil.copytree(peace / "screen", folder / "screen")
    refused = sampler(*words, "--quiet", cwd=folder)
    assert "--replace" in refused.communicate(timeout=600)[1] and refused.returncode == 1
    assert contents(folder / "screen") == contents(peace / "screen")
    alone = sampler(*words, "--quiet", "--out", "alone", cwd=folder)
    assert alone.communicate(timeout=600)[1] == "" and alone.returncode == 0
    deadly([*words, "--replace"], folder, processes=1, kills=2, seed=5, watch=CHUNKS)
    for name in ("1sa", "1sa1am", "1sa2am"):
        ours, theirs, before = (
            contents(place / name) for place in (folder / "screen", folder / "alone", peace / "screen")
        )
        assert all(ours[file] == content for file, content in theirs.items())
        kept = {Path(file).name: ours[file] for file in ours if file.startswith("earlier")}
        assert len(kept) == 4 and all(before[file] == content for file, content in kept.items())
