"""The stages anneal and exchange: rounds of dynamics whose frames are quenched and join the archive."""

import json
import random
import sys

import numpy as np
import pytest
from kills import killed_at_random, more_files
from test_funnel_hop import LIBRARY, SCRIPT, Interrupter, go, rounds_of
from test_funnel_run import contents

from sampler.citations.used import citations_of
from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.stages.context import Context
from sampler.generate import generate
from sampler.identify import identify
from sampler.potentials import get_potential
from sampler.random_keys import named_key
from sampler.rundir.directory import read_ledgers, read_result
from sampler.search import heated

# so weak a potential holds nothing: atoms drift apart, a little (another minimum) or too far (no molecule any more)
COMMON = {"potential": "lennard-jones", "options": {"epsilon": 1e-5, "sigma": 0.9}, "rounds": 3, "chunk": 2}
ANNEAL = COMMON | {
    "kind": "anneal", "replicas": 6, "time_ps": 0.08, "temperatures": [60.0, 120.0, 60.0], "quench_ps": 0.04
}  # fmt: skip
EXCHANGE = COMMON | {
    "kind": "exchange", "ladders": 4, "replicas": 3, "time_ps": 0.08, "exchange_ps": 0.02, "quench_ps": 0.04,
    "lowest_temperature": 60.0, "highest_temperature": 200.0,
}  # fmt: skip
STAGES = {"anneal": ANNEAL, "exchange": EXCHANGE}


def table(kind, **changes):
    return {"name": "toy", "description": "", "stage": [{"kind": "generate", "candidates": 8}, STAGES[kind] | changes]}


def heated_rounds(folder, kind):
    return [json.loads(p.read_text()) for p in sorted(folder.glob(f"stages/*-{kind}-*/round-*/ledger.json"))]


@pytest.fixture(scope="module", params=STAGES)
def finished(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "run"
    go(folder, table(request.param))
    return request.param, folder


def test_frames_are_quenched_and_join_the_archive(finished):
    kind, folder = finished
    ledger, rounds = read_ledgers(folder)[-1], heated_rounds(folder, kind)
    assert ledger["rounds"] == len(rounds) == 3 and not rounds_of(folder)
    assert ledger["found"] == sum(r["new"] for r in rounds) > 3
    assert all(list(r["moves"]) == [kind] and r["moves"][kind][0] == r["children"] for r in rounds)
    assert ledger["evaluations"] == rounds[-1]["evaluations_so_far"]
    clusters = read_result(folder)
    assert identify(clusters, Composition.parse("1sa1am", LIBRARY), LIBRARY).columns["intact"].all()
    new = clusters[np.char.find(clusters.ids, f"-{kind}0") > 0]
    assert len(new) and (new.columns["fmax_eV_per_A"] <= 0.01).all()
    assert (new.columns["temperature"] >= 60.0).all() and set(new.columns["move"]) == {kind}
    assert not {"ladder", "exchanges", "ceiling_eV", "stream"} & set(clusters.columns)


def test_what_broke_leaves_with_its_reason(finished):
    kind, folder = finished
    gone = [r["dropped"] for r in heated_rounds(folder, kind)]
    assert any(set(d) & {"reacted", "exploded", "evaporated"} for d in gone), gone
    lines = "".join(p.read_text() for p in folder.glob(f"stages/*-{kind}-*/round-*/dropped.csv"))
    broken = [line for line in lines.splitlines() if any(w in line for w in ("reacted", "exploded", "evaporated"))]
    assert broken and all(len(line.split(",", 2)[-1]) > 4 for line in broken), "the reason is told in words"


def test_what_the_exchanges_came_to_is_told(finished, capsys):
    from sampler.cli.show import show

    kind, folder = finished
    show(folder, limit=3, verbose=True)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{kind}, round ")]
    assert len(shown) == 3
    if kind == "anneal":
        assert "exchange" not in read_ledgers(folder)[-1]
        return
    for line, record in zip(shown, heated_rounds(folder, kind)):
        told = record["exchange"]
        pairs = len(told["temperatures_K"]) - 1
        assert told["temperatures_K"][0] == 60.0 and told["temperatures_K"] == sorted(told["temperatures_K"])
        assert len(told["tried"]) == len(told["accepted"]) == len(told["acceptance"]) == pairs >= 1
        assert all(0 < a <= t for a, t in zip(told["accepted"], told["tried"])) and told["ladders"] == 4
        assert f"exchanges accepted {' '.join(f'{a:.2f}' for a in told['acceptance'])} at 60 " in line
    last = read_ledgers(folder)[-1]["exchange"]
    first = [r["exchange"]["tried"][0] for r in heated_rounds(folder, kind)]
    assert last["tried"][0] == sum(first) and len(last["tried"]) == len(last["temperatures_K"]) - 1
    assert last["ladders"] == 12 and last["round_trips"] == sum(
        r["exchange"]["round_trips"] for r in heated_rounds(folder, kind)
    )


def test_neither_workers_nor_interruptions_matter(finished, tmp_path):
    kind, folder = finished
    go(tmp_path / "two", table(kind), workers=2)
    assert contents(tmp_path / "two") == contents(folder)
    times = 0
    while times < 20:
        try:
            go(tmp_path / "again", table(kind), progress=Interrupter(2))
            break
        except KeyboardInterrupt:
            times += 1
    assert 2 <= times < 20 and contents(tmp_path / "again") == contents(folder)


@pytest.mark.slow
def test_killed_at_random_it_ends_alike(finished, tmp_path):
    kind, folder = finished
    protocol, here = tmp_path / "toy.json", tmp_path / "run"
    protocol.write_text(json.dumps(table(kind)))
    command, rng = [sys.executable, "-c", SCRIPT, str(protocol), str(here), "2"], random.Random(5)
    kills = killed_at_random(command, more_files(here, "chunk-*.npz", rng, 3), rng, most=30)
    assert kills >= 2 and contents(here) == contents(folder)


def task_of(kind):
    """A stage, three parents for it, and where it is at work."""
    context = Context(Composition.parse("1sa1am", LIBRARY), LIBRARY, 3, "")
    made = generate(context.composition, 3, library=LIBRARY, seed=1)
    columns = {"move": kind, "parent": made.ids, "stream": 7 + np.arange(3), "ceiling_eV": np.inf, "walker": 0}
    columns |= {"parent_energy_eV": 0.0} | ({"ladder": "60 90 130"} if kind == "exchange" else {})
    return protocols.build(table(kind), "toy").stage[1], made.replace(columns={}).with_columns(**columns), context


@pytest.mark.parametrize("kind", STAGES)
def test_a_child_is_the_same_however_a_round_is_cut(kind):
    stage, task, context = task_of(kind)
    together = stage.run(task, context)
    apart = Clusters.concatenate([stage.run(task[[k]], context) for k in range(3)])
    assert np.array_equal(together.positions, apart.positions) and together.ids.tolist() == apart.ids.tolist()
    assert together.columns["evaluations"].tolist() == apart.columns["evaluations"].tolist()


@pytest.mark.parametrize("kind", STAGES)
def test_every_evaluation_is_counted(kind, monkeypatch):
    counted, toy = [], type(get_potential("lennard-jones"))
    plain = toy.evaluate

    def evaluate(self, clusters, forces=True):
        counted.append(len(clusters))
        return plain(self, clusters, forces)

    monkeypatch.setattr(toy, "evaluate", evaluate)
    stage, task, context = task_of(kind)
    assert stage.run(task, context).columns["evaluations"].sum() == sum(counted) > 100


def test_what_a_stage_does_is_cited(finished):
    kind, folder = finished
    keys = set(citations_of([folder]).used_for)
    assert {"anneal": {"kirkpatrick1983"}, "exchange": {"sugita1999", "predescu2004"}}[kind] | {
        "leimkuhler2013"
    } <= keys


def test_random_numbers_of_the_stages_are_their_own():
    mover = type("Mover", (), {"seed": 0, "composition": Composition.parse("1sa1am", LIBRARY), "library": LIBRARY})
    keys = [heated.Heating(mover, kind, None, 0.01, 1)._key("dynamics", 0) for kind in (*STAGES, "hop")]
    drawn = {int(np.random.default_rng(k).integers(1 << 62)) for k in (*keys, named_key(0, "hop 1sa1am", 0))}
    assert len(drawn) == 4


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("anneal", "temperatures", []), ("anneal", "temperatures", [300, -1]), ("anneal", "time_ps", 0),
        ("exchange", "replicas", 1), ("exchange", "acceptance", 1.5), ("exchange", "highest_temperature", 50),
        ("exchange", "quench_ps", 0),
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(kind, key, value):
    with pytest.raises(ProtocolError, match=key):
        protocols.build(table(kind, **{key: value}), "toy")
