"""Screens that share a folder: who takes which system, and when results are written."""

from dataclasses import replace

import pytest
from test_funnel_screen import TOY, Listener, make, table

from sampler.errors import RunBusy
from sampler.funnel import results
from sampler.funnel.protocols import protocol as protocols
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import RunDirectory, read_manifest
from sampler.screen import runner as screening
from sampler.workers.claims import Claims

GROWN = TOY | {"stage": [TOY["stage"][0], {"kind": "grow", "candidates": 2}, TOY["stage"][1]]}


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def growing(folder, library, words=("1-2sa", "0-1am")):
    return replace(make(folder, library, words), protocol=protocols.build(GROWN, "toy"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory, library):
    folder = tmp_path_factory.mktemp("alone") / "screen"
    rows = screening.screen(growing(folder, library))
    assert [(r["system"], r["parents"]) for r in rows] == [
        ("1sa", ""), ("1sa1am", "1sa"), ("2sa", "1sa"), ("2sa1am", "1sa 1sa1am 2sa")
    ]  # fmt: skip
    return folder


class Order(Listener):
    """The systems in the order in which they were started."""

    @property
    def systems(self):
        return [text.split()[1] for text in self.messages if text.startswith("--- ")]


@pytest.mark.parametrize("join", [False, True])
def test_results_are_written_while_the_run_directory_is_held(library, tmp_path, monkeypatch, join):
    real, held = results.write, []

    def write(done, *words):
        with pytest.raises(RunBusy), RunDirectory.open(done.folder, read_manifest(done.folder)):
            pass
        held.append(done.folder.name)
        return real(done, *words)

    monkeypatch.setattr(results, "write", write)
    screening.screen(make(tmp_path, library, ("1sa", "0-1am")), join=join)
    assert held == ["1sa", "1sa1am"] and (tmp_path / "1sa1am" / "orca" / "run_all.sh").exists()


def test_what_another_process_is_at_comes_last(alone, library, tmp_path):
    """Without growth every system is ready."""
    what = replace(growing(tmp_path, library), growth=False)
    assert list(what.order) == ["1sa", "1sa1am", "2sa", "2sa1am"]
    listener = Order()
    with Claims(tmp_path, host="elsewhere") as other:
        assert other.take("systems", "1sa") and other.take("systems", "2sa")
        rows = screening.screen(what, join=True, progress=listener)
    assert listener.systems == ["1sa1am", "2sa1am", "1sa", "2sa"]
    assert [r["system"] for r in rows] == list(what.order) and {r["status"] for r in rows} == {"finished"}


def test_parents_come_first_whoever_is_at_them(alone, library, tmp_path):
    listener, seen = Order(), []
    listener.on_message = lambda text: text.startswith("--- 2sa1am") and seen.extend(table(tmp_path))
    with Claims(tmp_path, host="elsewhere") as other:
        assert other.take("systems", "1sa") and other.take("systems", "1sa1am")
        screening.screen(growing(tmp_path, library), join=True, progress=listener)
    # 1sa is the only one that is ready; then 2sa is, and free; 2sa1am waits for all of its parents
    assert listener.systems == ["1sa", "2sa", "1sa1am", "2sa1am"]
    assert table(tmp_path) == table(alone)
    for name in ("1sa1am", "2sa1am"):
        assert read_manifest(tmp_path / name)["parents"] == read_manifest(alone / name)["parents"]


def test_the_table_shows_what_others_are_at(library, tmp_path):
    seen = []
    listener = Listener(lambda text: text.startswith("--- ") and (tmp_path / "screen.csv").exists() and seen.append(
        {r["system"]: r["status"] for r in table(tmp_path)}
    ))  # fmt: skip
    with Claims(tmp_path, host="elsewhere") as other:
        assert other.take("systems", "1sa2am")
        screening.screen(make(tmp_path, library), join=True, progress=listener)
        assert other.numbers("systems") == {"1sa2am": 0}  # what was done here is free again
    assert seen == [
        {"1sa": "finished", "1sa1am": "waiting", "1sa2am": "running"},
        {"1sa": "finished", "1sa1am": "finished", "1sa2am": "running"},
    ]


def test_the_least_crowded_is_joined(library, tmp_path):
    listener = Order()
    with Claims(tmp_path, host="elsewhere") as other, Claims(tmp_path / "1sa", host="far") as crowd:
        for name in ("1sa", "1sa1am", "1sa2am"):
            assert other.take("systems", name)
        what = make(tmp_path, library)
        chosen = screening._next(what, list(what.order), {}, Claims(tmp_path))
    assert crowd.host == "far" and chosen == "1sa1am"
    screening.screen(what, join=True, progress=listener)  # they have ended
    assert listener.systems == list(what.order)
    assert not (tmp_path / ".claims").exists()
