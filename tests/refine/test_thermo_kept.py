"""``sampler thermo`` stopped: finished Hessians survive Ctrl-C and a kill, are found again, and never stand for others."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from sampler.refine.kept import FOLDER, Kept, read, write

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
WATER = "3\nProperties=species:S:1:pos:R:3 charge=0 id=w{i} energy=-5.{i}\nO 0 0 0.12\nH 0 {x} -0.47\nH 0 -0.70 -0.47\n"
DIMER = """6
Properties=species:S:1:pos:R:3 charge=0 id=d energy=-10.1
O -1.551007 -0.114520 0.0
H -1.934259 0.762503 0.0
H -0.599677 0.040712 0.0
O 1.350625 0.111469 0.0
H 1.680398 -0.373741 -0.758561
H 1.680398 -0.373741 0.758561
"""


def command(*words):
    return [sys.executable, str(ROOT / "cli.py"), "thermo", *map(str, words)]


def start(folder, *words):
    # a shell's background jobs ignore Ctrl-C, and what they start inherits that
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(*words), cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=heed,
        env=environment, start_new_session=True,
    )  # fmt: skip


def until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="needs POSIX process groups")
@pytest.mark.parametrize(("how", "out"), [pytest.param("SIGINT", True, marks=pytest.mark.slow), ("SIGKILL", False)])
def test_a_stopped_command_goes_on(tmp_path, how, out):
    """The second command computes only what the first had not, and ends with the numbers of one that was never stopped."""
    (tmp_path / "w.extxyz").write_text("".join(WATER.format(i=i, x=0.7 + 0.01 * i) for i in range(8)) + DIMER)
    words = ["w.extxyz", "-P", "gfn1-xtb", "-j", 1, *(["--out", "t.json"] if out else [])]
    process = start(tmp_path, *words)
    finished = lambda: sorted((tmp_path / FOLDER).glob("hessian-*.json"))  # noqa: E731
    assert until(lambda: len(finished()) >= 2), process.communicate(timeout=5)
    process.send_signal(getattr(signal, how))
    _, err = process.communicate(timeout=60)
    assert until(lambda: not alive(process.pid), 30)
    assert "Traceback" not in err
    if how == "SIGINT":
        assert process.returncode == 130 and f"kept in {FOLDER}" in err and "goes on from here" in err
    before = {p: p.stat().st_mtime_ns for p in finished()}
    assert 2 <= len(before) < 10
    again = start(tmp_path, *words, "--json")
    text, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    # nothing is left where all is done
    assert not (tmp_path / FOLDER).exists() and (tmp_path / "t.json").exists() == out
    if how == "SIGKILL":
        return
    (tmp_path / "fresh").mkdir()
    fresh = start(tmp_path / "fresh", "../w.extxyz", *words[1:5], "--json")
    assert json.loads(fresh.communicate(timeout=120)[0]) == json.loads(text)


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def invoke(sampler):
    return partial(sampler, "thermo")


def test_what_is_kept_is_used_and_damage_is_not(invoke, tmp_path, monkeypatch):
    """A file whose content is changed shows that it is read; one that is cut, that it is computed again."""
    (tmp_path / "d.extxyz").write_text(DIMER)
    words = ("d.extxyz", "-P", "gfn1-xtb", "-j", 1, "--json", "-q")
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "done", lambda self: None)
        _, text, err = invoke(*words)
    right = json.loads(text)
    files = sorted((tmp_path / FOLDER).glob("hessian-*.json"))
    assert len(files) == 2
    dimer = next(f for f in files if len(json.loads(f.read_text())["species"][0]["columns"]["numbers"]) == 6)
    whole = dimer.read_text()
    content = json.loads(whole)
    content["species"][0]["energy_eV"] -= 1.0
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "done", lambda self: None)
        dimer.write_text(json.dumps(content))
        moved = json.loads(invoke(*words)[1])
        assert moved["clusters"][1]["energy_eV"] == pytest.approx(right["clusters"][1]["energy_eV"] - 1.0)
        dimer.write_text(whole[: len(whole) // 2])
        assert json.loads(invoke(*words)[1]) == right
        assert json.loads(dimer.read_text()) == json.loads(whole)
        # another setting finds nothing of it
        dimer.write_text(json.dumps(content))
        other = json.loads(invoke(*words, "--step", 0.0051)[1])
        assert other["clusters"][1]["energy_eV"] == pytest.approx(right["clusters"][1]["energy_eV"], abs=1e-4)


def test_names_depend_on_all_that_matters(tmp_path):
    kept = Kept(tmp_path)
    x = [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    settings = {"engine": {"level": "a"}, "options": {}, "step": 0.005}
    paths = [
        kept.path("hessian", [1, 8], x, 0, settings),
        kept.path("energy", [1, 8], x, 0, settings),
        kept.path("hessian", [1, 9], x, 0, settings),
        kept.path("hessian", [1, 8], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.000001]], 0, settings),
        kept.path("hessian", [1, 8], x, 1, settings),
        kept.path("hessian", [1, 8], x, 0, settings | {"step": 0.01}),
        kept.path("hessian", [1, 8], x, 0, settings | {"engine": {"level": "b"}}),
    ]
    assert len(set(paths)) == len(paths)
    assert kept.path("hessian", [1, 8], [[0.0, 0.0, -1e-9], x[1]], 0, dict(reversed(settings.items()))) == paths[0]


def test_the_folder_goes_only_when_empty(tmp_path):
    kept = Kept.open(tmp_path / FOLDER)
    mine, other = kept.folder / "hessian-mine.json", kept.folder / "hessian-other.json"
    write(mine, [1.0])
    write(other, [2.0])
    kept.used.add(mine)
    kept.done()
    assert not mine.exists() and read(other) == [2.0] and read(mine) is None
    kept.used.add(other)
    kept.done()
    assert not kept.folder.exists()
    (tmp_path / "file").write_text("")
    assert Kept.open(tmp_path / "file" / "x") is None  # cannot be made: goes on without


def test_energies_of_another_level_are_kept_too(invoke, tmp_path, monkeypatch):
    from sampler.refine.thermo.sources import save

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from test_thermo_formation import make

    save(tmp_path / "w.json", [make(["w"], -5.0, 1600.0)])
    monkeypatch.setattr(Kept, "done", lambda self: None)
    words = ("w.json", "--energies", "gfn1-xtb", "-j", 1, "--json", "-q")
    right = json.loads(invoke(*words)[1])["clusters"][0]["energy_eV"]
    (path,) = (tmp_path / FOLDER).glob("energy-*.json")
    energy, level, _ = json.loads(path.read_text())
    assert (energy, level) == (pytest.approx(right), "gfn1-xtb")
    path.write_text(json.dumps([energy - 1.0, level, ""]))
    assert json.loads(invoke(*words)[1])["clusters"][0]["energy_eV"] == pytest.approx(right - 1.0)


def test_what_is_said_of_other_commands():
    """Only what goes on from where it was says so."""
    from types import SimpleNamespace

    from sampler.cli import app as module
    from sampler.cli import stopping

    for command_ in (
        "run",
        "screen",
        "label",
        "train",
        "data",
        "show",
        "audit",
        "thermo",
        "export",
        "evaluate",
        "doctor",
    ):
        stopping.when_stopped(stopping.KEPT)
        module._root(SimpleNamespace(invoked_subcommand=command_), False)
        assert stopping.words() == (stopping.KEPT if command_ in stopping.KEEPING else stopping.NOT_KEPT)
    stopping.when_stopped(stopping.KEPT)
