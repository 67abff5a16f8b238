"""What goes wrong around a simulation: damaged files, full disks, structures that a model does not know, impossible options."""

import errno
import json

import numpy as np
import pytest
from test_dynamics_simulate import contents, simulation, waters
from toys import acid_and_ammonia

from sampler.clusters import Clusters
from sampler.dynamics import record
from sampler.dynamics.checkpoint import Checkpoint
from sampler.dynamics.ensembles import Ensemble
from sampler.dynamics.guards import Limits, crossed
from sampler.dynamics.integrate import Plan
from sampler.dynamics.reading import frames
from sampler.dynamics.schedule import Schedule
from sampler.dynamics.simulate import Simulation, simulate
from sampler.errors import FileFormatError, RunError, StorageError
from sampler.monomers import MonomerLibrary
from sampler.potentials.base import Evaluation, Potential
from sampler.rundir.held import held


class Listens:
    """Keeps the warnings; stops after some parts."""

    def __init__(self, parts=None):
        self.parts, self.warnings = parts, []

    def start(self, replicas, steps, done): ...

    def advance(self, replica_steps, spared):
        self.parts = None if self.parts is None else self.parts - 1
        if self.parts == 0:
            raise KeyboardInterrupt

    def warn(self, text):
        self.warnings.append(text)


def stopped(folder, parts=2):
    with pytest.raises(KeyboardInterrupt):
        simulate(simulation(folder, replicas=1), told=Listens(parts))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("md") / "whole"
    simulate(simulation(folder, replicas=1))
    return folder


def test_a_damaged_checkpoint_costs_one_part(whole, tmp_path):
    stopped(tmp_path / "run")
    old, new = sorted((tmp_path / "run" / "checkpoints").glob("*.npz"))
    content, rng = new.read_bytes(), np.random.default_rng(0)
    for cut in rng.integers(0, len(content), 25):
        new.write_bytes(content[:cut])
        with pytest.raises(FileFormatError, match="is damaged"):
            Checkpoint.load(new)
    ears = Listens()
    simulate(simulation(tmp_path / "run", replicas=1), told=ears)
    assert contents(tmp_path / "run") == contents(whole)
    assert len(ears.warnings) == 1 and new.name in ears.warnings[0] and "is damaged" in ears.warnings[0]


def test_where_no_checkpoint_is_left_nothing_is_overwritten(whole, tmp_path):
    stopped(tmp_path / "run")
    before = contents(tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").glob("*.npz"):
        path.write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"none of group-0000-0000000040.npz, .* can be read; remove them"):
        simulate(simulation(tmp_path / "run", replicas=1))
    assert contents(tmp_path / "run") == before
    for path in (tmp_path / "run" / "checkpoints").glob("*.npz"):
        path.unlink()
    simulate(simulation(tmp_path / "run", replicas=1))
    assert contents(tmp_path / "run") == contents(whole)


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"format": "another"}', ""])
def test_a_damaged_manifest_is_named(tmp_path, text):
    stopped(tmp_path / "run", 1)
    (tmp_path / "run" / "md.json").write_text(text)
    with pytest.raises(RunError, match=r"md\.json .*remove the folder"):
        simulate(simulation(tmp_path / "run", replicas=1))


def test_a_full_disk_leaves_the_last_checkpoint(whole, tmp_path, monkeypatch):
    real, calls = record._write, []

    def full(path, at, content):
        calls.append(path)
        if len(calls) == 5:
            real(path, at, content[: len(content) // 2])  # half of it goes to the disk
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, at, content)

    monkeypatch.setattr(record, "_write", full)
    with pytest.raises(StorageError, match="disk is full; free some space and run the same command again, it resumes"):
        simulate(simulation(tmp_path / "run", replicas=1))
    monkeypatch.undo()
    assert [p.name for p in (tmp_path / "run" / "checkpoints").glob("*.npz")] == ["group-0000-0000000020.npz"]
    for path in (tmp_path / "run").glob("replica-*/trajectory.xyz.gz"):
        assert 2 <= len(list(frames(path))) <= 4
    simulate(simulation(tmp_path / "run", replicas=1))
    assert contents(tmp_path / "run") == contents(whole)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=f"{tmp_path / 'file'}"):
        simulate(simulation(tmp_path / "file" / "run", replicas=1))


def test_a_folder_in_use_is_left_alone(tmp_path):
    with held(tmp_path / "run"), pytest.raises(RunError, match="run"):
        simulate(simulation(tmp_path / "run", replicas=1))
    assert not (tmp_path / "run" / "md.json").exists()


def test_a_start_that_is_no_minimum_is_told(tmp_path):
    bent = waters()[[0]]
    bent.positions[1, 0] += 0.1
    ears = Listens(1)
    with pytest.raises(KeyboardInterrupt):
        simulate(simulation(tmp_path, replicas=1, start=bent), told=ears)
    (warning,) = ears.warnings
    assert "dimer is no minimum: a force of" in warning and "on atom" in warning and "sampler relax" in warning


# ---- doubt ---------------------------------------------------------------------------------------------------------


class Doubtful(Potential):
    """Springs to the start, and members that differ by 30 times the way of the first atom along x, in eV/Å."""

    level = "toy"

    def __init__(self, start):
        self.start = start

    def evaluate(self, clusters, forces=True):
        way = clusters.positions - np.tile(self.start, (len(clusters), 1))
        energy = 0.5 * 5.0 * np.bincount(clusters.structure_of_atom, (way**2).sum(1), len(clusters))
        spread = np.full(len(way), 0.01)
        spread[clusters.ptr[:-1]] = np.abs(30.0 * way[clusters.ptr[:-1], 0])
        return Evaluation(energy, -5.0 * way, np.full(len(clusters), ""), np.zeros(len(clusters)), spread)


def doubtful(folder, stop_at):
    start = waters()[[0]]
    plan = Plan(
        400, Ensemble(0.5), Schedule((300.0,)), seed=3, log_every=4, frame_every=4, check_every=0,
        limits=Limits.stopping_at(stop_at, spread=1.0),
    )  # fmt: skip
    return Simulation(
        folder, start, 2, Doubtful(start.positions), {"name": "toy"}, plan, None, MonomerLibrary.load(), keep_every=150
    )


def test_doubt_that_lasts_is_one_event_and_one_candidate(tmp_path):
    simulate(doubtful(tmp_path / "run", "none"))
    for replica in range(2):
        folder = tmp_path / "run" / f"replica-{replica:04d}"
        log = np.genfromtxt(folder / "log.csv", delimiter=",", names=True)
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        wanted, over = [], False  # above 1, having been below a half since the last event
        for time, spread in zip(log["time_fs"], log["force_spread_eV_per_A"]):
            if spread > 1.0 and not over:
                wanted.append(time)
            over = spread > 1.0 or (over and spread > 0.5)
        print(wanted, (log["force_spread_eV_per_A"] > 1).sum())
        assert [e["time_fs"] for e in events] == wanted and len(wanted) >= 1
        assert (log["force_spread_eV_per_A"] > 1).sum() > len(wanted)
        assert all(e["kind"] == "spread" and "on atom 0 (O)" in e["detail"] for e in events)
        assert (folder / "candidates.xyz").read_text().count("why=") == len(wanted)


def test_a_veto_ends_the_replica_and_its_frame_can_be_labelled(sampler, tmp_path):
    outcome = simulate(doubtful(tmp_path / "run", "spread"))
    assert [row["ended"] for row in outcome.rows] == ["spread"] * 2
    file = tmp_path / "run" / "replica-0000" / "candidates.xyz"
    status, out, err = sampler("label", file, "--level", "gfn1-xtb", "--out", "labels", "-j", 1, "--collect", "l.npz")
    assert status == 0, err
    labels = Clusters.load(tmp_path / "l.npz")
    assert len(labels) == 1 and labels.charge.tolist() == [0] and np.isfinite(labels.energy).all()
    last = list(frames(tmp_path / "run" / "replica-0000" / "trajectory.xyz.gz"))[-1]
    assert labels.positions == pytest.approx(last.positions, abs=1e-5)


def test_crossing_has_a_memory():
    limits, over, seen = np.array([1.0]), None, []
    for value in (0.9, 1.1, 0.7, 1.2, 0.4, 1.3):
        begun, over = crossed(np.array([[value]]), limits, over)
        seen.append(bool(begun[0, 0]))
    assert seen == [False, True, False, False, False, True]


# ---- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-T", "0"], "it must lie above 0 K"),
        (["-T", "-5"], "it must lie above 0 K"),
        (["-T", "abc"], "the temperature is 'abc'"),
        (["-T", "300:nan"], "it must lie above 0 K"),
        (["--step", "0"], "the time step is 0"),
        (["--step", "7"], "between 0.01 and 5 fs"),
        (["--time", "inf"], "--time is inf"),
        (["--time", "0.02", "--frames", "50"], "--frames is 50 fs, and the whole lasts 20 fs"),
        (["--frames", "0"], "--frames is 0"),
        (["--velocities", "-1"], "--velocities is -1"),
        (["--check", "-1"], "--check is -1"),
        (["--chain", "0"], "a chain of 0 thermostats"),
        (["--max-spread", "nan"], "--max-spread is nan"),
    ],
)
def test_an_impossible_option_costs_one_line(sampler, tmp_path, words, says):
    acid_and_ammonia(tmp_path / "pair.npz")
    status, _, err = sampler("md", "pair.npz", *words)
    last = err.strip().splitlines()[-1]
    assert status in (1, 2) and last.startswith("sampler: error:") and says in last, err
    assert not (tmp_path / "md").exists()


def test_what_the_model_does_not_know_is_refused(sampler, tmp_path):
    model = "b97-3c_sa_am_dma_w-seed7"
    acid_and_ammonia(tmp_path / "pair.npz")
    pair = Clusters.load(tmp_path / "pair.npz")
    pair.replace(charge=np.array([1])).save(tmp_path / "ion.npz")
    numbers = pair.numbers.copy()
    numbers[numbers == 16] = 34
    pair.replace(numbers=numbers).save(tmp_path / "selenium.npz")
    for file, says in (("ion.npz", "charge"), ("selenium.npz", "Se")):
        status, _, err = sampler("md", file, "--model", model, "-j", 1, "--time", "0.02", "--check", 0)
        last = err.strip().splitlines()[-1]
        assert status != 0 and last.startswith("sampler: error:") and says in last, err


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "b97-3c_sa_am_dma_w-seed7"],
        [],
        ["--level", "auto:delta"],
        ["--level", "gfn1-xtb"],
    ],
    ids=["painn", "committee", "delta", "gfn1-xtb"],
)
def test_any_potential_moves_atoms(sampler, tmp_path, words):
    acid_and_ammonia(tmp_path / "pair.npz")
    status, out, err = sampler(
        "md", "pair.npz", *words, "--time", "0.01", "--frames", 5, "--replicas", 2, "-j", 1, "--json"
    )
    assert status == 0, err
    told = json.loads(out)
    assert [r["ended"] for r in told["replicas"]] == ["finished"] * 2
    log = np.genfromtxt("md/pair/replica-0001/log.csv", delimiter=",", names=True)
    assert log["time_fs"].tolist() == [5.0, 10.0]
    committee = words == [] or "auto:delta" in words
    assert np.isfinite(log["force_spread_eV_per_A"]).all() == committee


def test_progress_says_ns_a_day_and_the_time_left(sampler, tmp_path, monkeypatch):
    from sampler.workers import progress

    monkeypatch.setattr(progress.PlainProgress.__init__, "__defaults__", (0.0,))
    acid_and_ammonia(tmp_path / "pair.npz")
    words = ["md", "pair.npz", "--level", "gfn1-xtb", "--time", "0.4", "--step", "1", "-j", 1, "--max-drift", 100]
    status, _, err = sampler(*words)
    assert status == 0, err
    import re

    (line,) = [line for line in err.splitlines() if "363/400" in line]
    assert re.search(r"steps of all replicas: 363/400, [0-9.]+ ns/day, [0-9.]+ s left", line), err
    assert "no minimum" in err
