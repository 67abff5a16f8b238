"""Fates: strings in columns and files, one list of them, and room for the reasons of others."""

import ast
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.fate import Fate
from sampler.potentials import Evaluation
from sampler.potentials.lennard_jones import LennardJones
from sampler.relax import relax
from sampler.rundir.directory import StageDirectory
from sampler.rundir.ledger import RoundLedger

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def three():
    return Clusters.make([[[0, 0, 0], [0, 0, 1.9]]] * 3, [[18, 18]] * 3, ids=["a", "b", "c"])


def test_they_are_stored_as_strings(three, tmp_path):
    one = three.with_columns(fate=Fate.DUPLICATE)
    plain = three.with_columns(fate="duplicate")
    for clusters, name in ((one, "one.npz"), (plain, "plain.npz")):
        clusters.save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()
    assert one.columns["fate"].dtype == np.dtype("U9") and set(map(type, one.columns["fate"].tolist())) == {str}
    assert (three.with_columns(fate=Fate.GOES_ON).columns["fate"] == Fate.GOES_ON).all()
    assert json.dumps({Fate.NAN: Fate.CLASH}) == '{"nan": "clash"}' and f"{Fate.NAN}" == "nan"
    assert pickle.loads(pickle.dumps(Fate.CLASH)) is Fate("clash") is Fate.CLASH


def test_all_have_a_meaning_and_nothing_is_a_fate_by_chance():
    assert all(fate.meaning.endswith(".") for fate in Fate) and not Fate.GOES_ON
    assert {"reacted", "evaporated", "exploded"} <= set(Fate)  # what identification finds
    with pytest.raises(ValueError, match="my_reason"):
        Fate("my_reason")


def reasons(tree):
    """What the texts of failures in a potential start with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            node = node.values[0]
        text = getattr(node, "value", None)
        if isinstance(text, str) and (head := text.partition(": ")[0]).isidentifier() and ": " in text:
            yield head


def test_the_reasons_of_the_potentials_are_fates():
    texts = {r for p in (ROOT / "sampler" / "potentials").rglob("*.py") for r in reasons(ast.parse(p.read_text()))}
    assert {"nan", "clash", "scf_failed", "engine_error", "element", "open_shell"} <= texts
    assert not (texts - set(Fate)) & {t for t in texts if t.islower()}, texts - set(Fate)


class Picky(LennardJones):
    def evaluate(self, clusters, forces=True):
        found = super().evaluate(clusters, forces)
        failure = np.where(clusters.ids == "b", "on_strike: not today", found.failure)
        return Evaluation(np.where(clusters.ids == "b", np.nan, found.energy), found.forces, failure)


def test_a_potential_of_others_may_give_its_own_reason(three, tmp_path):
    done = relax(three, Picky())
    assert done.columns["fate"].tolist() == ["", "on_strike", ""]
    _, ledger = StageDirectory(tmp_path).finish(done, RoundLedger(round=1))
    assert ledger.dropped == {"on_strike": 1}
    assert (tmp_path / "dropped.csv").read_text() == "id,reason,detail\nb,on_strike,not today\n"
