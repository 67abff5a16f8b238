"""What a screen's table says: minima, levels of theory, what earlier screens have left, and corners that cannot be."""

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from test_funnel_screen import TOY, Listener, make, rows_of, table

from sampler.errors import CompositionError, ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.automatic import resolve
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import read_ledgers
from sampler.rundir.ledger import Ledger
from sampler.screen import runner as screening
from sampler.screen.grid import expand, order, systems
from sampler.screen.levels import apart, common, final, told, warning
from sampler.screen.rows import blank, minima
from sampler.screen.table import draw, text_map


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
    return [Ledger(stage=i, kind=kind, came_in=out, out=out) for i, (kind, out) in enumerate(pairs, 1)]


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


SHIPPED = ("quick", "standard", "thorough", "large", "gfn1", "b97-3c", "b97-3c-large")


def test_the_level_that_a_system_will_get(library):
    """Every protocol ends at the best level for the composition, or at the one that was asked for."""
    grid = systems(expand(["1-3sa", "am=sa±2"]), library)
    for protocol in map(protocols.load, SHIPPED):
        for name, composition in grid.items():
            found = final(protocol, composition, library)
            near = abs(composition.counts[0][1] - dict(composition.counts).get("am", composition.counts[0][1])) <= 1
            assert found.level == ("b97-3c@pyscf" if near else "gfn1-xtb"), (protocol.name, name)
            assert ("PaiNN" in found.by) == near and ("numbers of molecules differ by 2" in found.why) == (not near)
            last = [s for s in resolve(protocol, composition, library).stage if s.kind == "relax"][-1]
            assert last.make().level == found.level
            assert final(protocol, composition, library, "gfn1-xtb").level == "gfn1-xtb"
    assert final(protocols.load("wu2023"), grid["1sa1am"], library).level == ""
    assert final(protocols.load("refined"), grid["1sa3am"], library).level == "b97-3c@pyscf"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("1sa1am1p", "it is charged"),
        ("1sa1tma", "it holds tma"),
        ("2am", "it holds no sa or w"),
        ("1sa3am", "differ by 2"),
    ],
)
def test_why_it_is_not_the_better_one(library, name, why):
    found = final(protocols.load("quick"), systems([name], library, None).popitem()[1], library)
    assert (found.level, found.by) == ("gfn1-xtb", "GFN1-xTB itself") and why in found.why


def test_one_screen_has_one_level(library, tmp_path):
    """One system without a model of B97-3c, and all are calculated with GFN1-xTB; single molecules do not count."""
    grid = systems(expand(["1-3sa", "am=sa±2"]), library)
    listener = Warned()
    what = screening.Screen(grid, order(grid, library), protocols.load("quick"), library, tmp_path)
    rows = screening.screen(what, budget=0, progress=listener)
    assert {r["level"] for r in rows} == {"gfn1-xtb"} and not listener.warnings
    (line,) = [m for m in listener.messages if m.startswith("level: ")]
    assert line.startswith(
        "level: all systems of this screen end at gfn1-xtb by GFN1-xTB itself: one level for all, and no model"
    )
    assert "1sa3am, 3sa1am, 2sa4am, 3sa5am" in line and "\n" not in line
    near = systems([*expand(["1-2sa", "am=sa±1"]), "1am"], library)  # 1am is at no model's home, and binds with 0
    what = replace(what, grid=near, order=order(near, library))
    assert what.common_level == "auto" and "1am" in near
    rows = screening.screen(what, budget=0)
    assert {r["level"] for r in rows if r["molecules"] > 1} == {"b97-3c@pyscf"}
    lower = replace(what, level="gfn1-xtb")
    assert {lower.ending_of(n).level for n in near} == {"gfn1-xtb"}
    with pytest.raises(ProtocolError, match=r"4 of 14 systems cannot end at b97-3c \(1sa3am, 2sa4am, 3sa1am, 3sa5am\)"):
        screening.screen(replace(what, grid=grid, order=order(grid, library), level="b97-3c"), budget=0)


def test_protocols_that_cannot_end_at_one_level_say_so(library, tmp_path):
    grid = systems(expand(["1-2sa", "1-2am"]), library)
    explicit = protocols.build(TOY, "toy")
    systems_of = {n: (explicit if n == "2sa2am" else protocols.load("quick"), c) for n, c in grid.items()}
    assert common("auto", systems_of, library) == "auto"
    what = screening.Screen(
        grid, order(grid, library), protocols.load("quick"), library, tmp_path, large=explicit, beyond=3
    )
    listener = Warned()
    rows = screening.screen(what, budget=0, progress=listener)
    (warned,) = listener.warnings
    assert "b97-3c@pyscf for 3 systems; lennard-jones for 2sa2am" in warned and "of its own" in warned
    assert sorted(p.name for p in tmp_path.glob("*.csv")) == ["screen-lennard-jones.csv", "screen.csv"]
    assert [r["system"] for r in apart(rows, grid)["-lennard-jones"]] == ["2sa2am"]


def of_levels(library):
    grid = systems(expand(["1-2sa", "0-2am"]), library)
    rows = rows_of(grid, {name: float(-i) for i, name in enumerate(grid)})
    for row in rows:
        row["level"] = "gfn1-xtb" if row["system"] in ("1sa", "1sa2am") else "b97-3c@pyscf"
    return grid, rows


def test_levels_are_kept_apart(library, tmp_path):
    """Another level has a table and a heat map of its own; a single molecule binds with 0 at every level."""
    grid, rows = of_levels(library)
    parts = apart(rows, grid)
    assert {end: {r["system"] for r in of} for end, of in parts.items()} == {
        "": {"1sa", "2sa", "1sa1am", "2sa1am", "2sa2am"}, "-gfn1-xtb": {"1sa2am"}
    }  # fmt: skip
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(text_map(parts[""], grid))
    shown = console.export_text()
    assert "binding energy per molecule, kcal/mol, b97-3c@pyscf" in shown and "gfn1" not in shown
    draw(tmp_path / "a.svg", parts["-gfn1-xtb"], grid)
    drawn = (tmp_path / "a.svg").read_text().replace("\u2212", "-")
    lonely = next(r for r in rows if r["system"] == "1sa2am")["binding_energy_per_molecule_kcalmol"]
    assert f"{lonely:.1f}" in drawn and "gfn1-xtb" in drawn and "b97-3c" not in drawn
    screening.write_tables(tmp_path, rows, grid)
    assert (tmp_path / "screen-gfn1-xtb.csv").exists()
    for row in rows:
        row["level"] = "gfn1-xtb"
    assert warning(rows) == "" and list(apart(rows, grid)) == [""]
    screening.write_tables(tmp_path, rows, grid)
    assert not (tmp_path / "screen-gfn1-xtb.csv").exists()
    assert told("auto", "auto", [], grid) == ""


# earlier screens


def test_a_second_screen_keeps_the_rows_of_the_first(library, tmp_path):
    first = screening.screen(make(tmp_path, library, ("1sa", "1am")))
    rows = screening.screen(make(tmp_path, library, ("1-2w",), seed=5))
    assert [(r["system"], r["status"]) for r in rows] == [
        ("1w", "finished"), ("2w", "finished"), ("1sa1am", "finished")
    ]  # fmt: skip
    assert rows[2] == first[0]
    assert [(r["system"], r["seed"]) for r in table(tmp_path)] == [("1w", "5"), ("2w", "5"), ("1sa1am", "0")]
    manifest = tmp_path / "1sa1am" / "manifest.json"  # a run of another seed was started there, and did not end
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"seed": 7}))
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
