"""Screens: the table while they run, interruptions, budgets, failures, parents, and the heat maps."""

import csv
import io
import xml.etree.ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sampler.errors import InputError, MonomerError, NoWorkers, RunBusy, RunError, StorageError, WaitingForJobs
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.stages.grow import Grow
from sampler.monomers import MonomerLibrary
from sampler.screen import runner as screening
from sampler.screen.grid import expand, order, systems
from sampler.screen.table import VALUE, draw, panels, text_map
from sampler.workers.progress import Progress

TOY = {
    "name": "toy",
    "description": "fast stages for tests",
    "stage": [
        {"kind": "generate", "candidates": 4, "chunk": 4},
        {"kind": "relax", "potential": "lennard-jones", "max_steps": 3, "chunk": 4},
    ],
}
CHANGING = ("cpu_seconds",)


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def make(folder, library, words=("1sa", "0-2am"), **options):
    grid = systems(expand(words), library)
    return screening.Screen(grid, order(grid, library), protocols.build(TOY, "toy"), library, folder, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, library):
    folder = tmp_path_factory.mktemp("reference") / "screen"
    return folder, screening.screen(make(folder, library))


def table(folder):
    with open(folder / "screen.csv", newline="") as handle:
        return [{k: v for k, v in row.items() if k not in CHANGING} for row in csv.DictReader(handle)]


class Listener(Progress):
    def __init__(self, on_message=lambda text: None):
        self.messages, self.on_message = [], on_message

    def message(self, text):
        self.messages.append(text)
        self.on_message(text)


def test_the_table(finished):
    folder, rows = finished
    assert [r["system"] for r in rows] == ["1sa", "1sa1am", "1sa2am"]
    assert {r["status"] for r in rows} == {"finished"}
    told = table(folder)
    assert [r["system"] for r in told] == [r["system"] for r in rows]
    for row in rows:
        assert row["minima"] == 4 and row["evaluations"] > 0 and row["cpu_seconds"] >= 0 and row["error"] == ""
        lowest = next(csv.DictReader((folder / row["system"] / "ranking.csv").read_text().splitlines()))
        assert (lowest["id"], lowest["state"], lowest["level"]) == (row["id"], row["state"], row["level"])


def test_interrupted_it_shows_where_it_is_and_goes_on(finished, library, tmp_path):
    seen = []

    def stop(text):
        if text.startswith("--- 1sa2am"):
            seen.extend(table(tmp_path))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screening.screen(make(tmp_path, library), progress=Listener(stop))
    assert [r["status"] for r in seen] == ["finished", "finished", "waiting"]
    screening.screen(make(tmp_path, library))
    assert table(tmp_path) == table(finished[0])


class Clock:
    def __init__(self, *times):
        self.times = list(times)

    def __call__(self):
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


def test_a_time_budget(finished, library, tmp_path):
    listener = Listener()
    rows = screening.screen(make(tmp_path, library), budget=100, progress=listener, clock=Clock(0, 0, 99, 100))
    assert [r["status"] for r in rows] == ["finished", "finished", "waiting"]
    assert any("1 of 3 systems are left (1sa2am)" in m for m in listener.messages), listener.messages
    assert [r["status"] for r in table(tmp_path)] == ["finished", "finished", "waiting"]
    again = screening.screen(make(tmp_path, library), budget=0)  # nothing is started, what is there is shown
    assert [r["status"] for r in again] == ["finished", "finished", "waiting"]
    other = screening.screen(make(tmp_path, library, seed=1), budget=0)  # but not what other parameters have made
    assert [r["status"] for r in other] == ["waiting"] * 3
    screening.screen(make(tmp_path, library))
    assert table(tmp_path) == table(finished[0])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MonomerError("it falls apart"), "failed"),
        (WaitingForJobs("3 outputs are missing"), "jobs elsewhere"),
        (RunBusy("in use by another"), "in use"),
        (ZeroDivisionError("a mistake of ours"), "failed"),
    ],
)
def test_one_system_does_not_stop_the_others(library, tmp_path, monkeypatch, error, status):
    real = screening.run

    def broken(composition, protocol, folder, **options):
        if Path(folder).name == "1sa":
            raise error
        return real(composition, protocol, folder, **options)

    monkeypatch.setattr(screening, "run", broken)
    rows = screening.screen(make(tmp_path, library, ("1sa", "0-1am")))
    assert [r["status"] for r in rows] == [status, "finished"]
    assert str(error) in rows[0]["error"] and table(tmp_path)[0]["error"] == rows[0]["error"]
    assert (tmp_path / "errors" / "1sa.txt").exists() == isinstance(error, ZeroDivisionError)


@pytest.mark.parametrize("error", [StorageError("the disk is full"), NoWorkers("the dask scheduler is gone")])
def test_what_would_stop_the_others_too_stops_all(library, tmp_path, monkeypatch, error):
    def stops(*_, **__):
        raise error

    monkeypatch.setattr(screening, "run", stops)
    with pytest.raises(type(error)):
        screening.screen(make(tmp_path, library, ("1sa", "0-1am")))
    assert [r["status"] for r in table(tmp_path)] == ["waiting", "waiting"]


def test_large_systems_have_a_protocol_of_their_own(library, tmp_path):
    growing = TOY | {"name": "growing", "stage": [TOY["stage"][0], {"kind": "grow", "candidates": 2}, TOY["stage"][1]]}
    what = make(tmp_path, library, large=protocols.build(growing, "growing"), beyond=2)
    rows = {row["system"]: row for row in screening.screen(what)}
    assert {name: row["protocol"] for name, row in rows.items()} == {"1sa": "toy", "1sa1am": "toy", "1sa2am": "growing"}
    assert {row["status"] for row in rows.values()} == {"finished"}, rows
    assert rows["1sa2am"]["parents"] == "1sa1am" and not rows["1sa1am"]["parents"]


def test_smaller_systems_are_parents(finished, library, tmp_path, monkeypatch):
    """With a protocol that grows: every finished smaller system of the grid, in whatever order they were run."""
    given = {}

    def recorded(composition, protocol, folder, *, parents, **options):
        given[Path(folder).name] = [p.name for p in parents]
        return real(composition, protocol, folder, **options)

    real = screening.run
    monkeypatch.setattr(screening, "run", recorded)
    screening.screen(make(tmp_path / "flat", library))
    assert set(map(tuple, given.values())) == {()}  # this protocol has no use for them
    monkeypatch.setattr(screening, "takes_parents", lambda stages: True)
    rows = screening.screen(make(tmp_path / "grown", library))
    assert given == {"1sa": [], "1sa1am": ["1sa"], "1sa2am": ["1sa1am"]}
    assert [r["parents"] for r in rows] == ["", "1sa", "1sa1am"]
    given.clear()
    screening.screen(make(tmp_path / "not grown", library, growth=False))
    assert set(map(tuple, given.values())) == {()}


def test_a_useless_parent_costs_its_children_nothing(library, tmp_path, monkeypatch):
    monkeypatch.setattr(Grow, "useless", lambda self, parent, _: "it is broken" if parent.name == "1sa" else "")
    listener = Listener()
    grown = TOY | {"stage": [TOY["stage"][0], {"kind": "grow", "candidates": 2}, TOY["stage"][1]]}
    what = replace(make(tmp_path, library), protocol=protocols.build(grown, "toy"))
    rows = screening.screen(what, progress=listener)
    assert [(r["status"], r["parents"]) for r in rows] == [("finished", ""), ("finished", ""), ("finished", "1sa1am")]
    assert "1sa is no parent of 1sa1am: it is broken" in listener.messages


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("1h30m", 5400), ("45min", 2700), ("90s", 90), ("1.5h", 5400), ("1d 2h", 93600)]
)
def test_times(text, seconds):
    assert screening.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "two hours", "-1h", "1m2h"])
def test_what_is_no_time(text):
    with pytest.raises(InputError, match="is not a time"):
        screening.seconds_of(text)


def test_a_run_directory_is_no_screen(finished):
    screening.check_folder(finished[0])
    with pytest.raises(RunError, match="is a run directory"):
        screening.check_folder(finished[0] / "1sa")


# heat maps


def rows_of(grid, values):
    rows = [screening.blank(name, composition) for name, composition in grid.items()]
    for row in rows:
        if row["system"] in values:
            row |= {"status": "finished", VALUE: values[row["system"]]}
    return rows


def test_panels(library):
    grid = systems(expand(["1-2sa", "0-2am", "0-1w"]), library)
    down, across, planes = panels(rows_of(grid, {}), grid)
    assert (down, across) == ("sa", "am") and [p.rest for p in planes] == ["0w", "1w"]
    assert planes[0].rows == [1, 2] and planes[0].columns == [0, 1, 2]
    assert planes[1].cells[2, 1]["system"] == "2sa1am1w"
    down, across, planes = panels(rows_of(one := systems(expand(["1-3w"]), library), {}), one)
    assert (down, across) == ("w", "") and planes[0].rows == [1, 2, 3]


def test_the_map_as_text(library):
    grid = systems(expand(["1-3sa", "am=sa±1"]), library)
    rows = rows_of(grid, {"1sa1am": -7.26, "2sa2am": -12.04})
    rows[-1] |= {"status": "failed", "error": "x"}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(text_map(rows, grid))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["0am", "1am", "2am", "3am", "4am"] in lines
    assert ["1sa", "…", "-7.3", "…", "·", "·"] in lines
    assert ["2sa", "·", "…", "-12.0", "…", "·"] in lines
    assert ["3sa", "·", "·", "…", "…", "failed"] in lines


@pytest.mark.parametrize("words", [["1-3sa", "am=sa±1"], ["1-2sa", "0-2am", "0-1w"], ["1-3w"], ["1sa"]])
def test_the_map_drawn(library, tmp_path, words):
    grid = systems(expand(words), library)
    names = list(grid)
    for values in ({}, {names[0]: -3.25}, {n: -float(i) for i, n in enumerate(names)}):
        rows = rows_of(grid, values)
        draw(tmp_path / "a.svg", rows, grid)
        draw(tmp_path / "a.png", rows, grid)
        assert xml.etree.ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    first = (tmp_path / "a.svg").read_bytes()
    draw(tmp_path / "a.svg", rows, grid)
    assert (tmp_path / "a.svg").read_bytes() == first
