"""The stage `refine`: levels, ranks, failures, estimates, and what is refused before anything is computed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import LevelError
from sampler.funnel.announce import announce, announce_all
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.automatic import recommended
from sampler.funnel.results import summary
from sampler.funnel.runner import run
from sampler.funnel.stages.context import Context
from sampler.funnel.stages.refine import Refine
from sampler.monomers import MonomerLibrary
from sampler.potentials import Potential, get_potential
from sampler.potentials.base import Evaluation
from sampler.rundir.directory import StageDirectory, read_ledgers, read_result
from sampler.similarity import rank_correlation as ranks
from sampler.units import KCAL_PER_MOL
from sampler.workers.progress import Progress

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]


def table(**refine):
    return {
        "name": "toy",
        "description": "rigid minima, then another level",
        "stage": [
            {"kind": "generate", "candidates": 12, "chunk": 12},
            {"kind": "relax", "potential": "lennard-jones", "max_steps": 5, "chunk": 12},
            {"kind": "refine", **refine},
        ],
    }


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


class Recorder(Progress):
    def __init__(self):
        self.messages, self.warnings, self.fresh = [], [], 0

    def advance(self, n, found=False):
        self.fresh += 0 if found else n

    def message(self, text):
        self.messages.append(text)

    def warn(self, text):
        self.warnings.append(text)


def go(folder, library, name="1sa1am", workers=1, **refine):
    recorder = Recorder()
    protocol = protocols.build(table(**refine), "toy")
    wanted = Composition.parse(name, library)
    return run(wanted, protocol, folder, library=library, workers=workers, progress=recorder), recorder


def context(library, name, workers=1):
    return Context(Composition.parse(name, library), library, 0, Path("."), workers)


def test_single_points_are_those_of_the_potential(library, tmp_path):
    finished, _ = go(tmp_path / "run", library, potential="gfn1-xtb", count=8)
    clusters = finished.clusters
    assert clusters.level == "gfn1-xtb" and len(clusters) == 8
    assert np.allclose(clusters.energy, get_potential("gfn1-xtb").evaluate(clusters, forces=False).energy, atol=1e-9)
    # the geometries and what was known of them stay
    before = StageDirectory(tmp_path / "run" / "stages" / finished.ledgers[1]["folder"]).read_output()[0]
    place = {name: i for i, name in enumerate(before.ids.tolist())}
    for one in clusters:
        i = place[str(one.ids[0])]
        assert np.array_equal(one.positions, before[i].positions)
        assert one.columns["energy_before_eV"][0] == before.energy[i]
    assert set(clusters.columns["level_before"]) == {"lennard-jones"}
    assert sorted(clusters.columns["rank_before"]) == list(range(1, 9))
    ledger = finished.ledgers[-1]
    assert ledger["dropped"] == {"not_selected": 4} and ledger["in"] == 12 and ledger["refined"] == 8


def test_the_ledger_has_the_rank_correlation_and_show_prints_it(library, tmp_path, capsys):
    from sampler.cli.show import show

    finished, _ = go(tmp_path / "run", library, potential="gfn1-xtb")
    change = finished.ledgers[-1]["ranking"]
    before, after = finished.clusters.columns["energy_before_eV"], finished.clusters.energy
    n = len(after)
    # textbook formulas, without ties
    d = np.argsort(np.argsort(before)) - np.argsort(np.argsort(after))
    spearman = 1 - 6 * (d**2).sum() / (n * (n**2 - 1))
    i, j = np.triu_indices(n, 1)
    kendall = np.sign((before[i] - before[j]) * (after[i] - after[j])).mean()
    assert change["spearman"] == pytest.approx(spearman, abs=1e-4)
    assert change["kendall"] == pytest.approx(kendall, abs=1e-4)
    lowest = int(np.argmin(after))
    assert change["lowest"] == str(finished.clusters.ids[lowest])
    assert change["lowest_was"] == int(np.argsort(np.argsort(before))[lowest]) + 1
    assert (change["level_before"], change["level"]) == ("lennard-jones", "gfn1-xtb")
    show(tmp_path / "run", limit=3)
    assert f"Spearman {spearman:.2f}" in capsys.readouterr().out
    rows = summary(tmp_path / "run", library)["structures"]
    assert {r["level"] for r in rows} == {"gfn1-xtb"}
    assert rows[0]["rank_before"] == change["lowest_was"]
    # binding energies are those of the new level
    level_sum = sum(get_level("gfn1-xtb")[m] for m in ("sa", "am"))
    expected = (after.min() - level_sum) / KCAL_PER_MOL
    assert rows[0]["binding_energy_kcalmol"] == pytest.approx(expected, abs=1e-3)


def get_level(name):
    import tomllib

    content = tomllib.loads((ROOT / "data" / "levels" / f"{name}.toml").read_text())
    from sampler.units import HARTREE

    return {m: v["energy_Eh"] * HARTREE for m, v in content["reference_sets"]["minima"]["monomers"].items()}


def test_optimisation_lowers_the_energy_and_identity_can_follow(library, tmp_path):
    protocol = table(potential="gfn2-xtb", mode="optimise", count=3, fmax=0.02)
    protocol["stage"] += [{"kind": "identify", "keep": ["intact", "reacted", "evaporated"]}, {"kind": "dedupe"}]
    finished = run(
        Composition.parse("1sa1am", library), protocols.build(protocol, "toy"), tmp_path / "run", library=library
    )
    ledger = finished.ledgers[2]
    refined = StageDirectory(tmp_path / "run" / "stages" / ledger["folder"]).read_output()[0]
    assert ledger["converged"] == 3 and ledger["evaluations"] > 3
    assert (refined.columns["fmax_eV_per_A"] <= 0.02).all()
    forces = get_potential("gfn2-xtb").evaluate(refined).forces
    assert np.linalg.norm(forces, axis=1).max() < 0.025
    assert finished.clusters.level == "gfn2-xtb" and 1 <= len(finished.clusters) <= 3


class Moody(Potential):
    """Energies of the toy potential, but every second structure has no SCF."""

    level = "lennard-jones"

    def evaluate(self, clusters, forces=True):
        found = get_potential("lennard-jones").evaluate(clusters, forces)
        bad = np.array([int(str(i)[-1]) % 2 == 1 for i in clusters.ids])
        reason = np.where(bad, "scf_failed: no convergence", "")
        return Evaluation(np.where(bad, np.nan, found.energy), found.forces, reason)


@pytest.mark.parametrize("mode", ["single-point", "optimise"])
def test_a_failed_scf_leaves_with_its_reason_and_stops_nobody(library, tmp_path, monkeypatch, mode):
    monkeypatch.setattr(Refine, "started", lambda self: Moody())
    stage = Refine(kind="refine", potential="gfn1-xtb", mode=mode, max_steps=3, binding=False)
    rng = np.random.default_rng(1)
    incoming = Clusters.make(
        [rng.normal(size=(4, 3)) * 2.5 for _ in range(6)], [[8, 1, 1, 7]] * 6, ids=[f"s{i}" for i in range(6)],
        energy=rng.normal(size=6), level="gfn2-xtb",
    )  # fmt: skip
    ctx = context(library, "1w")
    everything = Clusters.concatenate([stage.run(task, ctx) for task in stage.tasks(incoming, ctx)])
    fate = dict(zip(everything.ids.tolist(), everything.columns["fate"].tolist()))
    assert fate == {f"s{i}": "scf_failed" if i % 2 else "" for i in range(6)}
    assert everything.level == "lennard-jones"
    assert set(everything.columns["fate_detail"][everything.columns["fate"] != ""]) == {"no convergence"}
    assert stage.ledger_of_result(everything)["refined"] == 3


def test_no_reference_energies_is_said_before_anything_is_computed(library, tmp_path, monkeypatch):
    with pytest.raises(LevelError) as error:
        go(tmp_path / "run", library, potential="lennard-jones")
    assert "sampler label --references sa,am --level lennard-jones" in str(error.value)
    assert "refine.binding=false" in str(error.value)
    assert not (tmp_path / "run").exists()


def test_the_user_adds_references(library, tmp_path, monkeypatch):
    pytest.importorskip("pyscf")
    level = "r2scan-3c@pyscf"
    with pytest.raises(LevelError, match=r"--level r2scan-3c --out levels/r2scan-3c@pyscf.toml.*SAMPLER_LEVELS"):
        Refine(kind="refine", potential="r2scan-3c").check(context(library, "1w"))
    lines = [f'id = "{level}"', 'method = "r2scan-3c"', 'engine = "x"', "[reference_sets.minima]", 'source = "made up"']
    (tmp_path / f"{level}.toml").write_text("\n".join([*lines, "monomers.w = { energy_Eh = -76.4 }", ""]))
    monkeypatch.setenv("SAMPLER_LEVELS", str(tmp_path))
    Refine(kind="refine", potential="r2scan-3c").check(context(library, "1w"))
    with pytest.raises(LevelError, match="no reference energy for sa"):
        Refine(kind="refine", potential="r2scan-3c").check(context(library, "1sa"))


def test_elements_without_a_fitting_basis_are_refused_before_the_start(library):
    pytest.importorskip("pyscf")
    from sampler.errors import InputError

    with pytest.raises(InputError, match="fitting basis"):
        Refine(kind="refine").make().require(np.array([1, 53]))


# ---- estimates -------------------------------------------------------------------------------------------------------


def test_basis_functions_are_those_of_pyscf(library):
    pyscf = pytest.importorskip("pyscf")
    from sampler.potentials.composite.cost import basis_functions
    from sampler.potentials.composite.methods import METHODS

    for name, method in METHODS.items():
        for symbol, z in (("H", 1), ("C", 6), ("N", 7), ("O", 8), ("F", 9), ("S", 16), ("Cl", 17)):
            mole = pyscf.gto.M(atom=f"{symbol} 0 0 0", basis=method.basis, cart=method.cartesian, spin=None, verbose=0)
            assert basis_functions(name, {z: 1}) == mole.nao, (name, symbol)


def test_the_estimate_is_said_and_a_long_one_is_a_warning(library):
    small, large = Recorder(), Recorder()
    stage = Refine(kind="refine", count=20)
    announce(stage, 500, context(library, "2sa2am", 2), small)
    assert len(small.messages) == 1 and not small.warnings
    assert small.messages[0].startswith("20 b97-3c single points of 22 atoms: about ")
    stage = Refine(kind="refine", mode="optimise")
    announce(stage, 500, context(library, "8sa8am", 2), large)
    assert any("more than a day" in w and "refine.count" in w and "orca" in w.lower() for w in large.warnings)


def test_the_estimate_grows_with_structures_size_and_mode(library):
    def seconds(name, structures, **parameters):
        return Refine(kind="refine", **parameters).forecast(structures, context(library, name)).seconds(1)

    assert seconds("1sa1am", 20) == pytest.approx(20 * seconds("1sa1am", 1))
    assert seconds("2sa2am", 1) > 2.5 * seconds("1sa1am", 1)
    assert seconds("1sa1am", 1, mode="optimise") > 20 * seconds("1sa1am", 1)
    assert seconds("1sa1am", 1, potential="r2scan-3c") > seconds("1sa1am", 1)
    assert Refine(kind="refine", potential="wb97x-d").forecast(5, context(library, "1sa1am")).least
    assert Refine(kind="refine", potential="gfn1-xtb").forecast(5, context(library, "1sa1am")) is None


def test_the_start_of_a_run_says_the_most_that_can_come(library):
    recorder = Recorder()
    stages = [
        *protocols.build(table(count=7), "toy").stage[:2],
        protocols.build({**table(), "stage": [table()["stage"][0], {"kind": "select", "count": 5}]}, "x").stage[1],
        Refine(kind="refine", count=7),
        Refine(kind="refine", mode="optimise", count=2),
    ]
    announce_all(stages, None, context(library, "1sa1am"), recorder)
    assert [m.split(" of ")[0] for m in recorder.messages] == [
        "at most 5 b97-3c single points",
        "at most 2 b97-3c optimisations",
    ]


# ---- interruption ----------------------------------------------------------------------------------------------------

SCRIPT = (
    "import sys; from sampler.funnel.protocols import protocol; from sampler.funnel.runner import run;"
    "from sampler.monomers import MonomerLibrary; from sampler.composition import Composition; import json;"
    "l = MonomerLibrary.load(); p = protocol.build(json.loads(sys.argv[1]), 'toy');"
    "run(Composition.parse('1sa1am', l), p, sys.argv[2], library=l, workers=int(sys.argv[3]))"
)


@pytest.mark.parametrize("mode", ["single-point", pytest.param("optimise", marks=pytest.mark.slow)])
def test_killed_in_mid_refinement_it_ends_bit_identically(library, tmp_path, mode):
    chosen = {"potential": "gfn1-xtb", "mode": mode, "fmax": 0.05, "max_steps": 30}
    whole, _ = go(tmp_path / "whole", library, **chosen)
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", SCRIPT, json.dumps(table(**chosen)), str(folder), "2"]
    for target in (2, 6):  # killed after so many structures
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        while process.poll() is None and len(list(folder.glob("stages/03-refine-*/chunk-*.npz"))) < target:
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = len(list(folder.glob("stages/03-refine-*/chunk-*.npz")))
    assert kept >= 2
    again, recorder = go(folder, library, workers=1, **chosen)
    assert recorder.fresh == 12 - kept or (folder / "ledger.json").exists()
    assert read_ledgers(folder) == read_ledgers(tmp_path / "whole")
    a, b = read_result(folder), read_result(tmp_path / "whole")
    assert np.array_equal(a.energy, b.energy) and np.array_equal(a.positions, b.positions)
    assert whole.ledgers[-1]["output_sha256"] == again.ledgers[-1]["output_sha256"]


def test_ranks_and_correlations_without_energies():
    assert ranks.ranks(np.array([2.0, np.nan, 1.0])).tolist() == [2, -1, 1]
    assert all(np.isnan(ranks.correlation(np.array([1.0, np.nan, 2.0]), np.array([1.0, 2.0, 3.0]))))


def test_a_delta_model_orders_what_the_committee_left_and_is_a_no_op_where_none_is_at_home(library, tmp_path, capsys):
    """The last stages of the protocol b97-3c: at home in 1sa1am, not in 1sa1ma, where GFN1-xTB stays GFN1-xTB."""
    from sampler.cli.show import show

    content = {
        "name": "toy",
        "description": "the end of b97-3c",
        "stage": [
            {"kind": "generate", "candidates": 4, "chunk": 4},
            {"kind": "relax", "potential": "auto", "fmax": 0.3, "max_steps": 60},
            *[s.model_dump() for s in protocols.load("b97-3c").stage[-2:]],
        ],
    }
    for name, level in (("1sa1am", "b97-3c@pyscf"), ("1sa1ma", "gfn1-xtb")):
        finished = run(
            Composition.parse(name, library), protocols.build(content, "toy"), tmp_path / name, library=library
        )
        clusters = finished.clusters
        assert clusters.level == level and set(clusters.columns["level_before"]) == {level}
        before = clusters.columns["energy_before_eV"]
        if level == "gfn1-xtb":
            assert np.allclose(clusters.energy, before, atol=1e-5)
        else:
            kind, options = recommended(Composition.parse(name, library), library, delta=True)
            delta = get_potential(kind, **options)
            assert np.allclose(clusters.energy, delta.evaluate(clusters, forces=False).energy, atol=1e-5)
            assert 1e-4 < np.abs(clusters.energy - before).max() < 0.3  # another model of the same level
        show(tmp_path / name, limit=3)
        assert f"{level} again: " in " ".join(capsys.readouterr().out.split())
