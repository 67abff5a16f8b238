"""The command line: the main job on a toy, what scripts read, and one line for every mistake."""

import json

import pytest
from toys import TOY

from sampler.cli import app as module
from sampler.screen.grid import expand


@pytest.fixture(autouse=True)
def toy(tmp_path):
    (tmp_path / "toy.toml").write_text(TOY)


def test_run_show_and_export(sampler, tmp_path):
    status, out, err = sampler("run", "1AM1sa", "-p", "toy.toml", "-j", 1)
    assert status == 0, err
    assert "3 ORCA inputs" in out
    folder = tmp_path / "1sa1am"
    assert len(list((folder / "orca").glob("*.inp"))) == 3
    status, out, _ = sampler("show", folder, "--json")
    told = json.loads(out)
    energies = [s["energy_eV"] for s in told["structures"]]
    assert energies == sorted(energies) and len(energies) == 6
    assert told["ledger"][0]["kind"] == "generate"
    rows = (folder / "ranking.csv").read_text().splitlines()
    assert len(rows) == 7 and rows[0].startswith("rank,id,state,relative_energy_kcalmol")
    status, out, _ = sampler("export", "xyz", folder, "-n", 1)
    assert out.splitlines()[0] == "11" and 'level="lennard-jones"' in out
    status, out, _ = sampler("export", "csv", folder, "-n", 2)
    assert out.splitlines() == rows[:3]
    status, out, err = sampler("export", "orca", folder, "-p", "nonsense")
    assert status == 2 and "nonsense" in err and "opt-freq" in err
    status, out, err = sampler("show", folder)
    words = " ".join(out.split())  # the folder's name may fill a line
    assert status == 0 and "the funnel" in words and "the 6 lowest of 6" in words


@pytest.mark.once
def test_screen(sampler, tmp_path):
    status, out, err = sampler("screen", "1sa", "0-1am", "-p", "toy.toml", "-j", 1, "--json")
    assert status == 0, err
    assert [r["system"] for r in json.loads(out)] == ["1sa", "1sa1am"]
    table = (tmp_path / "screen" / "screen.csv").read_text().splitlines()
    assert len(table) == 3


def test_grids():
    assert expand(["1-2sa", "0-1am"]) == ["1sa0am", "1sa1am", "2sa0am", "2sa1am"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["run", "4xx4am"], ["'xx'", "known: sa", "monomer add"]),
        (["run", "sa4"], ["cannot read 'sa4'", "4sa4am"]),
        (["run", "1sa", "--charge", "5"], ["cannot have the charge +5"]),
        (["run", "1b1am", "--charge", "0"], ["has the charge -1"]),
        (["run", "1sa", "-p", "fast"], ["'fast'", "quick"]),
        (["run", "1sa", "-p", "toy.toml", "--set", "relax.potential=gfn9"], ["gfn9", "gfn1-xtb"]),
        (["run", "1sa", "--parents", "nowhere"], ["nowhere", "not a run directory"]),
        (["run", "1sa", "--engine", "mopac"], ["mopac"]),
        (["run", "1sa", "--workers", "0"], ["--workers is 0"]),
        (["run", "1sa", "--level", "mp2"], ["mp2", "b97-3c"]),
        (["run", "1sa", "--model", "nowhere"], ["nowhere"]),
        (["run", "1sa", "--from", "nowhere.xyz"], ["nowhere.xyz"]),
        (["run", "1sa", "--error-kcalmol", "1"], ["--confidence"]),
        (["run", "1sa", "--patience", "1"], ["hop"]),
        (["show", "."], ["not a run directory"]),
        (["screen", "4-1sa"], ["runs backwards", "1-4sa"]),
        (["screen", "0sa"], ["holds no molecule"]),
        (["export", "csv", "nowhere"], ["not a run directory"]),
        (["run", "1sa", "--monomers", "nowhere.toml"], ["no such monomer file"]),
    ],
)
def test_mistakes_cost_one_line(sampler, words, parts):
    status, out, err = sampler(*words)
    assert status in (1, 2)
    assert err.startswith("sampler: error: ") and "Traceback" not in err
    for part in parts:
        assert part in err


def test_usage_errors(sampler):
    status, _, err = sampler("run")
    assert status == 2 and "give a composition" in err
    status, out, _ = sampler("--version")
    assert status == 0 and out.startswith("sampler ")


def commands(app, path=()):
    import typer.main

    def walk(command, path):
        yield path, command
        for name, sub in getattr(command, "commands", {}).items():
            yield from walk(sub, (*path, name))

    return list(walk(typer.main.get_command(app), path))


@pytest.mark.parametrize("path", [p for p, _ in commands(module.app)], ids=" ".join)
def test_every_command_explains_itself(sampler, path):
    status, out, _ = sampler(*path, "--help")
    assert status == 0
    assert "Usage:" in out
    is_group = "COMMAND [ARGS]" in out
    assert is_group or "Example" in out, f"sampler {' '.join(path)} --help has no example"


@pytest.mark.once
def test_doctor_tries_the_engines(sampler):
    status, out, _ = sampler("doctor", "--json")
    told = json.loads(out)
    assert status == 0
    assert told["machine"]["cores"] >= 1
    assert told["engines"]["gfn1-xtb"]["works"], told["engines"]["gfn1-xtb"]
    assert told["packages"]["ase"]
    assert told["gpu"]["used"] == (told["gpu"]["detail"] == "")


def test_a_population_from_elsewhere_enters_at_a_stage(sampler, tmp_path):
    status, _, err = sampler("run", "1sa1am", "-p", "toy.toml", "-j", 1)
    assert status == 0, err
    xyz = tmp_path / "1sa1am" / "structures.xyz"
    words = ("run", "--from", xyz, "-p", "toy.toml", "-o", "again", "-j", 1)
    status, out, err = sampler(*words, "--stage", "select", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["composition"] == "1sa1am" and [ledger["kind"] for ledger in told["ledger"]] == ["select"]
    assert len(told["structures"]) == 6
    status, out, err = sampler(*words, "--stage", "dedupe")
    assert status == 1 and "no stage 'dedupe'" in err


def test_brackets_in_a_table_are_no_markup(capsys):
    from sampler.cli.common import print_table

    print_table("lost [x]", ["what", "remedy"], [["b97-3c", "pip install 'cluster-sampler[dft]'"]])
    shown = capsys.readouterr().out
    assert "cluster-sampler[dft]" in shown and "lost [x]" in shown
