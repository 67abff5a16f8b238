"""The stage hop: rounds, the archive, when it stops, interruptions; and the stage grow with its parents."""

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kills import killed_at_random, more_files
from test_funnel_run import Recorder, contents

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import CompositionError, ProtocolError, RunError
from sampler.funnel.parents import is_part_of, missing, read_parent
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.runner import run
from sampler.funnel.stages.context import Context
from sampler.funnel.stages.grow import Grow
from sampler.funnel.stages.hop import Hop
from sampler.generate import generate
from sampler.identify import identify
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.rundir.directory import read_ledgers, read_manifest, read_result
from sampler.search import archive as hop_archive
from sampler.search import children as hop_children
from sampler.similarity.frameworks import frameworks
from sampler.units import KCAL_PER_MOL

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = MonomerLibrary.load()
SYSTEM_2 = Composition.parse("2sa2am", LIBRARY)

# so weak a potential moves nothing: every child that is whole is a minimum of its own
HOP = {
    "kind": "hop", "potential": "lennard-jones", "options": {"epsilon": 1e-5, "sigma": 0.9}, "children": 6, "rounds": 3,
    "chunk": 2, "md_steps": 2,
}  # fmt: skip
TOY = {"name": "toy", "description": "fast stages for tests", "stage": [{"kind": "generate", "candidates": 8}, HOP]}


def with_hop(**changes):
    return TOY | {"stage": [TOY["stage"][0], HOP | changes]}


def go(folder, table=TOY, name="1sa1am", workers=1, progress=None, library=LIBRARY, **options):
    progress = progress or Recorder()
    wanted = Composition.parse(name, library)
    protocol = protocols.build(table, "toy")
    return run(wanted, protocol, folder, library=library, workers=workers, progress=progress, **options)


def rounds_of(folder: Path) -> list[dict]:
    return [json.loads(p.read_text()) for p in sorted(folder.glob("stages/*-hop-*/round-*/ledger.json"))]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hop") / "run"
    go(folder)
    return folder


def test_the_archive_grows_and_everything_in_it_is_whole(finished):
    ledger = read_ledgers(finished)[-1]
    rounds = rounds_of(finished)
    assert ledger["rounds"] == len(rounds) == 3 and ledger["stopped"] == "rounds"
    assert ledger["in"] + ledger["found"] == ledger["out"] + sum(ledger["dropped"].values())
    assert ledger["found"] == sum(r["new"] for r in rounds) > 5
    for before, after in zip(rounds, rounds[1:]):
        assert after["known"] == before["known"] + after["new"] and after["lowest_eV"] <= before["lowest_eV"]
        assert after["evaluations_so_far"] == before["evaluations_so_far"] + after["evaluations"]
    clusters = read_result(finished)
    assert len(set(clusters.ids)) == len(clusters) == ledger["out"]
    assert identify(clusters, Composition.parse("1sa1am", LIBRARY), LIBRARY).columns["intact"].all()
    assert not set(hop_archive.COUNTS) & set(clusters.columns)
    assert all(sum(c for c, _ in r["moves"].values()) == 6 for r in rounds)


def test_it_can_be_shown(finished, capsys):
    from sampler.cli.show import show

    show(finished, limit=3)
    shown = " ".join(capsys.readouterr().out.split())
    ledger = read_ledgers(finished)[-1]
    assert f"3 rounds (ended by rounds), {ledger['evaluations']} evaluations" in shown
    assert f"about {ledger['unseen_chao1']:.0f} unseen" in shown
    show(finished, limit=3, verbose=True)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("hop, round ")]
    rounds = rounds_of(finished)
    assert len(told) == len(rounds) == 3
    assert all(f"{r['children']} children, {r['new']} new minima" in line for r, line in zip(rounds, told))


def test_the_number_of_workers_does_not_matter(finished, tmp_path):
    go(tmp_path / "run", workers=2)
    assert contents(tmp_path / "run") == contents(finished)


def test_a_round_is_cut_for_the_workers_there_are(tmp_path):
    """...and what comes of it is the same, also where another number of workers takes up the run."""
    table = with_hop(chunk=None)
    go(tmp_path / "one", table)
    go(tmp_path / "joined", table, join=True)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "changed", table, progress=Interrupter(4))
    go(tmp_path / "changed", table, workers=2)
    pieces = {n: len(list((tmp_path / n).glob("stages/*-hop-*/round-0002/chunk-*"))) for n in ("one", "joined")}
    assert pieces == {"one": 2, "joined": 6}
    whole = {n: {k: v for k, v in contents(tmp_path / n).items() if "-of-" not in k} for n in (*pieces, "changed")}
    assert whole["one"] == whole["joined"] == whole["changed"]


def test_of_several_networks_the_lowest_is_taken(monkeypatch):
    """What ``repoint`` proposes depends neither on the other children nor on how they are cut; its cost is counted."""
    made = identify(generate(SYSTEM_2, 4, library=LIBRARY, seed=3, shares={"2 HSO4⁻ · 2 NH4⁺": 1.0}), SYSTEM_2, LIBRARY)
    made = made.replace(energy=np.zeros(len(made)), level="lennard-jones", columns={"walkers": np.ones(4, int)})
    hop = Hop(**HOP | {"potential": "gfn1-xtb", "options": {}, "moves": {"repoint": 1.0}})
    context = Context(SYSTEM_2, LIBRARY, 0, Path("."))
    task = made.without_energies().with_columns(move="repoint", parent=made.ids, stream=np.arange(4))
    together, spent = hop_children.moved(task, hop.mover(context))
    assert (together.columns["move"] == "repoint").all() and (spent > 8).all()
    alone, _ = hop_children.moved(task[2:3], hop.mover(context))
    assert np.array_equal(alone.positions, together[2:3].positions)
    monkeypatch.setattr(hop_children, "_TRIALS", 1)
    first, less = hop_children.moved(task, hop.mover(context))
    energy = [get_potential("gfn1-xtb").evaluate(c).energy for c in (together, first)]
    assert (energy[0] <= energy[1] + 1e-9).all() and (energy[0] < energy[1] - 1e-3).any() and (less < spent).all()


def test_no_fine_cut_where_a_batch_changes_the_last_bit(monkeypatch):
    model = str(ROOT / "data" / "models" / "gfn1-xtb_sa_am_dma_w")
    hop = {"kind": "hop", "potential": "painn", "options": {"model": model}, "children": 64}
    many = Context(SYSTEM_2, LIBRARY, 0, Path("."), workers=16)
    assert Hop(**hop)._portion(64, many) == 2 and Hop(**hop)._portion(64, replace(many, workers=1)) == 16
    assert Hop(**hop | {"options": {"model": model, "engine": "torch"}})._portion(64, many) == 16


class Interrupter(Recorder):
    """Ends the run after so many finished chunks."""

    def __init__(self, left):
        super().__init__()
        self.left = left

    def advance(self, n, found=False):
        self.left -= 0 if found else 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_interrupted_again_and_again_it_ends_alike(finished, tmp_path):
    folder, times = tmp_path / "run", 0
    while True:
        try:
            go(folder, progress=Interrupter(3))
            break
        except KeyboardInterrupt:
            times += 1
            assert times < 20
    assert times >= 2
    assert contents(folder) == contents(finished)


SCRIPT = (
    "import json, sys; from sampler.funnel.protocols import protocol; from sampler.funnel.runner import run;"
    "from sampler.monomers import MonomerLibrary; from sampler.composition import Composition;"
    "l = MonomerLibrary.load(); p = protocol.build(json.load(open(sys.argv[1])), 'toy');"
    "run(Composition.parse('1sa1am', l), p, sys.argv[2], library=l, workers=int(sys.argv[3]), join=len(sys.argv) > 4)"
)


@pytest.mark.slow
def test_processes_that_share_the_run_end_alike(finished, tmp_path):
    protocol, folder = tmp_path / "toy.json", tmp_path / "run"
    protocol.write_text(json.dumps(TOY))
    command = [sys.executable, "-c", SCRIPT, str(protocol), str(folder), "1", "join"]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [p.wait() for p in processes] == [0, 0]
    assert contents(folder) == contents(finished)


@pytest.mark.slow
def test_killed_at_random_it_ends_alike(finished, tmp_path):
    protocol, folder = tmp_path / "toy.json", tmp_path / "run"
    protocol.write_text(json.dumps(TOY))
    command, rng = [sys.executable, "-c", SCRIPT, str(protocol), str(folder), "2"], random.Random(5)
    kills = killed_at_random(command, more_files(folder, "chunk-*.npz", rng, 4), rng, most=30)
    assert kills >= 2
    assert contents(folder) == contents(finished)


def test_damage_in_a_round_is_mended(finished, tmp_path):
    folder = tmp_path / "run"
    go(folder)
    stage = next(folder.glob("stages/*-hop-*"))
    (stage / "ledger.json").unlink()
    (stage / "round-0002" / "output.npz").write_bytes(b"")
    (stage / "round-0002" / "chunk-00001-of-00003.npz").write_bytes(b"PK")
    recorder = Recorder()
    go(folder, progress=recorder)
    assert recorder.fresh == 2, "one chunk of two children is done again"
    assert any("round 2 is taken in again" in m for m in recorder.messages), recorder.messages
    assert contents(folder) == contents(finished)


def test_patience(tmp_path):
    # children that start too high for the window are never kept, so nothing new turns up
    go(tmp_path / "run", with_hop(window_kcalmol=1e-12, watch_kcalmol=1e-12, patience=2, rounds=50))
    ledger = read_ledgers(tmp_path / "run")[-1]
    rounds = rounds_of(tmp_path / "run")
    assert ledger["stopped"] == "patience"
    stale = [r["stale"] for r in rounds]
    assert stale[-2:] == [1, 2] and max(stale[:-1]) < 2


def test_a_search_goes_on_where_it_may_take_longer(tmp_path):
    """Other limits begin nothing anew, and the result is that of a run that had them from the start."""
    once = tmp_path / "once"
    go(once, with_hop(rounds=5))
    go(tmp_path / "run", with_hop(rounds=3))
    recorder = Recorder()
    go(tmp_path / "run", with_hop(rounds=5), progress=recorder)
    assert recorder.fresh == 12, "two more rounds of six children"
    assert read_ledgers(tmp_path / "run")[-1]["rounds"] == 5
    assert contents(tmp_path / "run") == contents(once)
    recorder = Recorder()
    go(tmp_path / "run", with_hop(rounds=3), progress=recorder)
    assert recorder.fresh == 0 and read_ledgers(tmp_path / "run")[-1]["rounds"] == 3
    assert len(read_result(tmp_path / "run")) < len(read_result(once))


def test_budget(tmp_path):
    go(tmp_path / "run", with_hop(budget=30, rounds=50))
    ledger = read_ledgers(tmp_path / "run")[-1]
    spent = [r["evaluations_so_far"] for r in rounds_of(tmp_path / "run")]
    assert ledger["stopped"] == "budget" and ledger["evaluations"] == spent[-1] >= 30
    assert len(spent) == 1 or spent[-2] < 30, "no round starts beyond the budget"


def test_children_fall_back_on_a_real_surface(tmp_path):
    """With GFN1-xTB: returned and duplicate children are counted, energies are of one level, the lowest never rises."""
    pytest.importorskip("tblite")
    table = with_hop(potential="gfn1-xtb", options={}, fmax=0.05, children=6, rounds=2)
    go(tmp_path / "run", table)
    ledger, rounds = read_ledgers(tmp_path / "run")[-1], rounds_of(tmp_path / "run")
    gone = sum(r["dropped"].get(k, 0) for r in rounds for k in ("returned", "duplicate"))
    assert gone >= 1, rounds
    clusters = read_result(tmp_path / "run")
    assert clusters.level == "gfn1-xtb" and np.isfinite(clusters.energy).all()
    assert (clusters.columns["fmax_eV_per_A"] <= 0.05).all()
    assert ledger["seen"] >= 1 and rounds[-1]["lowest_eV"] <= rounds[0]["lowest_eV"]


def test_a_single_molecule_ends_by_patience(tmp_path):
    go(tmp_path / "run", with_hop(patience=1), name="1w")
    ledger = read_ledgers(tmp_path / "run")[-1]
    assert ledger["stopped"] == "patience" and ledger["out"] == 1


@pytest.mark.parametrize(
    ("key", "value"), [("moves", {"fly": 1}), ("walkers", 0), ("temperature", -1), ("children", 0)]
)
def test_bad_parameters_are_refused(key, value):
    with pytest.raises(ProtocolError, match=key):
        protocols.build(with_hop(**{key: value}), "toy")


# ---- the archive alone ------------------------------------------------------------------------------


def waters(energies, shifts, **columns):
    """Water dimers with the second molecule ``shift`` Å further away: distinct where the shifts differ."""
    w = LIBRARY["w"]
    x = w.conformers[0].positions
    frames = [np.concatenate([x, x + [2.9 + s, 0.0, 0.0]]) for s in shifts]
    numbers = [np.concatenate([w.numbers, w.numbers])] * len(frames)
    n = len(frames)
    return Clusters.make(
        frames, numbers, ids=[f"c{i}" for i in range(n)], energy=np.array(energies) * KCAL_PER_MOL, level="toy",
        columns={"fate": np.full(n, ""), "fate_detail": np.full(n, ""), **columns},
    )  # fmt: skip


def test_known_minima_are_counted_and_new_ones_added():
    everything, record = hop_archive.start(waters([0.0, 0.0, 2.0], [0.0, 0.0, 1.0]), 2, 3.0, 7, 1)
    assert everything.columns["fate"].tolist() == ["", "duplicate", ""]
    assert record["known"] == 2 and record["evaluations_so_far"] == 7
    population = everything[everything.columns["fate"] == ""]
    assert population.columns["seen"].tolist() == [2, 1] and population.columns["walkers"].tolist() == [1, 2]
    made = waters(
        [2.0, 0.0, -1.0, -1.0, 9.0], [1.0, 0.0, 2.0, 2.0, 3.0], parent=np.array(["c0", "c0", "c2", "c0", "c2"]),
        walker=np.array([0, 1, 1, 0, 0]), move=np.array(["turn"] * 5), evaluations=np.array([1, 2, 3, 4, 5]),
    )  # fmt: skip
    made = made.replace(ids=np.array([f"n{i}" for i in range(5)]))
    made.columns["fate"] = np.array(["", "", "", "", "above_window"])
    after, record = hop_archive.absorb(population, made, [{"round": 0, **record}], 3.0, 1)
    fates = dict(zip(after.ids.tolist(), after.columns["fate"].tolist()))
    assert fates == {
        "c0": "",
        "c2": "",
        "n0": "duplicate",
        "n1": "duplicate",
        "n2": "",
        "n3": "duplicate",
        "n4": "above_window",
    }
    kept = after[after.columns["fate"] == ""]
    # n0 finds c2; n1 is a child of c0 that falls back to it, which is no observation; n2 and n3 find the same new one
    assert dict(zip(kept.ids.tolist(), kept.columns["seen"].tolist())) == {"c0": 2, "c2": 2, "n2": 2}
    assert dict(zip(kept.ids.tolist(), kept.columns["walkers"].tolist())) == {"c0": 3, "c2": 3, "n2": 3}
    assert dict(zip(kept.ids.tolist(), kept.columns["tried"].tolist())) == {"c0": 3, "c2": 2, "n2": 0}
    # what came in, and was dealt out, is not found
    assert dict(zip(kept.ids.tolist(), kept.columns["found"].tolist())) == {"c0": 0, "c2": 1, "n2": 2}
    assert dict(zip(kept.ids.tolist(), kept.columns["finders"].tolist())) == {"c0": 0, "c2": 1, "n2": 3}
    assert record["new"] == record["new_in_window"] == 1 and record["stale"] == 0 and record["evaluations_so_far"] == 22
    assert record["lowered_kcalmol"] == pytest.approx(1.0)
    assert "1 new minima" in hop_archive.line({"round": 1, **record}, 3.0, verbose=True)


# ---- growth -----------------------------------------------------------------------------------------

GROW = {
    "name": "grow", "description": "toy",
    "stage": [
        {"kind": "generate", "candidates": 4}, {"kind": "grow", "candidates": 7, "chunk": 3},
        {"kind": "relax", "potential": "lennard-jones", "options": HOP["options"]},
    ],
}  # fmt: skip


def test_candidates_grow_from_smaller_systems(finished, tmp_path):
    parent = read_parent(finished, LIBRARY)
    assert parent.name == "1sa1am" and (np.diff(parent.clusters.energy) >= 0).all()
    result = go(tmp_path / "a", GROW, "2sa2am", parents=[parent])
    ledger = read_ledgers(tmp_path / "a")[1]
    assert ledger["found"] == ledger["added"] + ledger["spliced"] == 7 and ledger["out"] == 11
    grown = result.clusters[np.char.find(result.clusters.ids, "grow") >= 0]
    assert len(grown) == 7 and all("1sa1am/1sa1am-" in p for p in grown.columns["parent"])
    assert identify(grown, Composition.parse("2sa2am", LIBRARY), LIBRARY).columns["intact"].all()
    told = read_manifest(tmp_path / "a")["parents"]
    assert told == [{"source": "run", "composition": "1sa1am", "sha256": parent.sha256}]
    go(tmp_path / "b", GROW, "2sa2am", workers=2, parents=[parent, parent])
    assert contents(tmp_path / "b") == contents(tmp_path / "a")
    # other parents, another result; what does not depend on them is kept
    recorder = Recorder()
    go(tmp_path / "a", GROW, "2sa2am", progress=recorder)
    assert recorder.skipped == ["generate"]
    ledger = read_ledgers(tmp_path / "a")[1]
    assert ledger["found"] == 0 and "nothing grown" in ledger["note"] and ledger["out"] == 4


class DeadlyGrow(Grow):
    """Kills its process on some candidates."""

    def run(self, task, context):
        if {2, 4} & set(task.numbers):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(task, context)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_candidate_that_kills_its_worker_costs_itself_alone(finished, tmp_path, monkeypatch, workers):
    parent = read_parent(finished, LIBRARY)
    healthy = go(tmp_path / "healthy", GROW, "2sa2am", parents=[parent]).clusters
    table = protocols.build(GROW, "toy")
    deadly = DeadlyGrow(**table.stage[1].model_dump())
    monkeypatch.setattr(
        protocols, "build", lambda *_: table.model_copy(update={"stage": (table.stage[0], deadly, table.stage[2])})
    )
    recorder = Recorder()
    result = go(tmp_path / "run", GROW, "2sa2am", workers=workers, parents=[parent], progress=recorder)
    ledger = read_ledgers(tmp_path / "run")[1]
    assert ledger["dropped"] == {"crashed": 2} and ledger["found"] == 5 and ledger["out"] == 4 + 5
    assert any("a worker died on chunk" in m for m in recorder.messages)
    dropped = (tmp_path / "run" / "stages" / ledger["folder"] / "dropped.csv").read_text().splitlines()[1:]
    assert dropped == [f"2sa2am-grow_{n:04d},crashed,the worker process died" for n in (2, 4)]
    # the others are what they are without the accident, also when they are read again
    rest = healthy[~np.isin(healthy.ids, ["2sa2am-grow_0002", "2sa2am-grow_0004"])]
    assert result.clusters.ids.tolist() == rest.ids.tolist() and np.array_equal(
        result.clusters.positions, rest.positions
    )
    (tmp_path / "run" / "stages" / ledger["folder"] / "ledger.json").unlink()
    again = go(tmp_path / "run", GROW, "2sa2am", parents=[parent])
    assert again.ledgers == result.ledgers


def test_parents_that_do_not_fit(finished, tmp_path):
    parent = read_parent(finished, LIBRARY)
    with pytest.raises(RunError, match="--parents run: 1sa1am is no part of 2sa: too many am"):
        go(tmp_path / "run", GROW, "2sa", parents=[parent])
    with pytest.raises(RunError, match="it is no smaller"):
        go(tmp_path / "run", GROW, "1sa1am", parents=[parent])
    with pytest.raises(RunError, match="has no stage 'grow'"):
        go(tmp_path / "run", TOY, "2sa1am", parents=[parent])
    with pytest.raises(RunError, match="not a run directory"):
        read_parent(tmp_path, LIBRARY)


def test_parents_with_an_ion_that_the_library_lacks(finished, tmp_path):
    parent = read_parent(finished, LIBRARY)
    parent = replace(parent, source="there", archive=Clusters.empty(), archive_sha256="")
    ionic = {i for i, state in zip(parent.clusters.ids, parent.clusters.columns["state"]) if "HSO4⁻" in state}
    taken = parent.by_framework(20, LIBRARY).ids.tolist()
    n, lost = len(taken), len(ionic & set(taken))
    assert 0 < lost < n
    poor = MonomerLibrary(tuple(m for m in LIBRARY if m.name not in ("b", "s")))
    recorder = Recorder()
    result = go(tmp_path / "some", GROW, "2sa2am", library=poor, parents=[parent], progress=recorder)
    told = f"{lost} of the {n} lowest structures of the parent 1sa1am (there) are left out: HSO4⁻ is not in the library ({lost})"
    assert told in recorder.messages
    ledger = read_ledgers(tmp_path / "some")[1]
    assert (ledger["parent_structures"], ledger["parent_structures_left_out"], ledger["found"]) == (n, lost, 7)
    assert not any("HSO4⁻" in state for state in result.clusters.columns["state"])
    with pytest.raises(
        RunError, match=r"--parents there \(1sa1am\): none of the .* HSO4⁻ is not in the library.*--monomers"
    ):
        unusable = replace(parent, clusters=parent.clusters[np.isin(parent.clusters.ids, sorted(ionic))])
        go(tmp_path / "none", GROW, "2sa2am", library=poor, parents=[unusable])
    assert not (tmp_path / "none").exists()
    # all of them are known to the whole library: nothing to say
    recorder = Recorder()
    go(tmp_path / "all", GROW, "2sa2am", parents=[parent], progress=recorder)
    assert not any("left out" in m for m in recorder.messages)
    assert read_ledgers(tmp_path / "all")[1]["parent_structures_left_out"] == 0


def test_parents_bring_what_their_search_has_seen(finished):
    parent = read_parent(finished, LIBRARY)
    (hop,) = [ledger for ledger in read_ledgers(finished) if ledger["kind"] == "hop"]
    assert parent.archive_sha256 == hop["output_sha256"] and len(parent.archive) == hop["out"]
    few = replace(parent, clusters=parent.clusters[:1])
    chosen = few.by_framework(5, LIBRARY)
    assert len(chosen) == min(5, 1 + len(parent.archive)) and chosen.ids[0] in (
        few.clusters.ids[0],
        parent.archive.ids[0],
    )
    # the lowest of each framework come before any second one
    everything = few.by_framework(10_000, LIBRARY)
    group = frameworks(everything, parent.composition, LIBRARY, threshold=0.15)
    distinct = len(np.unique(group))
    assert 1 < distinct < len(everything)
    nothing = replace(few, archive=Clusters.empty(), archive_sha256="")
    assert nothing.by_framework(5, LIBRARY).ids.tolist() == few.clusters.ids.tolist()
    context = lambda p: Context(SYSTEM_2, LIBRARY, 0, Path("."), parents=(p,))  # noqa: E731
    assert Grow(kind="grow").identity(context(few)) != Grow(kind="grow").identity(context(nothing))


def test_an_archive_that_is_gone_is_no_error(tmp_path):
    import shutil

    go(tmp_path / "run", TOY | {"stage": [*TOY["stage"], {"kind": "select", "count": 5}]})
    assert len(read_parent(tmp_path / "run", LIBRARY).archive) > 5
    (folder,) = (tmp_path / "run" / "stages").glob("02-hop-*")
    shutil.rmtree(folder)
    parent = read_parent(tmp_path / "run", LIBRARY)
    assert not len(parent.archive) and parent.archive_sha256 == ""
    assert len(parent.by_framework(3, LIBRARY)) == min(3, len(parent.clusters))


def test_variants_of_one_framework_do_not_take_all_children():
    """Two frameworks of like energy, one with many variants: each gets about half of the children."""
    made = generate(SYSTEM_2, 2, library=LIBRARY, seed=3, shares="ions-only")
    many = Clusters.concatenate([made[np.array([0])]] * 30 + [made[np.array([1])]])
    population = many.replace(energy=np.array([0.001 * k for k in range(30)] + [0.0]), ids=np.arange(31).astype("U3"))
    population = population.with_columns(tried=0, walkers=1, seen=1)
    assert len(set(frameworks(population, SYSTEM_2, LIBRARY))) == 2
    hop = Hop(kind="hop", potential="lennard-jones", children=2000, walkers=1)
    context = Context(SYSTEM_2, LIBRARY, 0, Path("."))
    share = (hop.walk(context).parents(population, np.random.default_rng(0)) == 30).mean()
    assert share == pytest.approx(0.5, abs=0.05)
    # a framework that has had its children yields
    tired = population.with_columns(tried=np.r_[np.zeros(30, int), 20])
    share = (hop.walk(context).parents(tired, np.random.default_rng(0)) == 30).mean()
    assert share == pytest.approx(1 / 3, abs=0.05)
    # however cold, and whatever a walker knows, someone is chosen
    high = population.with_columns(walkers=np.r_[np.full(29, 1), 2, 1]).replace(energy=np.r_[np.zeros(29), 0.8, 0.0])
    cold = Hop(kind="hop", potential="lennard-jones", children=10, walkers=2, temperature=1.0)
    chosen = cold.walk(context).parents(high, np.random.default_rng(0))
    assert (chosen[1::2] == 29).all() and not (chosen[::2] == 29).any()


def test_a_parent_of_unknown_molecules(finished):
    poor = MonomerLibrary(tuple(m for m in LIBRARY if m.family != "am"))
    with pytest.raises(RunError, match="--parents .*: .*am"):
        read_parent(finished, poor)


def test_parts_of_compositions():
    parse = lambda text, charge=None: Composition.parse(text, LIBRARY, charge)  # noqa: E731
    assert missing(parse("1sa1am"), parse("2sa3am"), LIBRARY).counts == (("sa", 1), ("am", 2))
    assert missing(parse("1sa1am"), parse("1sa1b1am"), LIBRARY).charge == -1
    assert is_part_of(parse("1sa"), parse("1sa1am"), LIBRARY)
    assert not is_part_of(parse("2sa"), parse("1sa1am"), LIBRARY)
    with pytest.raises(CompositionError, match="cannot have the charge"):
        missing(parse("1sa1am1p"), parse("1sa2am", -1), LIBRARY)
