"""Labelling: resumable, one structure a file, failures kept with their reason."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from sampler.clusters import Clusters
from sampler.errors import FileFormatError, InputError, LevelError, PotentialError
from sampler.learn.labels.dataset import LabelSet
from sampler.learn.labels.engine_names import same_engine
from sampler.learn.labels.label import collect, count, key, label, lower_session, store, without_label
from sampler.learn.labels.monomer_minima import Minimum, optimise, write_level
from sampler.learn.labels.provenance import describe, made_by
from sampler.learn.labels.structures import read_structures
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.potentials import Potential, get_potential
from sampler.potentials.base import Evaluation, evaluate_each
from sampler.potentials.of_level import potential_of


@pytest.fixture
def structures():
    rng = np.random.default_rng(0)
    positions = [rng.uniform(0, 3, size=(4, 3)) + 3 * np.arange(4)[:, None] for _ in range(5)]
    return Clusters.make(positions, [[18] * 4] * 5, columns={"origin": np.array(list("abcde"))})


@pytest.fixture(autouse=True)
def keep_priority(monkeypatch):
    """The test process itself stays at its priority."""
    monkeypatch.setattr("sampler.learn.labels.label.lower_priority", lambda: None)


def test_labels_equal_the_potential_and_are_found_again(structures, tmp_path):
    potential = get_potential("lennard-jones")
    expected = potential.evaluate(structures)
    seen = []
    first = label(structures, potential, tmp_path, limit=2, advance=lambda n, found: seen.append((n, found)))
    assert (first.computed, first.found, first.failed) == (2, 0, 0) and seen == [(1, False)] * 2
    second = label(structures, potential, tmp_path)
    assert (second.computed, second.found) == (3, 2)
    third = label(structures, potential, tmp_path)
    assert (third.computed, third.found) == (0, 5)
    labels = collect(tmp_path)
    assert labels.ids.tolist() == structures.ids.tolist() and labels.level == potential.level
    np.testing.assert_array_equal(labels.energy, expected.energy)
    np.testing.assert_array_equal(labels.forces, expected.forces)
    assert labels.columns["origin"].tolist() == list("abcde")
    assert count(tmp_path) == 5


def _priority(_) -> int:
    return os.nice(0)


def test_low_priority_ends_with_the_labels(structures, tmp_path):
    from sampler.workers.pool import unordered

    label(structures, get_potential("lennard-jones"), tmp_path, workers=2)
    assert {p for _, p in unordered(_priority, range(4), 2)} == {os.nice(0)}


def _session_priority() -> str:
    """The priority of this session: empty where the kernel does not tell, or does not share out by session."""
    try:
        return Path("/proc/self/autogroup").read_text().strip().rpartition(" ")[2]
    except OSError:
        return ""


@pytest.mark.parametrize("own", [True, False])
def test_only_a_session_of_its_own_stands_back(own):
    if not (before := _session_priority()):
        pytest.skip("no sessions that share the processor")
    code = "from sampler.learn.labels.label import lower_session as f; f(); print(open('/proc/self/autogroup').read())"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, start_new_session=own
    )
    assert told.stdout.split()[-1] == ("19" if own else before)


def test_a_session_without_a_priority_is_left_alone(tmp_path, monkeypatch):
    """Another system has no such file, and a container may refuse what is written."""
    monkeypatch.setattr("os.getsid", lambda _: os.getpid())
    for kind in (tmp_path / "none", tmp_path):  # a folder: refused
        monkeypatch.setattr("sampler.learn.labels.label._AUTOGROUP", kind)
        lower_session()
    assert not (tmp_path / "none").exists()


def test_workers_give_the_same_labels(structures, tmp_path):
    potential = get_potential("lennard-jones")
    label(structures, potential, tmp_path / "one")
    label(structures, potential, tmp_path / "two", workers=2)
    one, two = collect(tmp_path / "one"), collect(tmp_path / "two")
    np.testing.assert_array_equal(one.energy, two.energy)
    np.testing.assert_array_equal(one.forces, two.forces)


def test_the_same_structure_twice_is_computed_once(structures, tmp_path):
    twice = Clusters.concatenate([structures, structures.replace(ids=np.array([f"x{i}" for i in range(5)]))])
    result = label(twice, get_potential("lennard-jones"), tmp_path)
    assert result.computed == 5 and count(tmp_path) == 5


class HalfBroken(Potential):
    """Fails on structures whose first atom lies above z = 1."""

    level = "half-broken"
    limit = 1

    def evaluate(self, clusters, forces=True):
        bad = clusters.positions[clusters.ptr[:-1], 2] > self.limit
        nan = np.full(clusters.positions.shape, np.nan)
        return Evaluation(
            np.where(bad, np.nan, 1.0), nan * 0 if not bad.any() else nan, np.where(bad, "scf_failed: x", "")
        )


def test_failures_are_kept_with_their_reason(tmp_path):
    positions = [[[0, 0, 0.0]], [[0, 0, 2.0]], [[0, 0, 0.5]]]
    structures = Clusters.make(positions, [[1]] * 3)
    result = label(structures, HalfBroken(), tmp_path)
    assert (result.computed, result.failed) == (3, 1)
    assert collect(tmp_path).ids.tolist() == ["0000", "0002"]
    failed = collect(tmp_path, failures=True)
    assert failed.ids.tolist() == ["0001"] and failed.columns["failure"][0] == "scf_failed: x"
    assert np.isnan(failed.energy[0])
    assert label(structures, HalfBroken(), tmp_path).computed == 0  # a failure is not tried again, unless asked for
    again = label(structures, HalfBroken(), tmp_path, retry=True)
    assert (again.computed, again.found, again.failed) == (1, 2, 1) and count(tmp_path) == 3
    mended = HalfBroken()
    mended.limit = np.inf
    assert label(structures, mended, tmp_path, retry=True).failed == 0 and len(collect(tmp_path)) == 3


def test_ctrl_c_in_compiled_code_is_no_failure_of_the_structure(structures, tmp_path):
    """Numba turns it into a SystemError; it must not be written down as what the engine says of the structure."""

    def one(numbers, positions, charge):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise SystemError("CPUDispatcher returned a result with an exception set") from error

    class Interrupted(Potential):
        level = "slow"

        def evaluate(self, clusters, forces=True):
            return evaluate_each(clusters, one, forces)

    with pytest.raises(KeyboardInterrupt):
        label(structures, Interrupted(), tmp_path)
    assert count(tmp_path) == 0


def test_an_incomplete_installation_is_no_failure_of_the_structures(structures, tmp_path):
    def one(numbers, positions, charge):
        import no_such_part_of_the_engine  # noqa: F401

    class Incomplete(Potential):
        level = "incomplete"

        def evaluate(self, clusters, forces=True):
            return evaluate_each(clusters, one, forces)

    with pytest.raises(PotentialError, match="incomplete .*no_such_part_of_the_engine.*remedy"):
        label(structures, Incomplete(), tmp_path)
    assert count(tmp_path) == 0


def test_levels_are_not_mixed(structures, tmp_path):
    label(structures, get_potential("lennard-jones"), tmp_path)
    with pytest.raises(LevelError, match="holds labels of lennard-jones.*; labels of half-broken need a folder"):
        label(structures, HalfBroken(), tmp_path)


def test_engine_and_device_are_kept_and_engines_not_mixed(tmp_path):
    water = Clusters.make([[[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]]], [[8, 1, 1]])
    label(water, get_potential("gfn1-xtb"), tmp_path / "xtb")
    about = json.loads((tmp_path / "xtb" / "level.json").read_text())
    assert about["level"] == "gfn1-xtb" and about["engine"].startswith("tblite ")
    assert about["settings"] == {"electronic_temperature": "300 K"}
    kept = collect(tmp_path / "xtb").columns
    assert (kept["engine"][0], kept["device"][0]) == (about["engine"], "cpu") and kept["cpu_seconds"][0] >= 0
    other = get_potential("xtb-python:gfn1-xtb")
    assert describe(other)["engine"].startswith("xtb-python")  # it was tblite's version once
    with pytest.raises(LevelError, match="computed with tblite .*; labels of xtb-python.* need a folder"):
        label(water, other, tmp_path / "xtb")
    # a folder of an older version names the level alone, and goes on
    (tmp_path / "xtb" / "level.json").write_text('{"level": "gfn1-xtb"}')
    assert label(water, other, tmp_path / "xtb").found == 1
    (tmp_path / "xtb" / "level.json").write_text(json.dumps(about | {"settings": {"electronic_temperature": "1 K"}}))
    with pytest.raises(LevelError, match="labels with electronic_temperature = 1 K; labels with 300 K need a folder"):
        label(water, get_potential("gfn1-xtb"), tmp_path / "xtb")


def test_which_engines_are_the_same():
    assert same_engine("pyscf 2.14.0, dftd3 1.7.0", "pyscf 2.9, dftd3 1.7.0, gpu4pyscf 1.9.0")
    assert not same_engine("tblite 0.8.0", "xtb-python 22.1")
    assert not same_engine("model b97-3c@pyscf 12ab", "model b97-3c@pyscf 34cd")


def test_a_label_of_the_gpu_says_so(monkeypatch):
    from sampler.potentials.composite import CompositePotential, gpu

    monkeypatch.setattr(gpu, "unavailable", lambda: "")
    made = made_by(CompositePotential())
    assert made["device"] == "gpu" and "gpu4pyscf" in made["engine"]
    assert made_by(CompositePotential(device="cpu"))["device"] == "cpu"


def test_a_truncated_label_is_named_with_its_remedy(structures, tmp_path):
    potential = get_potential("lennard-jones")
    label(structures, potential, tmp_path)
    broken = next((tmp_path / "labels").glob("*/*.npz"))
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(FileFormatError, match=f"{broken.name}.*; remove this file, or label again with --retry"):
        collect(tmp_path)
    assert label(structures, potential, tmp_path, retry=True).computed == 1 and len(collect(tmp_path)) == 5


@pytest.mark.filterwarnings("error")
def test_a_coordinate_that_is_no_number_is_a_failure(tmp_path):
    water = Clusters.make([[[0, 0, 0.119], [0, 0.763, -0.477], [0, np.nan, -0.477]]], [[8, 1, 1]])
    result = label(water, get_potential("gfn1-xtb"), tmp_path)
    assert result.failed == 1 and collect(tmp_path, failures=True).columns["failure"][0].startswith("nan: ")
    assert without_label(water, collect(tmp_path, failures=True)) == 1


def test_keys():
    a = key([1, 8], [[0, 0, 0], [0, 0, 1.0]], 0)
    assert a == key(np.array([1, 8]), np.array([[0, 0, 0], [0, 0, 1.0 + 1e-9]]), np.int64(0))
    others = {key([1, 8], [[0, 0, 0], [0, 0, 1.0001]], 0), key([8, 1], [[0, 0, 0], [0, 0, 1.0]], 0),
              key([1, 8], [[0, 0, 0], [0, 0, 1.0]], 1)}  # fmt: skip
    assert len(others) == 3 and a not in others


def test_store_adds_steps_of_an_optimisation(structures, tmp_path):
    potential = get_potential("lennard-jones")
    store(potential, structures[0], tmp_path, 1.5, np.zeros((4, 3)))
    store(potential, structures[0], tmp_path, 9.9, np.zeros((4, 3)))  # the first stays
    assert collect(tmp_path).energy.tolist() == [1.5]
    known = structures[1].with_columns(cpu_seconds=3.5, engine="pyscf 1.0", device="gpu")
    store(potential, known, tmp_path, 2.5, np.zeros((4, 3)))
    labels = collect(tmp_path)
    assert labels.columns["cpu_seconds"].tolist() == [0.0, 3.5]
    assert labels.columns["engine"].tolist() == ["LennardJones", "pyscf 1.0"]
    assert labels.columns["device"].tolist() == ["cpu", "gpu"]


def test_unusable_input(tmp_path):
    with pytest.raises(FileFormatError, match="no such file|cannot be read|does not exist"):
        read_structures(tmp_path / "absent.xyz")
    (tmp_path / "empty.xyz").write_text("")
    with pytest.raises(FileFormatError, match="empty.xyz"):
        read_structures(tmp_path / "empty.xyz")
    with pytest.raises(FileFormatError, match="is not a label folder"):
        collect(tmp_path)
    (tmp_path / "text.npz").write_text("2")
    with pytest.raises(FileFormatError, match="text.npz is empty, truncated or no .npz file"):
        read_structures(tmp_path / "text.npz")


@pytest.mark.parametrize(
    "text, words",
    [
        ("2\n\nH 0 0 0\nH 0 x 0\n", "line 4: not three coordinates: '0 x 0'"),
        ("2\n\nH 0 0 0\nQq 0 0 0.7\n", "line 4: 'Qq' is no chemical element"),
        ("1\n\nH 0 0 0\nfoo\n\nH 0 0 0\n", "line 4: expected a number of atoms, found 'foo'"),
        ("3\n\nH 0 0 0\nH 0 0 0.7\n", "line 1: the frame ends after 2 of 3 atoms"),
    ],
)
def test_a_bad_xyz_file_is_named_with_its_line(tmp_path, text, words):
    (tmp_path / "bad.xyz").write_text(text)
    with pytest.raises(FileFormatError, match=f"bad.xyz, {words}"):
        read_structures(tmp_path / "bad.xyz")


def test_structures_of_a_data_set_are_read_without_its_labels(structures, tmp_path):
    """What GFN1-xTB labelled is taken to B97-3c."""
    potential = get_potential("lennard-jones")
    label(structures.with_columns(composition="4x"), potential, tmp_path / "folder")
    labels = collect(tmp_path / "folder")
    LabelSet(labels, {}).save(tmp_path / "set.npz")
    told = []
    read = read_structures(tmp_path / "set.npz", note=told.append)
    assert np.isnan(read.energy).all() and read.forces is None and read.level == ""
    assert set(read.columns) == {"origin", "composition"}
    assert len(told) == 1 and "data set of lennard-jones: its 5 structures are taken, its labels are not" in told[0]
    ran = CliRunner().invoke(_app(), [str(tmp_path / "set.npz"), "-l", "lennard-jones", "-j", "1", "--json"])
    assert ran.exit_code == 0 and json.loads(ran.stdout)["computed"] == 5, ran.output


def test_names_of_potentials():
    assert potential_of("b97-3c").level == potential_of("B97-3c@pyscf").level == "b97-3c@pyscf"
    assert potential_of("r2scan-3c").level == "r2scan-3c@pyscf"
    assert potential_of("b97-3c@orca5").level == "b97-3c@orca5"
    assert potential_of("gfn1-xtb").level == "gfn1-xtb"


def _app():
    from sampler.cli.label import label as command

    app = typer.Typer()
    app.command()(command)
    return app


def test_command(structures, tmp_path):
    structures.save(tmp_path / "in.npz")
    arguments = [str(tmp_path / "in.npz"), "--level", "lennard-jones", "--workers", "1", "--json"]
    arguments += ["--collect", str(tmp_path / "all.npz")]
    ran = CliRunner().invoke(_app(), arguments)
    assert ran.exit_code == 0, ran.output
    summary = json.loads(ran.stdout)
    assert (summary["structures"], summary["computed"], summary["failed"]) == (5, 5, 0)
    assert len(Clusters.load(tmp_path / "all.npz")) == 5
    again = json.loads(CliRunner().invoke(_app(), arguments).stdout)
    assert (again["computed"], again["found"]) == (0, 5)
    retried = json.loads(CliRunner().invoke(_app(), [*arguments, "--retry"]).stdout)
    assert (retried["computed"], retried["found"]) == (0, 5)
    assert retried["without_label"] == 0
    wrong = CliRunner().invoke(_app(), ["--level", "lennard-jones"])
    assert isinstance(wrong.exception, InputError)


def test_failures_are_not_counted_as_labels(tmp_path):
    water, nothing = "O 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n", "O 0 0 nan\nH 0 0.763 -0.477\nH 0 0 9\n"
    (tmp_path / "two.xyz").write_text(f"3\n\n{water}3\n\n{nothing}")
    (tmp_path / "none.xyz").write_text(f"3\n\n{nothing}")
    ran = CliRunner().invoke(_app(), [str(tmp_path / "two.xyz"), "-l", "gfn1-xtb", "-j", "1", "-q"])
    assert ran.exit_code == 0 and "1 labels computed, 0 found, 1 failed; 1 labels of gfn1-xtb" in ran.output
    for computed_before in (False, True):
        ran = CliRunner().invoke(_app(), [str(tmp_path / "none.xyz"), "-l", "gfn1-xtb", "-j", "1", "-q"])
        assert ran.exit_code == 1 and "none of the 1 structures of" in ran.output, (computed_before, ran.output)


_SLOW = """
import sys, time
import numpy as np
from sampler.clusters import Clusters
from sampler.learn.labels.label import label
from sampler.potentials import get_potential, Potential

class Slow(Potential):
    level = "slow"
    def evaluate(self, clusters, forces=True):
        time.sleep(1.0 if sys.argv[3:] else 0.0)
        return get_potential("lennard-jones").evaluate(clusters, forces)

labels = sys.modules["sampler.learn.labels.label"]
labels.lower_priority = lambda: None  # a busy machine would not let it run
label(Clusters.load(sys.argv[1]), Slow(), sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(os, "kill"), reason="needs POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on(structures, tmp_path, how):
    many = Clusters.concatenate([structures.replace(positions=structures.positions * s) for s in (1.0, 1.1, 1.2, 1.3)])
    many.save(tmp_path / "in.npz")
    command = [sys.executable, "-c", _SLOW, str(tmp_path / "in.npz"), str(tmp_path / "out")]
    # a shell's background jobs ignore Ctrl-C, and what they start inherits that
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    process = subprocess.Popen([*command, "slow"], stderr=subprocess.DEVNULL, preexec_fn=heed)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((tmp_path / "out").glob("labels/*/*.npz")):
        time.sleep(0.02)
    process.send_signal(how)
    process.wait()
    done = count(tmp_path / "out")
    assert 0 < done < len(many)
    subprocess.run(command, check=True)
    labels = collect(tmp_path / "out")
    expected = get_potential("lennard-jones").evaluate(many)
    assert len(labels) == len(many)
    assert sorted(labels.energy) == pytest.approx(sorted(expected.energy), abs=0)


_SHARING = """
import os, sys, time
from pathlib import Path
from sampler.clusters import Clusters
from sampler.learn.labels.label import label
from sampler.potentials import get_potential, Potential

class Noted(Potential):
    level = "noted"
    def evaluate(self, clusters, forces=True):
        with open(sys.argv[3], "a") as log:
            log.write(f"{sys.argv[4]} {clusters.ids[0]}\\n")
        while sys.argv[4] == "hangs":
            time.sleep(1)
        time.sleep(0.3)
        return get_potential("lennard-jones").evaluate(clusters, forces)

print(label(Clusters.load(sys.argv[1]), Noted(), sys.argv[2]).computed)
"""


@pytest.mark.skipif(not hasattr(os, "kill"), reason="needs POSIX signals")
def test_processes_in_one_folder_share_the_work(structures, tmp_path):
    """Each structure is computed once, by one or the other; that of a killed process is taken over by who is left."""
    many = Clusters.concatenate([structures.replace(positions=structures.positions * s) for s in (1.0, 1.1)])
    many = many.replace(ids=np.array([f"s{i}" for i in range(len(many))]))
    many.save(tmp_path / "in.npz")
    log = tmp_path / "log"

    def start(name):
        command = [sys.executable, "-c", _SHARING, str(tmp_path / "in.npz"), str(tmp_path / "out"), str(log), name]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    hanging = start("hangs")
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    both = [start("a"), start("b")]
    while count(tmp_path / "out") < 9 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert count(tmp_path / "out") == 9  # the tenth is with the process that hangs: nobody else touches it
    hanging.kill()
    hanging.wait()
    computed = [int(process.communicate(timeout=60)[0]) for process in both]
    assert min(computed) > 0 and sum(computed) == 10
    lines = log.read_text().split("\n")[:-1]
    assert sorted(line.split()[1] for line in lines if "hangs" not in line) == sorted(many.ids)
    assert len(collect(tmp_path / "out")) == 10


def test_monomer_references(tmp_path):
    """Water at GFN1-xTB: the energy that ships; a second monomer extends the file; another engine may not."""
    library = MonomerLibrary.load()
    water = optimise(library["w"], get_potential("gfn1-xtb", accuracy=0.1))
    assert water.energy == pytest.approx(load_level("gfn1-xtb").monomers["w"], abs=1e-5)
    path = tmp_path / "mine.toml"
    common = dict(id="gfn1-xtb", method="gfn1-xtb", engine="x", settings={"a": "b"}, library=library)
    write_level(path, minima=[water], command="first", **common)
    write_level(path, minima=[Minimum("am", "only", -131.0, np.zeros((4, 3)), 0.0)], command="second", **common)
    level = load_level(path)
    assert level.monomers == pytest.approx({"w": water.energy, "am": -131.0}, abs=1e-6)
    with pytest.raises(LevelError, match="another level, engine or settings"):
        write_level(path, minima=[water], command="third", **{**common, "engine": "y"})
    path.write_text("id = 3\n[oops\n")
    with pytest.raises(LevelError, match="mine.toml is not a readable level of theory"):
        write_level(path, minima=[water], command="fourth", **common)


def test_references_that_are_there_are_not_computed_again(tmp_path, monkeypatch):
    done = []

    def optimise(monomer, potential):
        done.append(monomer.name)
        return Minimum(monomer.name, "only", -100.0, np.zeros((len(monomer.numbers), 3)), 0.0)

    monkeypatch.setattr("sampler.learn.labels.monomer_minima.optimise", optimise)
    out = tmp_path / "mine.toml"
    for names, more, computed in (("w", [], ["w"]), ("w,am", [], ["am"]), ("w,am", ["--retry"], ["w", "am"])):
        done.clear()
        ran = CliRunner().invoke(
            _app(), ["--references", names, "-l", "gfn1-xtb", "-o", str(out), "--json", *more], catch_exceptions=False
        )
        assert ran.exit_code == 0 and done == computed
        energies = json.loads(ran.stdout)["energy_eV"]
        assert energies == pytest.approx(dict.fromkeys(names.split(","), -100.0), abs=1e-6)
    out.write_text("[broken")
    done.clear()
    ran = CliRunner().invoke(_app(), ["--references", "w", "-l", "gfn1-xtb", "-o", str(out)])
    assert isinstance(ran.exception, LevelError) and done == []
