"""``sampler md quench``: frames of a simulation end in minima, which join the ranking of a run."""

import json

import numpy as np
import pytest
from toys import acid_and_ammonia

from sampler.dynamics.drawn import spaced
from sampler.rundir.directory import read_ledgers, read_result

RUN = """
name = "toy"
description = "a protocol that ends with a relaxation by GFN1-xTB"
[[stage]]
kind = "generate"
candidates = 6
[[stage]]
kind = "relax"
potential = "gfn1-xtb"
fmax = 0.3
max_steps = 20
[[stage]]
kind = "dedupe"
[[stage]]
kind = "relax"
potential = "gfn1-xtb"
fmax = 0.05
[[stage]]
kind = "identify"
[[stage]]
kind = "dedupe"
[[stage]]
kind = "select"
count = 50
"""


@pytest.fixture
def simulated(sampler, tmp_path):
    acid_and_ammonia(tmp_path / "pair.npz")
    words = ["md", "pair.npz", "--level", "gfn1-xtb", "--time", "0.04", "--replicas", 2, "--frames", 5, "-j", 1, "-q"]
    assert sampler(*words)[0] == 0
    return tmp_path / "md" / "pair"


def test_frames_are_relaxed_and_ranked(sampler, simulated):
    drawn = spaced(simulated, 20.0)
    assert drawn.replicas.tolist() == [0, 0, 1, 1] and np.diff(drawn.time_fs)[::2].tolist() == [20.0, 20.0]
    words = ["md", "quench", simulated, "--every", 0.02, "--level", "gfn1-xtb", "-j", 1]
    status, out, err = sampler(*words)
    assert status == 0, err
    clusters = read_result(simulated / "quench")
    assert f"4 of 16 frames ended in {len(clusters)} minima" in out
    assert clusters.level == "gfn1-xtb" and (clusters.columns["fmax_eV_per_A"] <= 0.005).all()
    assert clusters.columns["times_found"].sum() == 4 and "@" in clusters.ids[0]
    assert read_ledgers(simulated / "quench")[0]["in"] == 4, "the frames, and nothing generated"
    made = (simulated / "quench" / "ledger.json").read_bytes()
    status, out, _ = sampler(*words, "--json")
    assert (
        status == 0 and json.loads(out)["frames"] == 4 and (simulated / "quench" / "ledger.json").read_bytes() == made
    )


def test_minima_join_the_ranking_of_a_run(sampler, simulated, tmp_path):
    (tmp_path / "ends.toml").write_text(RUN)
    assert sampler("run", "1sa1am", "-p", "ends.toml", "-j", 1, "-q", "--no-report")[0] == 0
    before = read_result(tmp_path / "1sa1am")
    status, out, err = sampler("md", "quench", simulated, "--into", "1sa1am", "--every", 0.02, "-j", 1)
    assert status == 0, err
    minima, together = read_result(simulated / "quench-1sa1am"), read_result(tmp_path / "1sa1am-md")
    kinds = [ledger["kind"] for ledger in read_ledgers(simulated / "quench-1sa1am")]
    assert kinds == ["relax", "identify", "dedupe", "select"], "as the run ends"
    assert (minima.columns["fmax_eV_per_A"] <= 0.05).all()
    assert together.columns["times_found"].sum() == before.columns["times_found"].sum() + 4
    assert {"1sa1am", "quench-1sa1am"} >= set(together.columns["merged_from"])
    assert "in 1sa1am-md" in out and together.energy.min() == min(before.energy.min(), minima.energy.min())


def test_mistakes_cost_one_line(sampler, simulated, tmp_path):
    (tmp_path / "ends.toml").write_text(RUN)
    assert sampler("run", "1w", "-p", "ends.toml", "-j", 1, "-q", "--no-report")[0] == 0
    for words, says in (
        ([tmp_path], "md.json"),
        ([simulated, "--every", 0], "--every 0"),
        ([simulated, "--after", 7], "no frame after 7 ps"),
        ([simulated, "--into", "1w"], "a run of 1w"),
        ([simulated, "--into", "nowhere"], "nowhere"),
        ([simulated, "--out", "x"], "--into"),
        ([simulated, "--into", "1w", "--level", "gfn1-xtb"], "--level and --model have no meaning with --into"),
    ):
        status, _, err = sampler("md", "quench", *words, "-j", 1)
        last = err.strip().splitlines()[-1]
        assert status in (1, 2) and last.startswith("sampler: error:") and says in last, err
