"""Compiling before the first stage: what is missing, the order, what is said, and that a real run compiles no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sampler.funnel.first_use import kept, parts, prepare
from sampler.funnel.protocols.protocol import load
from sampler.workers.progress import COMPILING, PlainProgress, Progress

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


class Told(Progress):
    def __init__(self):
        self.lines = []

    def compiling(self, done, of, left):
        self.lines.append((done, of, left))

    def compiled(self, of, seconds):
        self.lines.append(("end", of, seconds))


def _environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _code(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*.nbc"))


def test_every_compiled_file_of_a_part_exists_and_counts():
    for name in parts.PARTS:
        assert all(path.is_file() for path in kept.sources(name)) and kept.sources(name), name
    assert [p.seconds for p in parts.PARTS.values()] == sorted((p.seconds for p in parts.PARTS.values()), reverse=True)


def test_a_run_needs_what_its_stages_use():
    quick = load("quick")
    assert {"rigid minimisation", "superposition", "identity"} <= set(parts.needed(quick.stage[:1] + quick.stage[2:5]))
    assert parts.needed(quick.stage[2:3]) == ["identity"]
    assert parts.needed([]) == []


def test_a_plan_of_two_workers():
    # 7 and 4 begin; the third begins when 4 is done, the fourth when 7 is: by hand
    assert prepare.planned([7, 4, 2, 2], 2) == [7, 4, 6, 8]
    assert prepare.planned([7, 4, 2, 2], 1) == [7, 11, 13, 15]


@pytest.fixture
def two_parts(monkeypatch, tmp_path):
    """Parts a, of 10 s, and b, of 5 s, of which none is compiled."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    some = {"a": parts.Part(lambda: None, 10.0, ("units.py",)), "b": parts.Part(lambda: None, 5.0, ("units.py",))}
    for module in (parts, prepare, kept):
        monkeypatch.setattr(module, "PARTS", some)


def test_the_time_left_follows_what_it_took_so_far(monkeypatch, two_parts):
    clock = [100.0]
    monkeypatch.setattr(prepare.time, "monotonic", lambda: clock[0])

    def one_by_one(function, tasks, workers):
        for index, seconds in enumerate((20.0, 12.0)):
            clock[0] += seconds
            yield index, 1.0

    monkeypatch.setattr(prepare, "unordered", one_by_one)
    told = Told()
    assert prepare.prepare(["a", "b"], 1, told) == 32.0
    # 10 + 5 s planned; the first took 20 s, so that 30 s are expected in all, and 10 are left
    assert told.lines == [(0, 2, 15.0), (1, 2, 10.0), ("end", 2, 32.0)]


def test_a_part_that_takes_long_is_told_of_all_the_while(monkeypatch, two_parts):
    monkeypatch.setattr(prepare, "BEAT", 0.05)

    def late(function, tasks, workers):
        time.sleep(0.5)
        yield from [(0, 1.0), (1, 1.0)]

    monkeypatch.setattr(prepare, "unordered", late)
    told = Told()
    prepare.prepare(["a", "b"], 2, told)
    waiting = [left for done, _, left in told.lines[1:] if done == 0]
    assert len(waiting) >= 3 and waiting == sorted(waiting, reverse=True), told.lines
    plan = prepare._Plan([10.0, 5.0], time.monotonic() - 8.0)
    assert plan.left() == pytest.approx(10 * 10 / 5 - 8, abs=0.1), "what should be ready after 5 s is overdue"


def test_lines_of_a_plain_progress(capsys):
    progress = PlainProgress()
    progress.compiling(2, 6, 19.6)
    progress.compiled(6, 41.2)
    assert capsys.readouterr().err.splitlines() == [
        f"{COMPILING}: 2 of 6 parts done, about 20 s left", f"{COMPILING}: 6 parts, 41 s",
    ]  # fmt: skip


def test_nothing_is_compiled_where_no_folder_can_be_written(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(prepare, "unordered", lambda *a: pytest.fail("compiled for nothing"))
    assert prepare.prepare(["identity"], 2, PlainProgress()) == 0.0
    assert "NUMBA_CACHE_DIR" in capsys.readouterr().err


_SMALL = """
import sys
from sampler.funnel.first_use import kept, parts
from sampler.funnel.first_use.prepare import prepare
from sampler.workers.progress import PlainProgress
from sampler.compiled import compiled
from sampler.funnel.first_use import prepare as module
sys.path.insert(0, sys.argv[1])
import loops
some = {"small": parts.Part(loops.use, 1.0, ("units.py",))}
for m in (parts, kept, module):
    m.PARTS = some
kept._code_of = lambda name: sorted(__import__("pathlib").Path(loops.total.stats.cache_path).glob("*.nb[ci]"))
print("START", flush=True)
module.compile_part("small")
print(sum(loops.total.stats.cache_misses.values()), kept.compiled("small"))
"""
_LOOPS = """
import numpy as np
from sampler.compiled import compiled
@compiled
def total(x):
    s = 0.0
    for i in range(len(x)):
        s += np.sin(x[i]) * np.exp(-x[i])
    return s
def use():
    assert abs(total(np.ones(3)) - 3 * np.sin(1.0) * np.exp(-1.0)) < 1e-12
"""


def _small(tmp_path: Path) -> subprocess.Popen:
    (tmp_path / "loops.py").write_text(_LOOPS)
    command = [sys.executable, "-c", _SMALL, str(tmp_path)]
    return subprocess.Popen(
        command, env=_environment(tmp_path / "cache"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_first_runs_at_a_time_compile_once(tmp_path):
    both = [_small(tmp_path), _small(tmp_path)]
    said = [process.communicate(timeout=300) for process in both]
    misses = sorted(int(out.split()[1]) for out, _ in said)
    assert misses == [0, 1] and all(out.split()[2] == "True" for out, _ in said), said
    assert len(_code(tmp_path / "cache")) == 1


def test_killed_while_it_compiles_the_next_one_finds_no_broken_code(tmp_path):
    first = _small(tmp_path)
    assert first.stdout.readline() == "START\n"
    time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    out, err = _small(tmp_path).communicate(timeout=300)
    assert out.split()[2] == "True", err


@pytest.mark.slow
def test_a_real_run_compiles_nothing_after_it(tmp_path):
    cache = tmp_path / "cache"
    code = (
        "from sampler.funnel.first_use import parts, prepare; from sampler.workers.progress import PlainProgress;"
        "prepare.prepare(list(parts.PARTS), 2, PlainProgress())"
    )
    subprocess.run([sys.executable, "-c", code], env=_environment(cache), check=True)
    before = _code(cache)
    assert before
    command = [sys.executable, str(ROOT / "cli.py"), "run", "1sa1am", "-o", "run", "-j", "2", "--no-report"]
    small = ["--set", "generate.candidates=20", "--set", "generate.explorations=1"]
    done = subprocess.run([*command, *small], env=_environment(cache), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert COMPILING not in done.stderr
    assert _code(cache) == before
    # the note goes with the code
    note = next(path for path in cache.glob("compiled-*") if path.suffix == "")
    Path(json.loads(note.read_text())[0]).unlink()
    assert not all(_asked(cache))


def _asked(cache: Path) -> list[bool]:
    code = "from sampler.funnel.first_use import kept, parts; print([kept.compiled(n) for n in parts.PARTS])"
    out = subprocess.run([sys.executable, "-c", code], env=_environment(cache), check=True, capture_output=True)
    return json.loads(out.stdout.decode().lower())
