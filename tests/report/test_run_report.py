"""The report of a run: its values against the run's own files, by other ways where there are some."""

import csv
import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from sampler.errors import InputError, RunError
from sampler.monomers import MonomerLibrary
from sampler.report import Asked, kind_of, write

KEPT = Path(__file__).parents[1] / "data" / "run-0.1" / "1sa1am"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(KEPT, tmp_path / "1sa1am"))


def test_it_says_what_the_run_left(run, library):
    made = write(run, Asked(library))
    assert (made.html, made.json) == (run / "report.html", run / "report.json")
    told = json.loads(made.json.read_text(encoding="utf-8"))
    assert (told["schema"], told["kind"], told["title"], told["formula"]) == (1, "run", "1sa1am", "(H₂SO₄)(NH₃)")
    ranking = list(csv.DictReader((run / "ranking.csv").open(encoding="utf-8")))
    assert [s["id"] for s in told["structures"]] == [row["id"] for row in ranking]
    assert [s["rg_A"] for s in told["structures"]] == [float(row["rg_A"]) for row in ranking]
    assert {s["state_label"] for s in told["structures"]} == {"HSO₄⁻ · NH₄⁺"}
    assert told["structures"][0]["binding_energy_kcalmol"] is None  # the level has no monomer energies
    assert any("no binding energies" in text for text in told["remarks"])
    assert [(step["came_in"], step["went_on"]) for step in told["funnel"]] == [
        (ledger["in"], ledger["out"]) for ledger in json.loads((run / "ledger.json").read_text())
    ]
    timing = next(run.glob("stages/05-hop-*/timing.json"))
    assert told["funnel"][4]["seconds"] == json.loads(timing.read_text())["seconds"]
    assert told["search"]["rounds"][-1]["evaluations"] == 8 and told["search"]["stopped"] == "rounds"
    assert told["seeds"] == {"seed": 0} and told["versions"]["sampler"] == "0.1.0"
    assert len(told["verdict"]) == 2 and "lennard-jones" in told["verdict"][0]
    assert not any(word in sentence for sentence in told["verdict"] for word in ("nan", "None", "bound by"))
    assert told["citations"] and all(set(one) == {"text", "doi", "for"} for one in told["citations"])


def test_radii_of_gyration_are_those_of_ase(run, library):
    """From the moments of inertia of unit masses: Rg² = (I₁ + I₂ + I₃) / 2N."""
    from ase import Atoms

    for one in write(run, Asked(library)).report["structures"]:
        atoms = Atoms(one["symbols"], positions=np.reshape(one["positions"], (-1, 3)))
        atoms.set_masses(np.ones(len(atoms)))
        ase = math.sqrt(atoms.get_moments_of_inertia().sum() / (2 * len(atoms)))
        print(one["rg_A"], ase)
        assert one["rg_A"] == pytest.approx(ase, abs=2e-3)


def test_the_rmsd_is_that_of_irmsd_at_most(run, library):
    """irmsd permutes like atoms within canonical ranks, which is a part of what we try: ours is never larger."""
    irmsd = pytest.importorskip("irmsd")
    from sampler.rundir.directory import read_result

    clusters = read_result(run).lowest_first()
    told = write(run, Asked(library)).report["structures"]
    (z1, x1), (z2, x2) = ((clusters.numbers[a], clusters.positions[a]) for a in map(clusters.atoms_of, (0, 1)))
    theirs = float(irmsd.get_irmsd(z1, x1, z2, x2, 1)[0])
    print("ours", told[1]["rmsd_to_lowest_A"], "irmsd", theirs)
    assert told[0]["rmsd_to_lowest_A"] == pytest.approx(0, abs=1e-4)
    assert 0 < told[1]["rmsd_to_lowest_A"] <= theirs + 1e-3


def test_weights_are_of_all_structures_also_of_those_not_shown(run, library):
    everything = write(run, Asked(library)).report
    cut = write(run, Asked(library, structures=1)).report
    assert sum(s["boltzmann"] for s in everything["structures"]) == pytest.approx(1, abs=1e-5)
    assert cut["cut"] == {"shown": 1, "of": 2} and len(cut["structures"]) == 1
    assert cut["structures"][0]["boltzmann"] == everything["structures"][0]["boltzmann"]
    assert everything["weights"]["from"] == "energy" and "electronic energies" in everything["weights"]["text"]


def test_what_is_not_shown_can_be_weighed_anew(run, library):
    """From the values shown and those of the rest the weights of the report follow, as the page does it at any temperature."""
    whole, cut = write(run, Asked(library)).report, write(run, Asked(library, structures=1)).report
    energies = [s["relative_energy_kcalmol"] for s in whole["structures"]]
    assert whole["weights"]["rest_kcalmol"] == [] and len(energies) > 1
    assert cut["weights"]["rest_kcalmol"] == pytest.approx(energies[1:], abs=1e-4)
    parts = [math.exp(-e / (1.987204259e-3 * 298.15)) for e in [energies[0], *cut["weights"]["rest_kcalmol"]]]
    assert cut["structures"][0]["boltzmann"] == pytest.approx(parts[0] / sum(parts), abs=1e-4)


def test_an_error_that_the_user_gave_is_called_so(run, library):
    told = write(run, Asked(library)).report
    assert {s["error_kcalmol"] for s in told["structures"]} == {0.5} and "as it was given" in told["error"]["text"]


def test_no_error_is_invented(run, library):
    ledger = json.loads((run / "ledger.json").read_text())
    ledger[5].pop("error_from")
    (run / "ledger.json").write_text(json.dumps(ledger))
    told = write(run, Asked(library)).report
    assert {s["error_kcalmol"] for s in told["structures"]} == {None} and "no error bars" in told["error"]["text"]
    assert "not known" in told["verdict"][1]


def test_inputs_of_orca_are_told(run, library):
    told = write(run, Asked(library)).report
    assert [s["orca"] for s in told["structures"]] == ["input written", None]
    assert told["orca"]["counts"] == {"input written": 1}
    assert "the relaxed" not in told["verdict"][1] and "more search" in told["verdict"][1]


def test_outputs_that_were_aborted_are_told(run, library):
    name = "1sa1am-hop002_0001"
    (run / "orca" / f"{name}.out").write_text(
        "                                 *****************\n                                 * O   R   C   A *\n"
        "                                 *****************\n\n   Program Version 5.0.4 -  RELEASE  -\n"
    )
    told = write(run, Asked(library)).report
    status = told["structures"][0]["orca"]
    assert status not in (None, "finished", "input written"), status
    assert told["structures"][0]["orca_rank"] is None


def test_a_folder_that_is_no_run(tmp_path, library):
    with pytest.raises(InputError, match="does not exist"):
        kind_of(tmp_path / "nowhere")
    with pytest.raises(InputError, match="nothing that a report can be made of"):
        write(tmp_path, Asked(library))
    (tmp_path / "text.txt").write_text("{}")
    with pytest.raises(InputError, match="text.txt is nothing"):
        write(tmp_path / "text.txt", Asked(library))


def damaged_manifest(run):
    (run / "manifest.json").write_text('{"format": "sampler-run-1", "composition": "1sa1am"}')


def damaged_ledger(run):
    (run / "ledger.json").write_text('[{"stage": 1}]')


def damaged_output(run):
    (next(run.glob("stages/07-*")) / "output.npz").write_bytes(b"PK")


def unfinished(run):
    (run / "ledger.json").unlink()


def no_json(run):
    (run / "manifest.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damaged_manifest, "damaged"), (damaged_ledger, "ledger.json"), (damaged_output, "damaged"),
        (unfinished, "not complete"), (no_json, "manifest.json cannot be read"),
    ],
)  # fmt: skip
def test_a_damaged_run_costs_one_clear_error(run, library, damage, words):
    damage(run)
    with pytest.raises(RunError, match=words) as caught:
        write(run, Asked(library))
    assert "1sa1am" in str(caught.value) and not (run / "report.html").exists()


def test_damage_beside_the_result_is_no_reason_for_no_report(run, library):
    for path in run.glob("stages/*/timing.json"):
        path.write_text("{")
    next(run.glob("stages/05-*/round-0001/ledger.json")).write_text("[]")
    (run / "orca" / "manifest.json").write_text("{")
    told = write(run, Asked(library)).report
    assert {step["seconds"] for step in told["funnel"]} == {None}
    assert [r["round"] for r in told["search"]["rounds"]] == [2]
    assert told["orca"] is None and any("ORCA results are left out" in text for text in told["remarks"])


def test_pages_are_html_and_replace_nothing(run, library, tmp_path):
    with pytest.raises(InputError, match="ends in .html"):
        write(run, Asked(library), tmp_path / "page.json")
    made = write(run, Asked(library), tmp_path / "there" / "page.html")
    assert made.html.is_file() and made.json == tmp_path / "there" / "page.json"


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_a_hostile_name_stays_text(run):
    """Names of molecules, files, models and remarks reach the page; none becomes markup."""
    library = MonomerLibrary.load()
    named = dataclasses.replace(
        library,
        monomers=tuple(dataclasses.replace(m, symbol=HOSTILE) if m.name == "amh" else m for m in library.monomers),
    )
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["from"] = {"source": HOSTILE, "sha256": "", "stage": "relax"}
    manifest["level"]["by"] = f"PaiNN {HOSTILE}"
    (run / "manifest.json").write_text(json.dumps(manifest))
    (run / "remarks.json").write_text(json.dumps({"remarks": [HOSTILE]}))
    made = write(run, Asked(named))
    molecules = {m["name"] for s in made.report["structures"] for m in s["molecules"]}
    assert any("<script>alert" in name for name in molecules)
    assert HOSTILE in made.report["remarks"] and HOSTILE in made.report["level"]
    page = made.html.read_text(encoding="utf-8")
    assert "<script>alert" not in page and "<img src=x" not in page
    assert json.loads(made.json.read_text(encoding="utf-8"))["remarks"]


def test_the_command_makes_the_same_protocol(library):
    """Whatever was changed: what the command line stands for is what the manifest has."""
    import shlex

    from sampler.composition import Composition
    from sampler.funnel.protocols.automatic import ended
    from sampler.funnel.protocols.ending import at_level
    from sampler.funnel.protocols.protocol import load, parse_overrides
    from sampler.report.commands import of_run

    composition = Composition.parse("2sa2am", library)
    for name, settings, level in (
        ("quick", [], "auto"),
        ("standard", [], "gfn1-xtb"),
        ("standard", ["generate.candidates=64", "hop.patience=3", "export.count=2"], "auto"),
    ):
        asked = ended(load(name, parse_overrides(settings)), composition, level)
        asked = at_level(asked, level, composition, library).dump()
        why = "asked for" if level != "auto" else "models of b97-3c are at home"
        manifest = {"composition": "2sa2am", "seed": 3, "protocol": asked, "level": {"why": why}}
        (line, *_) = [c for c in of_run(Path("there"), manifest, composition, library, "") if not c.startswith("#")]
        words = shlex.split(line)
        options = dict(zip(words[3::2], words[4::2]))
        sets = [value for key, value in zip(words, words[1:]) if key == "--set"]
        print(line)
        assert words[:3] == ["sampler", "run", "2sa2am"] and (options["--seed"], options["--out"]) == ("3", "there")
        chosen = options.get("--level", "auto")
        again = ended(load(options["--protocol"], parse_overrides(sets)), composition, chosen)
        assert at_level(again, chosen, composition, library).dump() == asked


def test_a_protocol_that_does_not_ship_is_said(run, library):
    lines = write(run, Asked(library)).report["commands"]
    assert lines[0].startswith("# the protocol toy") and "--protocol toy.toml" in lines[1]


def test_the_page_is_out_of_date_when_the_run_is_younger(run, library):
    import os

    from sampler.report.pages import up_to_date

    page = write(run, Asked(library)).html
    assert up_to_date(page, run)
    later = page.stat().st_mtime + 10
    os.utime(run / "ledger.json", (later, later))
    assert not up_to_date(page, run)


def orca_output(run, name, positions, energy):
    """An output of ORCA for a structure of the run, with made-up frequencies; its free energy in Eh."""
    import orca_texts

    symbols = _symbols_of(run)
    text = orca_texts.step(symbols, positions, energy, 0)
    more, gibbs = orca_texts.vibrations([100.0 + 90 * k - 1e4 * (energy + 800) for k in range(27)], 6, energy, 115.1)
    job = "! B97-3c Freq\n* xyz 0 1\n*"
    whole = orca_texts.banner() + orca_texts.echo([job]) + text + more + orca_texts.end()
    (run / "orca" / f"{name}.out").write_text(whole)
    return gibbs


def _symbols_of(run):
    frame = (run / "structures.xyz").read_text().splitlines()
    return [line.split()[0] for line in frame[2 : 2 + int(frame[0])]]


def test_results_of_orca_are_ranked_and_weigh_by_their_free_energies(run, library, monkeypatch):
    import orca_texts

    from sampler.rundir.directory import read_result

    monkeypatch.setitem(orca_texts.NUMBERS, "S", 16)
    monkeypatch.setitem(orca_texts.MASSES, "S", 32.06)
    clusters = read_result(run).lowest_first()
    energies = [-800.0, -800.001]  # ORCA turns the order round
    gibbs = [
        orca_output(run, str(clusters.ids[i]), clusters.positions[clusters.atoms_of(i)], energies[i]) for i in (0, 1)
    ]
    told = write(run, Asked(library)).report
    first, second = told["structures"]
    assert (first["orca"], second["orca"]) == ("finished", "finished"), told["remarks"]
    assert (first["orca_rank"], second["orca_rank"]) == (2, 1)
    assert first["orca_relative_energy_kcalmol"] == pytest.approx(0.6275, abs=1e-3)  # 1 mEh
    apart = (gibbs[1] - gibbs[0]) * 627.5094740631
    ratio = math.exp(-apart / (1.987204259e-3 * 298.15))
    print("ratio of weights", second["boltzmann"] / first["boltzmann"], "by hand", ratio)
    assert second["boltzmann"] / first["boltzmann"] == pytest.approx(ratio, rel=1e-3)
    assert told["weights"]["from"] == "gibbs" and "b97-3c@orca5" in told["weights"]["text"]
    assert {s["gibbs_kcalmol"] for s in told["structures"]} == {None}  # no monomers, no binding
    assert "sampler thermo" in told["verdict"][1]
    elsewhere = write(run, Asked(library, temperature=250.0)).report
    assert elsewhere["weights"]["from"] == "energy"  # ORCA's are of another temperature


def test_free_energies_are_those_of_sampler_thermo(run, library, tmp_path):
    """The file of ``sampler thermo --out`` names the run's structures RUN/ID; ΔG is that of its own study."""
    from sampler.refine.thermo.rrho import Conditions
    from sampler.refine.thermo.sources import load
    from sampler.refine.thermo.study import study
    from sampler.units import KCAL_PER_MOL

    source = Path(__file__).parents[1] / "data" / "34-vapour-without-unit" / "neutral.json"
    kept = json.loads(source.read_text())
    of_cluster = [s for s in kept["species"] if len(s["columns"]["numbers"]) == 11]
    of_cluster[0]["id"] = "1sa1am/1sa1am-hop001_0001"
    (tmp_path / "clusters.json").write_text(json.dumps(kept))
    made = study(load(tmp_path / "clusters.json"), library, Conditions(250.0))["1sa1am"]
    ids = [s.id for s in made.species]
    expected = made.per_conformer[ids.index("1sa1am/1sa1am-hop001_0001")].gibbs / KCAL_PER_MOL
    told = write(run, Asked(library, temperature=250.0, thermo=(tmp_path / "clusters.json",))).report
    by_id = {s["id"]: s for s in told["structures"]}
    assert by_id["1sa1am-hop001_0001"]["gibbs_kcalmol"] == pytest.approx(expected, abs=1e-4)
    assert by_id["1sa1am-hop002_0001"]["gibbs_kcalmol"] is None
    assert by_id["1sa1am-hop002_0001"]["boltzmann"] is None
    assert "of the 1 structures of 2 that have one" in told["weights"]["text"]
    assert f"number 2 (HSO₄⁻ · NH₄⁺) is lowest in free energy (ΔG −{-expected:.1f} kcal/mol)" in told["verdict"][0]
    shutil.copy(tmp_path / "clusters.json", run / "thermo.json")  # in the run, it is found
    beside = write(run, Asked(library, temperature=250.0)).report
    assert [s["gibbs_kcalmol"] for s in beside["structures"]] == [s["gibbs_kcalmol"] for s in told["structures"]]


def test_frequencies_of_an_earlier_result_are_left_out(run, library):
    source = Path(__file__).parents[1] / "data" / "34-vapour-without-unit" / "neutral.json"
    kept = json.loads(source.read_text())
    of_cluster = [s for s in kept["species"] if len(s["columns"]["numbers"]) == 11]
    for one, name in zip(of_cluster, ("1sa1am-hop001_0001", "1sa1am-hop002_0001")):
        one["id"] = f"1sa1am/{name}"
    for result, known in (
        ("another", False),
        (json.loads((run / "ledger.json").read_text())[-1]["output_sha256"], True),
    ):
        for one in of_cluster:
            one["columns"]["result_sha256"] = result
        (run / "thermo.json").write_text(json.dumps(kept))
        told = write(run, Asked(library)).report
        assert [s["gibbs_kcalmol"] is not None for s in told["structures"]] == [known, known]
        assert any("an earlier result" in text for text in told["remarks"]) is not known
        assert any("free energies are at gfn1-xtb" in text for text in told["remarks"]) is known


def test_a_run_without_energies_says_so(tmp_path, library, sampler):
    (tmp_path / "bare.toml").write_text(
        'name = "bare"\ndescription = "no energies"\n[[stage]]\nkind = "generate"\ncandidates = 4\n'
        '[[stage]]\nkind = "identify"\n'
    )
    status, _, err = sampler("run", "1sa1w", "--protocol", "bare.toml", "-j", 1, "-q")
    assert status == 0, err
    told = json.loads((tmp_path / "1sa1w" / "report.json").read_text())
    assert (
        {s["relative_energy_kcalmol"] for s in told["structures"]}
        == {s["boltzmann"] for s in told["structures"]}
        == {None}
    )
    assert "none of them has an energy" in told["verdict"][0] and "No Boltzmann weights" in told["weights"]["text"]
