"""A folder of replicas: killed and gone on with it ends like one left in peace; others' programs read its trajectories."""

import gzip
import json
import random
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from kills import killed_at_random

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.dynamics.ensembles import Langevin, NoseHoover
from sampler.dynamics.guards import Limits
from sampler.dynamics.integrate import Plan
from sampler.dynamics.schedule import Schedule
from sampler.dynamics.simulate import Simulation, simulate
from sampler.errors import RunError
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential

pytestmark = pytest.mark.once

LIBRARY = MonomerLibrary.load()


def waters():
    """Two waters with a hydrogen bond, near GFN1-xTB's minimum; and three."""
    one = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    two = np.array([[2.8, 0.1, 0.0], [3.1, -0.5, 0.7], [3.1, -0.5, -0.7]])
    three = two + [2.9, -1.2, 0.3]
    return Clusters.make(
        [np.vstack([one, two]), np.vstack([one, two, three])], [[8, 1, 1] * 2, [8, 1, 1] * 3], ids=["dimer", "trimer"]
    )


def simulation(folder, ensemble=None, steps=60, **more):
    plan = Plan(
        steps, ensemble or Langevin(0.5), Schedule((300.0,)), seed=4, log_every=5, frame_every=10, check_every=10,
        velocity_every=4, limits=more.pop("limits", Limits()),
    )  # fmt: skip
    start = more.pop("start", waters()[[0]])
    replicas = more.pop("replicas", 3)
    return Simulation(
        Path(folder), start, replicas, get_potential("gfn1-xtb"), {"name": "gfn1-xtb"}, plan,
        more.pop("composition", Composition.parse("2w", LIBRARY)), LIBRARY, keep_every=more.pop("keep_every", 20),
    )  # fmt: skip


def contents(folder):
    """Everything that a user reads; not the checkpoints' names."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "checkpoints" not in p.parts and p.name != ".lock"
    }


@pytest.fixture(scope="module")
def peace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("md") / "peace"
    simulate(simulation(folder))
    return folder


def test_ase_mdanalysis_and_ovito_style_readers_open_it(peace):
    from ase.io import read

    path = peace / "replica-0001" / "trajectory.xyz.gz"
    frames = read(path, index=":", format="extxyz")
    assert len(frames) == 6 and frames[0].get_chemical_formula() == "H4O2"
    assert frames[0].numbers.tolist() == [8, 1, 1] * 2 and all(frame.info["charge"] == 0 for frame in frames)
    assert [frame.info["time_fs"] for frame in frames] == [5, 10, 15, 20, 25, 30]
    log = np.genfromtxt(peace / "replica-0001" / "log.csv", delimiter=",", names=True)
    assert log["time_fs"].tolist() == [2.5 * k for k in range(1, 13)]
    assert frames[0].info["energy_eV"] == pytest.approx(log["potential_eV"][1], abs=1e-6)
    v = np.fromfile(peace / "replica-0001" / "velocities.f4", "<f4").reshape(-1, 6, 3)
    assert len(v) == 15
    # velocities are those of the positions: a central difference over 2 × 5 fs says nothing of them; kinetic energies do
    mass = np.array([15.999, 1.008, 1.008] * 2)
    kinetic = 0.5 * (mass[:, None] * (v[4] * 1e5) ** 2).sum() * 1.66053906660e-27 / 1.602176634e-19
    assert kinetic == pytest.approx(log["kinetic_eV"][3], rel=1e-4)


def test_other_workers_and_parts_end_the_same(peace, tmp_path):
    simulate(simulation(tmp_path / "two"), workers=2)
    assert contents(tmp_path / "two") == contents(peace)


SCRIPT = (
    "import sys; sys.path[:0] = sys.argv[2:]; from test_dynamics_simulate import simulation;"
    "from sampler.dynamics.simulate import simulate; simulate(simulation(sys.argv[1]))"
)


def test_killed_at_random_it_ends_the_same(peace, tmp_path):
    folder, rng = tmp_path / "killed", random.Random(1)
    command = [sys.executable, "-c", SCRIPT, str(folder), *map(str, Path(__file__).parents[:2])]

    def anything_new():
        before = contents(folder)
        return lambda: contents(folder) != before

    kills = killed_at_random(command, anything_new, rng, longest_pause=0.3)
    print(kills, "kills")
    assert kills >= 1 and contents(folder) == contents(peace)


def test_what_a_kill_left_behind_the_checkpoint_is_cut_off(peace, tmp_path):
    simulate(simulation(tmp_path / "run"))
    for path in (tmp_path / "run" / "checkpoints").glob("*-0000000060.npz"):
        path.unlink()
    (tmp_path / "run" / "replicas.csv").unlink()
    with open(tmp_path / "run" / "replica-0000" / "trajectory.xyz.gz", "ab") as handle:
        handle.write(b"half a block")
    simulate(simulation(tmp_path / "run"))
    assert contents(tmp_path / "run") == contents(peace)


def test_another_simulation_is_not_overwritten(peace):
    with pytest.raises(RunError, match="another simulation: steps was 60"):
        simulate(simulation(peace, steps=80))


def test_clusters_of_unequal_sizes_share_a_batch(peace, tmp_path):
    both = simulation(tmp_path / "both", start=waters(), composition=None)
    simulate(both)
    for replica in range(3):
        name = f"replica-{replica:04d}/trajectory.xyz.gz"
        assert (tmp_path / "both" / name).read_bytes() == (peace / name).read_bytes()


def test_a_truncated_trajectory_can_be_read_up_to_its_last_whole_frame(peace, tmp_path):
    """Wherever a kill cuts it: what gzip still gives are the first frames, and part of one more."""
    from ase.io import read

    from sampler.dynamics.reading import frames

    whole = (peace / "replica-0000" / "trajectory.xyz.gz").read_bytes()
    text = gzip.decompress(whole).decode()
    lines = text.splitlines(keepends=True)
    every = ["".join(lines[k : k + 8]) for k in range(0, len(lines), 8)]  # 6 atoms and two lines each
    seen, path = set(), tmp_path / "cut.xyz.gz"
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        given = zlib.decompressobj(31).decompress(whole[:cut]).decode()
        number = sum(len("".join(every[: k + 1])) <= len(given) for k in range(len(every)))
        assert text.startswith(given) and len(list(frames(path))) == number
        seen.add(number)
        if number:
            (tmp_path / "cut.xyz").write_text("".join(every[:number]))
            assert len(read(tmp_path / "cut.xyz", index=":", format="extxyz")) == number
    assert max(seen) >= 4


def test_a_trajectory_is_one_gzip_member_and_whole_after_each_part(peace, tmp_path):
    """OVITO reads the first member alone, MDAnalysis refuses a file without its end: neither may meet such a file."""
    whole = (peace / "replica-0000" / "trajectory.xyz.gz").read_bytes()
    opened = zlib.decompressobj(31)
    text = opened.decompress(whole)
    assert opened.eof and not opened.unused_data and text.count(b"Properties") == 6

    class Stopped(Exception):
        pass

    class Stops:
        def start(self, replicas, steps, done): ...
        def warn(self, text): ...
        def advance(self, replica_steps, spared):
            raise Stopped

    with pytest.raises(Stopped):
        simulate(simulation(tmp_path / "run"), told=Stops())
    path = tmp_path / "run" / "replica-0000" / "trajectory.xyz.gz"
    assert gzip.decompress(path.read_bytes()) == text[: len(gzip.decompress(path.read_bytes()))]
    path.write_bytes(path.read_bytes()[:-3])  # the end is lost, which no frame needs
    simulate(simulation(tmp_path / "run"))
    assert contents(tmp_path / "run") == contents(peace)


def test_a_hot_dimer_evaporates_and_the_event_says_which_molecule(tmp_path):
    hot = simulation(
        tmp_path, NoseHoover(1.0, time=20.0), steps=3000, keep_every=500, replicas=4, limits=Limits(drift=23.06)
    )
    hot = Simulation(
        **{**vars(hot), "plan": Plan(**{**vars(hot.plan), "schedule": Schedule((1500.0,)), "velocity_every": 0})}
    )
    outcome = simulate(hot)
    assert {row["ended"] for row in outcome.rows} <= {"evaporated", "reacted"} and len(outcome.rows) == 4
    row = next(r for r in outcome.rows if r["ended"] == "evaporated")
    event = json.loads((tmp_path / f"replica-{row['replica']:04d}" / "events.jsonl").read_text().splitlines()[-1])
    print(event)
    assert event["kind"] == "evaporated" and "H2O" in event["detail"] and event["time_fs"] == row["time_fs"]


def test_a_step_that_blows_up_stops_with_the_atom_and_the_time(tmp_path):
    bad = simulation(
        tmp_path, NoseHoover(5.0), steps=400, keep_every=100, replicas=2, limits=Limits.stopping_at("none", drift=230.6)
    )
    bad = Simulation(**{**vars(bad), "plan": Plan(**{**vars(bad.plan), "schedule": Schedule((3000.0,))})})
    outcome = simulate(bad)
    row = outcome.rows[0]
    print(row)
    assert row["ended"] == "exploded" and row["time_fs"] < 2000
    assert "atom" in row["detail"] or "scf" in row["detail"]
