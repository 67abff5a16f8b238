"""What a screen's table says: minima, levels of theory, what earlier screens have left, and corners that cannot be."""

import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console
from test_funnel_screen import TOY, Listener, make, rows_of, table

from sampler.errors import CompositionError
from sampler.funnel import protocol as protocols
from sampler.funnel import screening
from sampler.funnel.automatic import resolve
from sampler.funnel.grid import expand, order, systems
from sampler.funnel.rundir import read_ledgers
from sampler.funnel.screen_levels import final_level, legend, symbols, warning
from sampler.funnel.screen_rows import blank, minima
from sampler.funnel.screen_table import draw, text_map
from sampler.monomers import MonomerLibrary


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


class Warned(Listener):
    def __init__(self):
        super().__init__()
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


# minima


def ledgers(*pairs):
    return [{"kind": kind, "out": out} for kind, out in pairs]


def test_minima_are_those_that_were_found_and_not_those_that_were_selected():
    hop = ledgers(("dedupe", 80), ("hop", 312), ("select", 150), ("relax", 30), ("dedupe", 29), ("select", 20))
    assert minima(hop) == 312
    assert minima(ledgers(("dedupe", 80), ("select", 40), ("relax", 40), ("dedupe", 31), ("select", 20))) == 31
    assert minima(ledgers(("generate", 24), ("relax", 24), ("select", 7))) == 7


def test_minima_of_a_run(library, tmp_path):
    hop = {"kind": "hop", "potential": "lennard-jones", "options": {"epsilon": 1e-5, "sigma": 0.9}, "children": 4,
           "rounds": 1, "md_steps": 2}  # fmt: skip
    searching = TOY | {"stage": [TOY["stage"][0], hop, {"kind": "select", "count": 2}]}
    what = replace(make(tmp_path, library, ("1sa", "1am")), protocol=protocols.build(searching, "toy"))
    (row,) = screening.screen(what)
    found = read_ledgers(tmp_path / "1sa1am")
    assert row["minima"] == found[1]["out"] > found[2]["out"] == 2


# levels


def test_the_level_that_a_system_will_get(library):
    grid = systems(expand(["1-3sa", "am=sa±2"]), library)
    quick = {name: final_level(protocols.load("quick"), composition, library) for name, composition in grid.items()}
    for name, composition in grid.items():
        last = [s for s in resolve(protocols.load("quick"), composition, library).stage if s.kind == "relax"][-1]
        assert quick[name] == last.make().level
    assert set(quick.values()) == {"b97-3c@pyscf", "gfn1-xtb"}
    assert {final_level(protocols.load("standard"), c, library) for c in grid.values()} == {"gfn1-xtb"}
    assert final_level(protocols.load("wu2023"), grid["1sa1am"], library) == ""


def test_a_screen_of_two_levels_says_so(library, tmp_path):
    grid = systems(expand(["1-3sa", "am=sa±2"]), library)
    listener = Warned()
    what = screening.Screen(grid, order(grid, library), protocols.load("quick"), library, tmp_path)
    rows = screening.screen(what, budget=0, progress=listener)
    (told,) = listener.warnings
    assert "gfn1-xtb for 1sa3am, 3sa1am, 2sa4am, 3sa5am" in told and "b97-3c@pyscf for 9 systems" in told, told
    assert "--protocol standard or gfn1" in told and "\n" not in told
    assert [r["level"] for r in rows if r["system"] == "1sa3am"] == ["gfn1-xtb"]
    listener = Warned()
    screening.screen(replace(what, protocol=protocols.load("gfn1")), budget=0, progress=listener)
    assert listener.warnings == []


def of_levels(library):
    grid = systems(expand(["1-2sa", "0-2am"]), library)
    rows = rows_of(grid, {name: float(-i) for i, name in enumerate(grid)})
    for row in rows:
        row["level"] = "gfn1-xtb" if row["system"] in ("1sa", "1sa2am") else "b97-3c@pyscf"
    return grid, rows


def test_the_minority_is_marked(library, tmp_path):
    grid, rows = of_levels(library)
    assert symbols(rows) == {"b97-3c@pyscf": "", "gfn1-xtb": "*"}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(text_map(rows, grid))
    shown = console.export_text()
    lines = [line.split() for line in shown.splitlines()]
    assert ["1sa", "0.0", "-1.0", "-2.0*"] in lines  # a single molecule binds with 0 at every level
    assert ["2sa", "-3.0", "-4.0", "-5.0"] in lines
    assert "* gfn1-xtb; the others b97-3c@pyscf" in shown
    draw(tmp_path / "a.svg", rows, grid)
    drawn = (tmp_path / "a.svg").read_text()
    assert "-2.0*" in drawn.replace("\u2212", "-") and "gfn1-xtb" in drawn
    for row in rows:
        row["level"] = "gfn1-xtb"
    assert legend(rows) == warning(rows) == "" and symbols(rows) == {"gfn1-xtb": ""}
    assert symbols([]) == {}


# earlier screens


def test_a_second_screen_keeps_the_rows_of_the_first(library, tmp_path):
    first = screening.screen(make(tmp_path, library, ("1sa", "1am")))
    rows = screening.screen(make(tmp_path, library, ("1-2w",), seed=5))
    assert [(r["system"], r["status"]) for r in rows] == [
        ("1w", "finished"), ("2w", "finished"), ("1sa1am", "finished")
    ]  # fmt: skip
    assert rows[2] == first[0]
    assert [(r["system"], r["seed"]) for r in table(tmp_path)] == [("1w", "5"), ("2w", "5"), ("1sa1am", "0")]
    (tmp_path / "1sa1am" / "manifest.json").touch()  # a run was started there, and did not end
    (tmp_path / "2w").rename(tmp_path / "elsewhere")
    rows = screening.screen(make(tmp_path, library, ("1sa",)))
    assert [r["system"] for r in rows] == ["1sa", "1w"]


def test_rows_of_earlier_screens_are_there_from_the_start(library, tmp_path):
    screening.screen(make(tmp_path, library, ("1sa",)))
    (tmp_path / ".screen.csv.abc.part").write_text("by a process that is gone")
    seen = []
    listener = Listener(lambda text: text.startswith("--- ") and seen.append(table(tmp_path)))
    screening.screen(make(tmp_path, library, ("2w",), seed=1), progress=listener)
    screening.screen(make(tmp_path, library, ("1w",), seed=1), progress=listener)
    assert [[r["system"] for r in rows] for rows in seen] == [["1sa"], ["2w", "1sa"]]
    assert [r["system"] for r in table(tmp_path)] == ["1w", "1sa", "2w"]


def test_all_rows_have_the_same_columns(library, tmp_path):
    rows = screening.screen(make(tmp_path, library, ("1sa", "1am")))
    assert list(rows[0]) == list(blank("1sa1am", systems(["1sa1am"], library)["1sa1am"]))
    assert list(next(csv.DictReader((tmp_path / "screen.csv").read_text().splitlines()))) == list(rows[0])


def test_a_time_budget_knows_finished_systems_of_an_automatic_protocol(library, tmp_path):
    small = protocols.load("quick", {"generate.candidates": 2, "relax.max_steps": 2})
    what = replace(make(tmp_path, library, ("1sa",)), protocol=small)
    (done,) = screening.screen(what)
    (again,) = screening.screen(what, budget=0)
    assert done["status"] == again["status"] == "finished" and done["id"] == again["id"]


# corners that cannot be


def test_corners_whose_charge_is_impossible(library):
    left_out = {}
    grid = systems(expand(["1-2sa", "0-1am"]), library, 1, left_out)
    assert list(grid) == ["1sa1am1p", "2sa1am1p"]
    assert list(left_out) == ["1sa0am", "2sa0am"] and "cannot have the charge +1" in left_out["1sa0am"]
    left_out = {}
    assert list(systems(expand(["0-1sa", "0-1am", "1p"]), library, None, left_out)) == ["1am1p", "1sa1am1p"]
    assert list(left_out) == ["1sa0am1p"]
    with pytest.raises(CompositionError, match="no system of the grid.*'1sa' cannot have the charge"):
        systems(["1sa", "2sa"], library, 1, {})
    with pytest.raises(CompositionError, match="'xx'"):  # no matter of the charge
        systems(["1sa1am", "1xx1am"], library, 1, {})
    with pytest.raises(CompositionError, match="'1sa' cannot have the charge"):
        systems(["1sa", "1am"], library, 1)
