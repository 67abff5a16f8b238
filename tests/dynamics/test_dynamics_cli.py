"""``sampler md`` as a user types it."""

import json

import numpy as np
from toys import acid_and_ammonia

from sampler.clusters import Clusters


def test_a_file_is_simulated_and_taken_up(sampler, tmp_path):
    acid_and_ammonia(tmp_path / "pair.npz")
    words = ["md", "pair.npz", "--level", "gfn1-xtb", "--time", "0.02", "--replicas", 2, "-T", "200:250", "-j", 1]
    status, out, err = sampler(*words)
    assert status == 0, err
    assert "level: gfn1-xtb" in err and "200 to 250 K, nose-hoover, 40 steps of 0.5 fs, 2 replicas" in err
    assert "md/pair: 2 replicas, 2 finished" in out
    assert (tmp_path / "md" / "pair" / "replica-0001" / "trajectory.xyz.gz").exists()
    status, out, err = sampler(*words, "--json")
    told = json.loads(out)
    assert status == 0 and [r["ended"] for r in told["replicas"]] == ["finished"] * 2 and told["level"] == "gfn1-xtb"


def test_mistakes_cost_one_line(sampler, tmp_path):
    acid_and_ammonia(tmp_path / "pair.npz")
    for words, says in (
        (["nowhere.xyz"], "no file, no run directory and no composition"),
        (["pair.npz", "--rank", 2], "the file has 1 structures"),
        (["pair.npz", "-T", "cold"], "the temperature is 'cold'"),
        (["pair.npz", "--ensemble", "npt"], "no ensemble 'npt'"),
        (["pair.npz", "--stop-at", "boredom"], "--stop-at boredom"),
        (["pair.npz", "--time", "0"], "--time is 0"),
        (["pair.npz", "--model", "nothing-like-it"], "neither a potential nor a model is called 'nothing-like-it'"),
    ):
        status, _, err = sampler("md", *words)
        last = err.strip().splitlines()[-1]
        assert status in (1, 2) and last.startswith("sampler: error:") and says in last, err


def test_what_is_not_whole_is_refused_with_the_remedy(sampler, tmp_path):
    apart = np.array([[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]])
    Clusters.make([np.vstack([apart, apart + 9.0])], [[8, 1, 1] * 2]).save(tmp_path / "apart.npz")
    status, _, err = sampler("md", "apart.npz", "--level", "gfn1-xtb", "-j", 1)
    assert status == 2 and "is not one whole cluster to begin with: evaporated" in err and "sampler relax" in err
