"""Whether a run is finished is in what its files say, not in when they were written: a copy is as good as the original."""

import json
import os
import shutil
from pathlib import Path

import pytest

from sampler.rundir import ledger as ledgers
from sampler.rundir.directory import RunDirectory
from sampler.rundir.finished import MARK, complete

KEPT = Path(__file__).parents[1] / "data" / "run-0.1" / "1sa1am"


def aged(folder: Path, *names: str) -> Path:
    """Those files younger than all others, as whatever copies a folder may leave them."""
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9))
    for k, name in enumerate(names, start=1):
        os.utime(folder / name, (1e9 + k, 1e9 + k))
    return folder


@pytest.fixture
def unmarked(tmp_path):
    return Path(shutil.copytree(KEPT, tmp_path / "old"))


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture
def marked(tmp_path, unmarked):
    """A run as this version leaves it."""
    folder = tmp_path / "new"
    with RunDirectory.open(folder, manifest_of(unmarked)) as directory:
        shutil.copytree(unmarked / "stages", folder / "stages")
        assert not complete(folder)
        directory.completed(ledgers.read_run(unmarked / "ledger.json"))
    return folder


@pytest.mark.parametrize("younger", [("ledger.json", "manifest.json"), ("manifest.json", "ledger.json")])
def test_a_copy_is_finished_in_whatever_order_its_files_were_copied(marked, unmarked, younger):
    assert complete(aged(marked, *younger)) and complete(aged(unmarked, *younger))


def test_a_run_that_was_started_later_is_not(marked, unmarked):
    for folder in (marked, unmarked):
        with RunDirectory.open(folder, manifest_of(folder) | {"monomers": {}}):  # and killed here
            pass
        assert not complete(aged(folder, "manifest.json", "ledger.json"))


def test_an_old_folder_with_stages_of_a_later_run_goes_by_the_times(unmarked):
    (unmarked / "stages" / "02-relax-000000000000").mkdir()
    assert complete(aged(unmarked, "manifest.json", "ledger.json"))
    assert not complete(aged(unmarked, "ledger.json", "manifest.json"))


def test_the_same_run_again_changes_no_file(marked):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in aged(marked).rglob("*.json")}
    with RunDirectory.open(marked, manifest_of(marked)) as directory:
        assert complete(marked)
        directory.completed(ledgers.read_run(marked / "ledger.json"))
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in marked.rglob("*.json")} == before


def test_what_is_damaged_is_not_finished(marked):
    told = (marked / "ledger.json").read_text()
    (marked / "ledger.json").write_text(told.replace('"out": 4', '"out": 5'))
    assert not complete(marked)
    (marked / "ledger.json").write_text(told)
    assert complete(marked)
    (marked / MARK).write_text("{")
    assert not complete(marked)
    (marked / "ledger.json").unlink()
    assert not complete(marked) and not complete(marked / "nowhere")
