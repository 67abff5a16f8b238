"""The closed loop: what it labels and learns, that it ends alike after kills, and what it refuses."""

import hashlib
import json
import sys
from random import Random

import numpy as np
import pytest
from kills import killed_at_random, more_files

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import InputError, RunError
from sampler.learn.labels.label import collect
from sampler.learn.loop import Learn, learn
from sampler.learn.loop.asked import knows, starts
from sampler.learn.sampling.sample import Sampling, SamplingRun
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential

SHORT = Sampling(starts=2, quench=10, quench_frames=3, relax=20, temperatures=(300.0,), steps=20, every=2, displaced=1)
pytestmark = pytest.mark.once
TINY = Learn("gfn1-xtb", count=8, rounds=2, steps=6, sampling=SHORT)
_RUN = """
import sys
from pathlib import Path
sys.path[:0] = ["tests", "tests/learn"]
from sampler.composition import Composition
from sampler.learn.loop import learn
from sampler.monomers import MonomerLibrary

library = MonomerLibrary.load()
from test_learn_loop import TINY
learn(Composition.parse("1msa1am", library), TINY, Path(sys.argv[1]), library, seed=3)
"""


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def loop(tmp_path_factory, library):
    """Two rounds for an acid that no model knows, with a candidate."""
    folder = tmp_path_factory.mktemp("loop") / "learn"
    lines: list[str] = []
    system = Composition.parse("1msa1am", library)
    return folder, learn(system, TINY, folder, library, seed=3, say=lines.append), lines


def _weights(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("model.safetensors"))
    }


def test_each_round_labels_new_structures_and_keeps_its_models(loop):
    folder, learnt, lines = loop
    first, second = learnt.rounds
    assert first["labels"] == first["labelled"] == 8 - first["large_forces"]
    assert second["labels"] == first["labels"] + second["labelled"] and len(learnt.models) == 3
    assert len(_weights(folder)) == 6 and len(set(_weights(folder).values())) == 6
    labels = collect(folder / "labels")
    computed = get_potential("gfn1-xtb").evaluate(labels.without_energies())
    assert labels.energy == pytest.approx(computed.energy, abs=1e-6)
    assert "before" in learnt.rounds[1] and learnt.rounds[1]["before"]["mae_forces_kcal_mol_A"] > 0
    assert learnt.rounds[1]["largest_disagreement_eV_per_A"] >= learnt.rounds[1]["median_disagreement_eV_per_A"] > 0
    assert any("about" in line and "s of a core each" in line for line in lines)


def test_the_second_round_asks_for_what_the_committee_differs_on_most(loop, library):
    from sampler.learn.sampling.committee_query import disagreement
    from sampler.potentials.trained import painn

    folder, learnt, _ = loop
    committee = painn([str(folder / name) for name in learnt.rounds[0]["models"]])
    chosen = Clusters.load(folder / "round-01" / "chosen.npz")
    plan = json.loads((folder / "round-01" / "pool" / "plan.json").read_text())
    run = SamplingRun.__new__(SamplingRun)
    run.folder, run.how, run.seed, run.wanted = folder / "round-01" / "pool", SHORT, plan["seed"], plan["wanted"]
    pool = run.collect().without_energies()
    assert disagreement(chosen, committee).min() >= np.quantile(disagreement(pool, committee), 0.5)


@pytest.mark.slow
def test_killed_at_random_it_ends_with_the_same_weights(loop, tmp_path):
    folder, _, _ = loop
    rng = Random(5)
    again = tmp_path / "learn"
    kills = killed_at_random(
        [sys.executable, "-c", _RUN, str(again)], more_files(again, "*.npz", rng, 9), rng, longest_pause=0.5
    )
    assert kills >= 2
    assert _weights(again) == _weights(folder)


def test_models_that_ship_are_the_start(library):
    ammonia, methane = (Composition.parse(name, library) for name in ("2sa2am", "1msa1ma"))
    assert starts("gfn1-xtb", ammonia, library) and knows(starts("gfn1-xtb", ammonia, library), ammonia, library)
    assert len(starts("b97-3c@pyscf", methane, library)) == 3 and not knows(
        starts("b97-3c", methane, library), methane, library
    )
    assert starts("r2scan-3c", ammonia, library) == ()


def test_candidates_are_labelled_in_the_first_round(tmp_path, library):
    from toys import acid_and_ammonia

    acid_and_ammonia(tmp_path / "pair.npz")
    pair = Clusters.load(tmp_path / "pair.npz")
    system = Composition.parse("1sa1am", library)
    done = learn(system, Learn("gfn1-xtb", 4, 1, 2, SHORT), tmp_path / "learn", library, candidates=pair)
    assert done.rounds[0]["candidates"] == 1
    found = collect(tmp_path / "learn" / "labels")
    assert any(np.array_equal(one.positions, pair.positions) for one in found)
    with pytest.raises(InputError, match="has not the atoms of 2sa1am"):
        learn(Composition.parse("2sa1am", library), TINY, tmp_path / "other", library, candidates=pair)


def test_mistakes_are_told(loop, library, tmp_path):
    folder, _, _ = loop
    system = Composition.parse("1msa1am", library)
    with pytest.raises(RunError, match="another closed loop"):
        learn(system, Learn("gfn1-xtb", count=9), folder, library, seed=3)
    with pytest.raises(InputError, match="rounds of a closed loop is 0"):
        Learn("gfn1-xtb", rounds=0)


def test_mistakes_cost_one_line(sampler):
    for words, says in (
        (["--learn", "gfn9"], "gfn9"),
        (["--learn", "gfn1-xtb", "--level", "b97-3c"], "teaches another level"),
        (["--learn", "gfn1-xtb", "--model", "b97-painn"], "exclude each other"),
        (["--learn-from", "somewhere.xyz"], "only with --learn LEVEL"),
        (["--learn", "gfn1-xtb", "--learn-from", "nowhere.xyz"], "nowhere.xyz"),
    ):
        status, _, err = sampler("run", "1sa1am", *words)
        assert status in (1, 2) and says in err.strip().splitlines()[-1] and "Traceback" not in err, err
