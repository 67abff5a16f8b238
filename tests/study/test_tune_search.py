"""``sampler study tune --search``: trials stopped early, kills at every point, several processes, a database that fails."""

import json
import sqlite3
import subprocess
import sys
from random import Random

import pytest
from called import Refused, numbers
from kills import ROOT, killed_at_random, more_files
from small_sets import write
from test_tune import SMALL, tune

pytestmark = pytest.mark.once

pytest.importorskip("optuna")
TRIALS, EPOCHS = 10, 9
SPACE = ["--vary", "batch_size=4,10", "--vary", "n_atom_basis=8,16", "--vary", "learning_rate=1e-4..1e-2"]
WORDS = ["--epochs", EPOCHS, "--search", TRIALS, "--confirm", 2, *SPACE, "--seeds", "1,2", *SMALL]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return [str(f) for f in write(tmp_path_factory.mktemp("sets"), train=30, test=6)]


@pytest.fixture(scope="module")
def done(sets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "t"
    return folder, json.loads(tune(sets[0], "-o", folder, *WORDS, "--json").stdout)


def trials_of(folder):
    import optuna

    return optuna.load_study(study_name="tune", storage=f"sqlite:///{folder / 'search.db'}").trials


def told_of(folder):
    """What a search asked and was told, of all trials."""
    return [(t.number, t.state.name, t.params, t.value, t.intermediate_values) for t in trials_of(folder)]


def test_what_is_left(done):
    folder, told = done
    states = [t.state.name for t in trials_of(folder)]
    assert len(states) == TRIALS and set(states) == {"COMPLETE", "PRUNED"}
    rows = told["trainings"]
    first = rows[:TRIALS]
    assert [r["status"] for r in first] == [{"COMPLETE": "done", "PRUNED": "pruned"}[s] for s in states]
    assert all(r["epochs"] in (1, 3) for r in first if r["status"] == "pruned")  # where Hyperband compares
    assert all(r["epochs"] == EPOCHS for r in rows if r["status"] == "done")
    more = rows[TRIALS:]
    assert len(more) == 2 and {r["seed"] for r in more} == {2} and {r["seed"] for r in first} == {1}
    assert [c["seeds"] for c in told["ranking"][:3]] == [2, 2, 1]
    assert "were stopped early" in told["finding"] and "2 of them with 2 seeds" in told["finding"]
    assert set(told["importance"]) == {"batch_size", "n_atom_basis", "learning_rate"}
    assert sum(told["importance"].values()) == pytest.approx(1.0) and "PED-ANOVA" in told["importance_measure"]


def test_what_is_confirmed_is_the_best_of_the_search(done):
    folder, told = done
    best = sorted((t for t in trials_of(folder) if t.state.name == "COMPLETE"), key=lambda t: t.value)[:2]
    names = {f"trial-{t.number + 1:04d}-seed2" for t in best}
    assert {r["name"] for r in told["trainings"][TRIALS:]} == names


def test_a_value_is_the_error_of_the_model_that_is_kept(done):
    folder, told = done
    for trial, row in zip(trials_of(folder), told["trainings"]):
        if trial.state.name == "COMPLETE":
            assert trial.value == row["validation_mae_energy_kcal_mol"]
            assert trial.value == pytest.approx(trial.intermediate_values[EPOCHS], rel=1e-3)


def test_the_same_again(done, sets, tmp_path):
    tune(sets[0], "-o", tmp_path / "t", *WORDS, "-q")
    assert told_of(tmp_path / "t") == told_of(done[0]) and numbers(tmp_path / "t") == numbers(done[0])


class Killed(BaseException):
    """Nothing catches it."""


POINTS = {
    "a trial without settings": ("optuna.Trial", "__init__", 3),
    "between two settings": ("optuna.Trial", "suggest_int_or_categorical", 5),
    "an error is told": ("optuna.Trial", "report", 11),
    "a decision is written": ("optuna.Trial", "set_user_attr", 1),
    "before it is done": ("optuna.Trial", "should_prune", 2),
    "a trial ends": ("optuna.Study", "tell", 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("point", POINTS)
def test_killed_where_it_hurts_it_ends_the_same(point, after, done, sets, tmp_path, monkeypatch):
    """Just before, or just after, it has written something to the database."""
    import optuna

    place, name, count = POINTS[point]
    owner = getattr(optuna, place.partition(".")[2])
    name = "suggest_categorical" if name.startswith("suggest") else name
    real, calls = getattr(owner, name), []

    def deadly(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == count and not after:
            raise Killed
        found = real(self, *args, **kwargs)
        if len(calls) == count:
            raise Killed
        return found

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(owner, name, deadly)
        tune(sets[0], "-o", tmp_path / "t", *WORDS, "-q")
    tune(sets[0], "-o", tmp_path / "t", *WORDS, "-q")
    assert told_of(tmp_path / "t") == told_of(done[0])
    assert numbers(tmp_path / "t") == numbers(done[0])


@pytest.mark.slow
def test_killed_anywhere_it_ends_the_same(done, sets, tmp_path):
    folder, rng = tmp_path / "killed", Random(7)
    command = [
        sys.executable,
        str(ROOT / "cli.py"),
        "study",
        "tune",
        sets[0],
        "-o",
        str(folder),
        *map(str, WORDS),
        "-q",
    ]
    kills = killed_at_random(command, more_files(folder, "trainings/*.json", rng, 3), rng, longest_pause=0.3)
    print(kills, "kills")
    assert kills and told_of(folder) == told_of(done[0]) and numbers(folder) == numbers(done[0])


@pytest.mark.slow
def test_processes_share_it_and_one_that_is_killed_leaves_no_trial_open(sets, tmp_path):
    folder, rng = tmp_path / "shared", Random(9)
    command = [
        sys.executable,
        str(ROOT / "cli.py"),
        "study",
        "tune",
        sets[0],
        "-o",
        str(folder),
        *map(str, WORDS),
        "-q",
    ]
    other = subprocess.Popen(command, cwd=ROOT)
    killed_at_random([*command, "-j", "2"], more_files(folder, "trainings/*.json", rng, 2), rng, longest_pause=0.3)
    assert other.wait(600) == 0
    trials = trials_of(folder)
    assert len(trials) == TRIALS and {t.state.name for t in trials} <= {"COMPLETE", "PRUNED"}
    assert sorted(t.user_attrs["slot"] for t in trials) == list(range(1, TRIALS + 1))


def test_the_same_settings_are_not_trained_twice(sets, tmp_path):
    words = [
        "--epochs",
        1,
        "--search",
        8,
        "--vary",
        "batch_size=4,10",
        "--seeds",
        "1",
        "--set",
        "n_atom_basis=8",
        *SMALL,
    ]
    told = json.loads(tune(sets[0], "-o", tmp_path / "t", *words, "--json").stdout)
    again = [r for r in told["trainings"] if "the same settings as" in r.get("reason", "")]
    assert len(again) == 6 and len(told["ranking"]) == 2
    assert {t.state.name for t in trials_of(tmp_path / "t")} == {"COMPLETE"}


def test_a_trial_that_diverges(sets, tmp_path):
    words = [
        "--epochs",
        2,
        "--search",
        4,
        "--vary",
        "learning_rate=1e-3,1e30",
        "--seeds",
        "1",
        "--set",
        "n_atom_basis=8",
    ]
    told = json.loads(tune(sets[0], "-o", tmp_path / "t", *words, *SMALL, "--json").stdout)
    assert {r["status"] for r in told["trainings"]} == {"done", "diverged"}
    states = {t.params["learning_rate"]: t.state.name for t in trials_of(tmp_path / "t")}
    assert states == {1e-3: "COMPLETE", 1e30: "PRUNED"}


def test_hyperband_decides_at_the_rungs_alone():
    """A study that asks after every step does what one does that asks at them."""
    import optuna

    from sampler.study.tune_search import REDUCTION, rungs, shortest

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for epochs in (1, 2, 9, 30, 81, 100):
        stops = []
        for asked in (range(1, epochs), rungs(epochs)):
            pruner = optuna.pruners.HyperbandPruner(shortest(epochs), epochs, REDUCTION)
            study, rng, found = optuna.create_study(study_name="x", pruner=pruner), Random(1), []
            for _ in range(40):
                trial, base, stop = study.ask(), rng.random(), None
                for step in range(1, epochs):
                    trial.report(base + 1 / step, step)
                    if step in asked and trial.should_prune():
                        stop = step
                        break
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                found.append(stop)
            stops.append(found)
        print(epochs, stops[0])
        assert stops[0] == stops[1] and (epochs < 9 or any(stops[0]))


def test_a_plan_of_a_search(sets, tmp_path):
    told = json.loads(tune(sets[0], "-o", tmp_path / "t", *WORDS, "--plan", "--json").stdout)
    assert told["trainings"] == TRIALS + 2 and told["core_seconds"] > 0 and not (tmp_path / "t").exists()
    assert "less what is stopped early" in tune(sets[0], "-o", tmp_path / "t", *WORDS, "--plan", "-q").stdout


class TestBadInput(Refused):
    call = staticmethod(tune)

    def test_options(self, sets, tmp_path):
        out = [sets[0], "-o", tmp_path / "t", *SPACE, "--search", 5]
        self.fails([*out, "--steps", 100], "--search stops trials by their epochs")
        self.fails([*out, "--workers", "dask://host:1"], "number of --workers")
        self.fails([*out, "--vary", "epochs=2,3"], "vary something else")
        self.fails([*out, "--set", "engine=schnetpack"], "engine fast alone")
        assert not (tmp_path / "t").exists()

    def test_without_optuna(self, sets, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
        self.fails([sets[0], "-o", tmp_path / "t", *WORDS], "optuna", "tune")

    def test_a_database_that_is_none(self, sets, tmp_path):
        self._begun(sets, tmp_path)
        (tmp_path / "t" / "search.db").write_bytes(b"x" * 5000)
        self.fails([sets[0], "-o", tmp_path / "t", *WORDS], "search.db", "damaged")

    def test_a_database_that_cannot_be_opened(self, sets, tmp_path):
        self._begun(sets, tmp_path)
        (tmp_path / "t" / "search.db").mkdir()
        self.fails([sets[0], "-o", tmp_path / "t", *WORDS], "search.db", "read-only disk")

    def _begun(self, sets, tmp_path):
        """A folder whose search has not begun."""
        tune(sets[0], "-o", tmp_path / "t", *WORDS, "--plan", "-q")
        from sampler.cli.common import library
        from sampler.learn.training.settings import RECIPES
        from sampler.study.data import open_data
        from sampler.study.tune import TunePlan, study_of
        from sampler.study.tune_grid import space_of

        base = RECIPES["paper"].replace(epochs=EPOCHS, n_interactions=1, n_rbf=8)
        plan = TunePlan(space_of("", SPACE[1::2], base), base, (1, 2), 0, TRIALS, 2)
        from pathlib import Path

        study_of(tmp_path / "t", open_data([Path(sets[0])], None, library(None)), plan).begin()

    def test_a_database_on_a_read_only_disk(self, done, tmp_path, monkeypatch):
        """SQLite's own words, of a connection that may not write."""
        from sampler.errors import StorageError
        from sampler.study import tune_search

        url = f"sqlite:///file:{done[0] / 'search.db'}?mode=ro&uri=true"
        monkeypatch.setattr(tune_search, "_url", lambda file: url)
        with pytest.raises(StorageError, match="read-only") as error:
            tune_search.open_search(done[0], EPOCHS, 1)
        print(error.value)
        assert "\n" not in str(error.value)

    def test_a_database_of_another_version(self, done, tmp_path):
        import shutil

        from sampler.errors import StorageError
        from sampler.study.tune_search import open_search

        shutil.copy(done[0] / "search.db", tmp_path / "search.db")
        with sqlite3.connect(tmp_path / "search.db") as database:
            database.execute("update alembic_version set version_num = 'v0.9.0.a'")
        with pytest.raises(StorageError, match="another version of optuna"):
            open_search(tmp_path, EPOCHS, 1)
