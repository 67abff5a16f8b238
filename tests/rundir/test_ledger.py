"""Ledgers: read and written in one place, and the files stay what they are."""

import json
from pathlib import Path

import pytest

from sampler.clusters import Clusters
from sampler.errors import RunError
from sampler.fate import Fate
from sampler.rundir import ledger as ledgers
from sampler.rundir.directory import StageDirectory, read_ledgers
from sampler.rundir.ledger import Ledger, RoundLedger

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "data" / "run-0.1" / "1sa1am"


def test_what_is_read_is_written_again_to_the_byte(tmp_path):
    (tmp_path / "run.json").write_bytes(b"")
    ledgers.write(tmp_path / "run.json", read_ledgers(KEPT))
    assert (tmp_path / "run.json").read_bytes() == (KEPT / "ledger.json").read_bytes()
    single = sorted(KEPT.glob("stages/**/ledger.json"))
    kinds = [type(ledgers.read(path)) for path in single]
    assert (kinds.count(Ledger), kinds.count(RoundLedger)) == (7, 2)
    for path in single:
        ledgers.write(tmp_path / "one.json", ledgers.read(path))
        assert (tmp_path / "one.json").read_bytes() == path.read_bytes(), path


def test_members_and_keys():
    hop = read_ledgers(KEPT)[4]
    assert (hop.stage, hop.kind, hop.came_in, hop.out) == (5, "hop", 4, 8)
    assert hop.limits == {"rounds": 2, "patience": 8, "budget": None} and hop.folder.startswith("05-hop-")
    table = json.loads((KEPT / "ledger.json").read_text())[4]
    assert hop == table and list(hop) == list(table) and hop["in"] == 4 and hop.get("nothing") is None
    assert hop.said["stopped"] == hop["stopped"] == "rounds" and "limits" not in hop.said
    with pytest.raises(AttributeError):
        hop.out = 3
    (first, second) = (ledgers.read(p) for p in sorted(KEPT.glob("stages/05-*/round-*/ledger.json")))
    assert (first.round, second.round) == (1, 2) and second["known"] == second.out == hop.out


def test_a_stage_that_is_finished_has_counts_of_its_fates(tmp_path):
    three = Clusters.make([[[0, 0, 0]]] * 3, [[18]] * 3, ids=["a", "b", "c"])
    marked = three.with_columns(fate=[Fate.GOES_ON, Fate.DUPLICATE, "on_strike"], fate_detail=["", "a", "not today"])
    opened = Ledger(stage=2, kind="relax", came_in=3, said={"converged": 1})
    kept, ledger = StageDirectory(tmp_path).finish(marked, opened)
    assert kept.ids.tolist() == ["a"] and ledger.dropped == {"duplicate": 1, "on_strike": 1} and opened.dropped == {}
    assert (tmp_path / "dropped.csv").read_text() == "id,reason,detail\nb,duplicate,a\nc,on_strike,not today\n"
    again, found, wrong = StageDirectory(tmp_path).read_output()
    assert found == ledger and again.ids.tolist() == ["a"] and not wrong
    written = json.loads((tmp_path / "ledger.json").read_text())
    assert list(written) == ["stage", "kind", "in", "converged", "folder", "out", "dropped", "output_sha256"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "7", '[{"stage": 1}]', '[{"round": 1, "folder": "x"}]', "[[1]]", '["hop"]']
)
def test_damaged_ledgers_are_told(tmp_path, text):
    (tmp_path / "manifest.json").write_bytes((KEPT / "manifest.json").read_bytes())
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(RunError, match=r"ledger.json cannot be read .*run the same sampler run command again"):
        read_ledgers(tmp_path)
    found, ledger, wrong = StageDirectory(tmp_path).read_output()
    assert found is None and ledger is None and str(tmp_path) in wrong


def test_nobody_else_opens_the_file():
    named = [p.name for p in (ROOT / "sampler").rglob("*.py") if '"ledger.json"' in p.read_text()]
    assert named == ["ledger.py"]
