"""The public face: what ``import sampler`` offers, what it costs, and that it does what the commands do."""

import doctest
import importlib
import inspect
import itertools
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sampler
from sampler.errors import CompositionError, InputError, LevelError, PotentialError, RunError
from sampler.units import KCAL_PER_MOL

OFFERED = {
    "run", "screen", "read_run", "relax", "identify", "dedupe", "evaluate", "binding_energy", "get_potential",
    "calculator", "Clusters", "Composition", "MonomerLibrary", "thermochemistry",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "rdkit", "numba", "ase", "pandas", "scipy", "numpy", "pydantic", "schnetpack", "sklearn")
DOCUMENTED = ("sampler", "sampler.clusters")  # examples of the public names: tests/docs/test_docstrings.py


def fresh(code: str, *words: str) -> str:
    """What Python prints that starts anew, in the working directory of the test."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, f"{code}\n{done.stderr[-2000:]}"
    return done.stdout.strip()


def command(*words: str) -> dict:
    """What a command of sampler says with --json."""
    return json.loads(fresh("from sampler.cli.app import main; main()", *words, "--json"))


@pytest.fixture(scope="module")
def library():
    return sampler.MonomerLibrary.load()


@pytest.fixture(scope="module")
def monomers(library):
    """Sulfuric acid, ammonia and water, each in its first conformer."""
    chosen = [library[name] for name in ("sa", "am", "w")]
    return sampler.Clusters.make(
        [m.conformers[0].positions for m in chosen], [m.numbers for m in chosen], ids=["sa", "am", "w"]
    )


# ---- what is offered -------------------------------------------------------------------------------------------------


def test_importing_loads_nothing_heavy():
    loaded = fresh(f"import sampler, sys; print([m for m in {HEAVY} if m in sys.modules])")
    assert loaded == "[]"


def test_a_room_that_is_a_function_is_found_without_heavy_libraries():
    loaded = fresh(
        "import sampler, sys; sampler.relax; print([m for m in ('torch', 'rdkit', 'numba') if m in sys.modules])"
    )
    assert loaded == "[]"


def test_every_name_is_there_and_listed():
    assert OFFERED <= set(sampler.__all__) and sampler.__all__ == sorted(sampler.__all__)
    assert set(sampler.__all__) <= set(dir(sampler))
    for name in sampler.__all__:
        assert getattr(sampler, name) is not None, name
        assert name == "__version__" or callable(getattr(sampler, name)), name
        assert name == "__version__" or inspect.getdoc(getattr(sampler, name)), name
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        _ = sampler.rum


def test_type_checkers_see_the_names_that_are_there():
    """The imports for type checkers and the table of the lazy ones are written apart."""
    import ast

    tree = ast.parse(Path(sampler.__file__).read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If) and n.test.id == "TYPE_CHECKING")
    declared = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in block.body if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }  # fmt: skip
    assert set(declared) | {"__version__"} == set(sampler.__all__)
    for name, (module, called) in declared.items():
        assert sampler._found(name) is getattr(importlib.import_module(f"sampler.{module}"), called), name


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name), verbose=False)
    assert tried and not failed


def test_calculator_is_that_of_the_potentials():
    from sampler.potentials import SamplerCalculator, get_potential

    assert sampler.calculator is SamplerCalculator and sampler.get_potential is get_potential


# ---- names that are packages, too ------------------------------------------------------------------------------------

FIRST = (
    "import sampler.relax, sampler.identify, sampler.screen",
    "import sampler.relax.driver; from sampler.identify import assign; import sampler.screen.runner",
    "from sampler import relax, identify, screen",
    "sampler.relax, sampler.identify, sampler.screen",
    "import sampler.funnel.runner, sampler.cli.app",
    "from sampler import *",
    "import importlib, sampler; importlib.reload(sampler); import sampler.screen",
)
CHECK = """
import numpy as np, sampler.relax.driver, sampler.identify.radii, sampler.screen.grid
pair = sampler.Clusters.make([[[0, 0, 0], [0, 0, 1.2]]], [[18, 18]])
made = sampler.relax(pair, "lennard-jones", fmax=1e-4)
from sampler.relax import RelaxParams, relax
other = relax(pair, sampler.get_potential("lennard-jones"), RelaxParams(fmax=1e-4))
w = sampler.MonomerLibrary.load()["w"]
water = sampler.identify(sampler.Clusters.make([w.conformers[0].positions], [w.numbers]))
try:
    sampler.screen()
except sampler.SamplerError as error:
    said = str(error)
print(made == other, sampler.relax.RelaxParams is RelaxParams, sampler.relax.driver.relax is relax,
      water.columns["state"][0], said[:25], callable(sampler.screen.grid.expand))
"""


@pytest.mark.parametrize("first", FIRST)
def test_packages_are_functions_whatever_came_first(first):
    assert (
        fresh(f"import sampler; {first}\nimport sampler{CHECK}")
        == "True True True 1 H2O what is to be screened? g True"
    )


def test_packages_show_the_signature_of_their_function():
    from sampler.api.energies import relax

    assert inspect.signature(sampler.relax) == inspect.signature(relax)


def test_modules_are_sent_to_processes_by_name():
    cloudpickle = pytest.importorskip("cloudpickle")
    for module in (sampler, sampler.relax):
        assert pickle.loads(pickle.dumps(module)) is module
        assert pickle.loads(cloudpickle.dumps(module)) is module


# ---- populations -----------------------------------------------------------------------------------------------------


def test_repr_is_short_whatever_the_size(library, monomers):
    water = library["w"]
    many = sampler.Clusters.make([water.conformers[0].positions] * 200, [water.numbers] * 200, energy=np.arange(200.0))
    many = many.replace(level="toy").with_columns(**{f"column_{i}": i for i in range(30)})
    text = repr(many)
    assert text == (
        "Clusters(200 structures of H2O, charge 0, 0.0000 to 199.0000 eV at the level toy, "
        "columns column_0, column_1, column_2 and 27 more)"
    )
    assert repr(monomers) == "Clusters(3 structures of H2SO4, NH3, H2O, charge 0, no energies)"
    assert repr(sampler.Clusters.empty()) == "Clusters(no structures)"
    assert "1 without" in repr(many.replace(energy=[np.nan, *range(199)]))


def test_other_things_show_themselves_in_a_line(library, monomers):
    found = sampler.dedupe(sampler.Clusters.concatenate([monomers, monomers]), energy_window=None)
    assert repr(found) == "DedupeResult(3 distinct, 3 duplicates, 0 set aside)"
    assert repr(library).startswith("MonomerLibrary(") and len(repr(library)) < 120 and "sa, " in repr(library)
    assert repr(library["sa"]).startswith("Monomer(sa: H2SO4, charge 0, ")
    for one in (found, library, library["sa"], library["sa"].conformers[0]):
        assert one == one and one != monomers and one != 1  # and no error


def test_a_name_needs_no_library(library):
    assert sampler.Composition.parse("2sa1b1am") == sampler.Composition.parse("2sa1b1am", library)


def test_html_is_a_small_table_with_escaped_text(monomers):
    html = monomers.replace(ids=["<script>alert(1)</script>", "b", "c"], charge=[1, -1, 0])._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert all(f"<td>{cell}</td>" in html for cell in ("H2SO4", "NH3", "H2O", "+1", "-1", "0", "–"))
    long = sampler.Clusters.concatenate([monomers] * 50)._repr_html_()
    assert long.count("<tr>") == 11 and "and 140 more" in long


def test_equality_is_by_content(monomers):
    copy = sampler.Clusters.concatenate([monomers[:1], monomers[1:]])
    assert copy == monomers and not copy != monomers
    assert monomers != monomers[:2] and monomers != "monomers"
    moved = monomers.replace(positions=monomers.positions + 1e-9)
    others = [
        moved, monomers.replace(charge=[0, 0, 1]), monomers.replace(ids=["a", "b", "c"]),
        monomers.replace(energy=[1.0, 2.0, 3.0]), monomers.with_columns(seed=1), monomers.replace(level="toy"),
        monomers.replace(forces=np.zeros_like(monomers.positions)),
    ]  # fmt: skip
    for a, b in itertools.combinations([monomers, *others], 2):
        assert a != b
    with pytest.raises(TypeError, match="unhashable"):
        hash(monomers)


def test_structures_by_id(monomers):
    assert monomers["am"] == monomers[1]
    assert monomers[["w", "sa"]] == monomers[[2, 0]]
    assert monomers[np.array(["w"])] == monomers[2]
    twice = sampler.Clusters.concatenate([monomers, monomers])
    assert twice["am"] == twice[[1, 4]]
    assert len(monomers[[]]) == 0
    with pytest.raises(InputError, match="no structure has the id 'x'; the ids here are sa, am, w"):
        monomers[["sa", "x"]]


def test_structures_by_composition(monomers):
    assert sampler.select(monomers, "1w") == monomers["w"]
    assert len(sampler.select(monomers.replace(charge=[0, 0, 1]), "1w")) == 0
    assert len(sampler.select(monomers, "2w")) == 0


# ---- one call a job --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.npz", "m.xyz", "m.db"])
def test_files_of_any_format(monomers, tmp_path, name):
    known = sampler.evaluate(monomers, "lennard-jones")
    sampler.write(known, tmp_path / name)
    again = sampler.read(tmp_path / name)
    assert again.ids.tolist() == known.ids.tolist() and again.level == "lennard-jones"
    assert np.allclose(again.energy, known.energy, rtol=1e-12, atol=0) and np.allclose(again.positions, known.positions)
    assert sampler.evaluate(tmp_path / name, "lennard-jones") == sampler.evaluate(again, "lennard-jones")


def test_evaluate_takes_what_people_have(monomers):
    from ase import Atoms

    frames = [Atoms("Ar2", [[0, 0, 0], [0, 0, d]]) for d in (1.0, 1.2)]
    found = sampler.evaluate(frames, "lennard-jones")
    by_hand = sampler.get_potential("lennard-jones").evaluate(sampler.Clusters.from_ase(frames))
    assert np.array_equal(found.energy, by_hand.energy) and np.array_equal(found.forces, by_hand.forces)
    assert found.level == "lennard-jones" and found.columns["fate"].tolist() == ["", ""]
    assert sampler.evaluate(frames[0], "lennard-jones").energy == found.energy[:1]
    assert sampler.evaluate(frames, "lennard-jones", forces=False).forces is None


def test_evaluate_says_what_failed(monomers):
    broken = monomers.replace(positions=np.where(monomers.structure_of_atom[:, None] == 1, np.nan, monomers.positions))
    found = sampler.evaluate(broken, "gfn1-xtb")
    assert found.columns["fate"].tolist() == ["", "nan", ""] and np.isnan(found.energy).tolist() == [False, True, False]


def test_what_is_none_of_ours_is_refused(monomers):
    with pytest.raises(InputError, match="int is no structure"):
        sampler.evaluate(7, "gfn1-xtb")
    with pytest.raises(InputError, match="str is no structure"):
        sampler.identify([["H2O"], "x"][1:])
    with pytest.raises(PotentialError, match="float is no potential"):
        sampler.evaluate(monomers, 1.0)
    with pytest.raises(PotentialError, match="gfn7"):
        sampler.relax(monomers, "gfn7")
    with pytest.raises(InputError, match="no parameter 'fmaks'; there are optimizer, fmax"):
        sampler.relax(monomers, "gfn1-xtb", fmaks=0.1)
    with pytest.raises(CompositionError, match="what is the cluster made of"):
        sampler.run()


def test_relax_then_binding_energy(library, monomers):
    """Against GFN1-xTB monomer energies of the level's file: relaxed monomers bind with nothing."""
    relaxed = sampler.relax(monomers, "gfn1-xtb", fmax=0.005)
    assert relaxed.columns["converged"].all()
    binding = sampler.binding_energy(relaxed)
    print(binding)
    lowest = {"am": 0.0, "w": 0.0}
    for i, name in enumerate(relaxed.ids.tolist()):
        assert abs(binding[i] - lowest.get(name, binding[i])) < 0.01
    assert binding[0] > -0.01  # the first conformer of sulfuric acid need not be its lowest
    assert np.array_equal(sampler.binding_energy(relaxed["w"], "1w"), binding[2:])
    assert abs(sampler.binding_energy(relaxed.replace(energy=relaxed.energy + KCAL_PER_MOL))[1] - binding[1] - 1) < 1e-9
    with pytest.raises(LevelError):
        sampler.binding_energy(monomers)
    with pytest.raises(InputError, match="sa has not the atoms and the charge of 1w"):
        sampler.binding_energy(relaxed, "1w")
    with pytest.raises(InputError, match="w has the charge \\+1"):
        sampler.binding_energy(relaxed.replace(charge=[0, 0, 1]))


def test_thermochemistry_of_a_molecule(monomers):
    """Water by GFN1-xTB: entropy against the textbook's 45.1 cal/mol/K (NIST-JANAF), which hardly depends on the level."""
    study = sampler.thermochemistry(monomers["w"], "gfn1-xtb")
    entropy = study["1w"].mixture.thermo.entropy / KCAL_PER_MOL * 1000
    print(entropy)
    assert repr(study) == "Study(1w at the level gfn1-xtb, 298.15 K and 101325 Pa)"
    assert abs(entropy - 45.1) < 0.3 and study.level == "gfn1-xtb"
    with pytest.raises(InputError, match="need a potential"):
        sampler.thermochemistry(monomers)
    with pytest.raises(InputError, match="made of am"):
        sampler.thermochemistry(monomers["w"], "gfn1-xtb", vapours={"am": "1ppt"})


def test_thermochemistry_is_that_of_the_command(monomers, tmp_path, monkeypatch):
    """The same numbers in this process as with ``sampler thermo``, and from the frequencies that it kept."""
    monkeypatch.chdir(tmp_path)
    sampler.write(monomers[["am", "w"]], "two.xyz")
    told = command("thermo", "two.xyz", "--potential", "gfn1-xtb", "--out", "kept.json", "--workers", "1")
    theirs = {c["cluster"]: c["gibbs_eV"] for c in told["clusters"]}
    for ours in (sampler.thermochemistry("two.xyz", "gfn1-xtb"), sampler.thermochemistry("kept.json")):
        found = {c.name: c.mixture.thermo.gibbs for c in ours.clusters}
        assert set(found) == set(theirs) == {"1am", "1w"}
        assert all(abs(found[name] - theirs[name]) < 1e-6 for name in found)
    with pytest.raises(InputError, match="leave out the potential"):
        sampler.thermochemistry("kept.json", "gfn1-xtb")


# ---- the main job ----------------------------------------------------------------------------------------------------

SMALL = {"generate.candidates": 12, "relax.fmax": 0.1}


def files(folder: Path) -> dict[str, bytes]:
    """What a run left, but for how long it took."""
    times = ("timing.json", "cpu_seconds.csv", ".lock")
    names = [p for p in folder.rglob("*") if p.is_file() and p.name not in times]
    return {str(p.relative_to(folder)): p.read_bytes() for p in names}


def test_run_is_the_command(tmp_path, monkeypatch, capfd):
    """Nothing but a composition is needed, and the files are those of ``sampler run``, byte for byte."""
    monkeypatch.chdir(tmp_path)
    made = sampler.run("1am1sa", level="gfn1-xtb", settings=SMALL, workers=1)
    assert made.folder == Path("1sa1am") and "level: gfn1-xtb" in capfd.readouterr().err
    changed = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    told = command(
        "run", "1am1sa", "--level", "gfn1-xtb", "--workers", "1", "--out", "there/1sa1am", "--no-report", *changed
    )
    ours, theirs = files(tmp_path / "1sa1am"), files(tmp_path / "there" / "1sa1am")
    assert ours.keys() == theirs.keys() and len(ours) > 10
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert [r["id"] for r in told["structures"]] == [r["id"] for r in made.ranking()] == made.clusters.ids.tolist()

    again = sampler.read_run("1am1sa")  # spelled otherwise
    assert again.clusters == made.clusters and again.ledgers == made.ledgers and again.folder == made.folder
    assert again.summary()["structures"] == made.ranking()
    binding = sampler.binding_energy(made)
    assert np.allclose(binding, [r["binding_energy_kcalmol"] for r in made.ranking()], atol=1e-4)
    assert "1sa1am" in repr(made) and "<table>" in made._repr_html_()
    with pytest.raises(RunError):
        sampler.run("1sa1am", level="gfn1-xtb", settings=SMALL, seed=1, quiet=True)  # another seed overwrites nothing

    fewer = sampler.run(
        source=made.clusters, stage="dedupe", level="gfn1-xtb", folder="from-memory", workers=1, quiet=True
    )
    assert fewer.composition == made.composition and set(fewer.clusters.ids) <= set(made.clusters.ids)
    assert capfd.readouterr().err == ""
    with pytest.raises(LevelError, match="of the level gfn1-xtb, not gfn2-xtb"):
        sampler.run(source=made.clusters, stage="dedupe", from_level="gfn2-xtb", folder="x", quiet=True)


def test_run_refuses_as_the_command_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for options, words in [
        ({"patience": 3}, "--patience and --budget are for a stage that searches"),
        ({"error_kcalmol": 1.0}, "--error-kcalmol has a meaning only with --confidence"),
        ({"from_level": "b97-3c"}, "--from-level has a meaning only with --from"),
        ({"level": "mp2"}, "--level mp2: a run ends at one of"),
        ({"protocol": "quik"}, "no protocol is called 'quik'"),
        ({"workers": 0}, "--workers is 0; it must be at least 1"),
        ({"settings": {"relax.fmaks": 1}}, "fmaks"),
    ]:
        with pytest.raises(InputError, match=words):
            sampler.run("1sa1am", quiet=True, **options)
    assert not any(p.is_dir() and any(p.iterdir()) for p in tmp_path.iterdir())


def test_screen(tmp_path):
    made = sampler.screen(
        ["1sa", "0-1am"], folder=tmp_path / "grid", level="gfn1-xtb", settings=SMALL, workers=1, quiet=True
    )
    assert [row["system"] for row in made.rows] == ["1sa", "1sa1am"] and made.folder == tmp_path / "grid"
    assert {row["status"] for row in made.rows} == {"finished"} and "2 finished" in repr(made)
    assert (tmp_path / "grid" / "screen.csv").exists() and (tmp_path / "grid" / "screen.svg").exists()
    run = sampler.read_run(tmp_path / "grid" / "1sa1am")
    assert abs(sampler.binding_energy(run)[0] - made.rows[1]["binding_energy_kcalmol"]) < 1e-4
    assert "<table>" in made._repr_html_()
