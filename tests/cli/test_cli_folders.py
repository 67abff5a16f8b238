"""Run directories on the command line: spellings, screens in place of runs, and results that are not overwritten."""

import csv
import io
import json

from test_cli import TOY, toy  # noqa: F401 (a fixture)

QUICK = ("-p", "toy.toml", "-j", 1, "-q")


def test_what_a_path_stands_for(sampler, tmp_path, capsys):
    from sampler.cli.common import library, run_folders

    known = library()
    assert sampler("run", "1b1sa1am", "-p", "toy.toml", "-j", 1, "-q", "--set", "relax.max_steps=1")[0] == 0
    assert run_folders(tmp_path / "1b1sa1am", known) == [tmp_path / "1sa1b1am"]
    assert run_folders(tmp_path / "1am1SA1b", known) == [tmp_path / "1sa1b1am"]
    assert sampler("screen", "1sa", "0-2am", "-p", "toy.toml", "-j", 1, "-q")[0] == 0
    (tmp_path / "screen" / "1sa1am" / "ledger.json").unlink()
    found = run_folders(tmp_path / "screen", known)
    assert [run.name for run in found] == ["1sa", "1sa2am"]
    assert "not finished: 1sa1am" in capsys.readouterr().err
    assert run_folders(tmp_path / "toy.toml", known) == run_folders(tmp_path / "nowhere", known) == []


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_another_spelling_finds_the_run(sampler, tmp_path):
    assert sampler("run", "1b1sa1am", *QUICK)[0] == 0
    for spelling in ("1b1sa1am", "1am1sa1b", tmp_path / "1B1SA1AM"):
        status, out, err = sampler("show", spelling, "--json")
        assert status == 0 and json.loads(out)["composition"] == "1sa1b1am", err
    assert sampler("export", "csv", "1b1sa1am")[1] == (tmp_path / "1sa1b1am" / "ranking.csv").read_text()
    assert "1 file(s)" in sampler("audit", "1b1sa1am")[1]
    assert "not a run directory" in sampler("show", "1b1sa2am")[2]


def test_the_folder_of_a_screen(sampler, tmp_path):
    assert sampler("screen", "1sa", "0-2am", *QUICK)[0] == 0
    names = ["1sa", "1sa1am", "1sa2am"]
    status, out, _ = sampler("show", "screen")
    assert status == 0 and "the lowest of 3 systems" in out and all(name in out for name in names)
    told = json.loads(sampler("show", "screen", "--json", "-n", 2)[1])["runs"]
    assert [(run["composition"], len(run["structures"])) for run in told] == [(name, 2) for name in names]
    table = rows(sampler("export", "csv", "screen", "-n", 2)[1])
    assert [row["system"] for row in table] == [name for name in names for _ in range(2)]
    assert [float(row["energy_eV"]) for row in table] == [s["energy_eV"] for run in told for s in run["structures"]]
    frames = sampler("export", "xyz", "screen", "-n", 2)[1]
    assert frames.count("pbc=") == 6
    assert sampler("export", "orca", "screen", "-n", 2, "-o", "inputs", "-p", "sp")[0] == 0
    for name in names:
        manifest = json.loads((tmp_path / "inputs" / name / "manifest.json").read_text())
        assert [job["rank"] for job in manifest["jobs"]] == [1, 2]
    status, out, _ = sampler("audit", "screen", "--json")
    assert json.loads(out)["structures"] == 18


def test_inputs_carry_their_rank(sampler, tmp_path):
    assert sampler("run", "1sa", *QUICK)[0] == 0
    folder = tmp_path / "1sa" / "orca"
    jobs = json.loads((folder / "manifest.json").read_text())["jobs"]
    ranks = {row["id"]: row["rank"] for row in rows((tmp_path / "1sa" / "ranking.csv").read_text())}
    assert [str(job["rank"]) for job in jobs] == [ranks[job["id"]] for job in jobs] == ["1", "2", "3"]
    assert [row["rank"] for row in rows((folder / "manifest.csv").read_text())] == ["1", "2", "3"]
    for job in jobs:
        first = (folder / job["input"]).read_text().splitlines()[0]
        assert first == f"# {job['name']}, rank {job['rank']}"
    # another rank asks for no other calculation: what ORCA has computed stays
    text = (folder / jobs[0]["input"]).read_text()
    (folder / jobs[0]["input"]).write_text(text.replace(", rank 1", ", rank 7"))
    output = folder / f"{jobs[0]['name']}.out"
    output.write_text("computed")
    (tmp_path / "1sa" / "results.json").unlink()
    assert sampler("run", "1sa", *QUICK)[0] == 0
    assert output.read_text() == "computed" and (folder / jobs[0]["input"]).read_text() == text


def test_results_of_another_seed_or_protocol_are_not_overwritten(sampler, tmp_path):
    (tmp_path / "other.toml").write_text(TOY.replace('"toy"', '"other"'))
    assert sampler("run", "1sa", *QUICK)[0] == 0
    folder = tmp_path / "1sa"
    names = ("ranking.csv", "structures.xyz", "manifest.json", "ledger.json")
    before = {name: (folder / name).read_bytes() for name in names}
    for words, said in (
        (("-p", "toy.toml", "-s", 1), "seed 1 in place of 0"),
        (("-p", "other.toml"), "protocol other in place of toy"),
        (("-p", "toy.toml", "--set", "relax.potential=gfn1-xtb"), "energies by gfn1-xtb in place of lennard-jones"),
        (("-p", "other.toml", "-s", 2, "--join"), "protocol other in place of toy, seed 2 in place of 0"),
    ):
        status, _, err = sampler("run", "1sa", *words, "-j", 1, "-q")
        assert status == 1 and said in err and "--replace" in err and "--out" in err, err
        assert {name: (folder / name).read_bytes() for name in names} == before
    # the same again, and settings that may change in a folder
    assert sampler("run", "1sa", *QUICK)[0] == 0
    assert not (folder / "earlier").exists()
    assert sampler("run", "1sa", *QUICK, "--set", "select.count=5")[0] == 0
    assert len(rows((folder / "ranking.csv").read_text())) == 5
    (kept,) = (folder / "earlier").iterdir()
    assert kept.name.startswith("toy-seed0-")
    assert {name: (kept / name).read_bytes() for name in names} == before
    # asked for
    assert sampler("run", "1sa", "-p", "toy.toml", "-s", 1, "-j", 1, "-q", "--replace")[0] == 0
    assert json.loads(sampler("show", "1sa", "--json")[1])["seed"] == 1
    assert len(list((folder / "earlier").iterdir())) == 2
    # killed before it wrote its tables: those that are there are of the run before, and are not kept as its own
    mark = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(mark | {"output_sha256": "of the run before"}))
    assert sampler("run", "1sa", *QUICK, "-s", 2, "--replace")[0] == 0
    (kept,) = (folder / "earlier").glob("toy-seed1-*")
    assert sorted(path.name for path in kept.iterdir()) == ["ledger.json", "manifest.json"]


def test_a_run_that_has_no_results_yet_may_become_another(sampler, tmp_path):
    assert sampler("run", "1sa", *QUICK)[0] == 0
    for name in ("ledger.json", "ranking.csv", "structures.xyz"):
        (tmp_path / "1sa" / name).unlink()
    assert sampler("run", "1sa", "-p", "toy.toml", "-s", 1, "-j", 1, "-q")[0] == 0


def test_a_screen_does_not_overwrite_either(sampler, tmp_path):
    assert sampler("screen", "1sa", "0-1am", *QUICK)[0] == 0
    before = (tmp_path / "screen" / "screen.csv").read_bytes()
    status, _, err = sampler("screen", "1sa", "1-2am", *QUICK, "-s", 1)
    assert status == 1 and "1sa1am holds other results" in err and "--replace" in err
    assert (tmp_path / "screen" / "screen.csv").read_bytes() == before
    assert sampler("screen", "2sa", *QUICK, "-s", 1)[0] == 0  # other systems
    assert sampler("screen", "1sa", "1am", *QUICK, "-s", 1, "--replace")[0] == 0
    assert json.loads(sampler("show", "screen/1sa1am", "--json")[1])["seed"] == 1


def test_show_says_that_a_later_run_has_not_ended(sampler, tmp_path):
    assert sampler("run", "1sa", *QUICK)[0] == 0
    assert json.loads(sampler("show", "1sa", "--json")[1])["complete"] is True
    manifest = tmp_path / "1sa" / "manifest.json"  # as a run with another seed leaves it that is killed at once
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": 1'))
    assert json.loads(sampler("show", "1sa", "--json")[1])["complete"] is False
    status, out, err = sampler("show", "1sa")
    assert status == 0 and "has not ended" in err
