"""The report of a screen: what is missing is seen, levels are kept apart, and each system has its page."""

import json
import shutil
from pathlib import Path

import pytest

from sampler.composition import Composition
from sampler.errors import FileFormatError
from sampler.monomers import MonomerLibrary
from sampler.report import Asked, write
from sampler.screen.rows import blank
from sampler.screen.table import to_csv

KEPT = Path(__file__).parents[1] / "data" / "run-0.1" / "1sa1am"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def row(library, name, **more):
    return blank(name, Composition.parse(name, library), protocol="toy") | more


def finished(library, name, binding, level="lennard-jones"):
    molecules = Composition.parse(name, library).molecules()
    values = {"binding_energy_kcalmol": binding, "binding_energy_per_molecule_kcalmol": round(binding / molecules, 4)}
    return row(library, name, status="finished", level=level, minima=2, **values)


@pytest.fixture
def folder(tmp_path, library):
    """Four systems: finished with a run, finished, failed, waiting; and one of another level."""
    made = tmp_path / "screen"
    shutil.copytree(KEPT, made / "1sa1am")
    (made / "1sa1am" / "ledger.json").touch()  # younger than the manifest, as that of a finished run
    rows = [
        finished(library, "1sa1am", -18.0), finished(library, "2sa1am", -48.0),
        row(library, "1sa2am", status="failed", error="<b>no</b> structure is left"), row(library, "2sa2am"),
    ]  # fmt: skip
    (made / "screen.csv").write_text(to_csv(rows))
    (made / "screen-gfn1-xtb.csv").write_text(to_csv([finished(library, "3sa1am", -60.0, "gfn1-xtb")]))
    return made


def cells(plane):
    return {(c["row"], c["column"]): c for c in plane["cells"]}


def test_the_grid(folder, library):
    told = write(folder, Asked(library)).report
    assert told["kind"] == "screen" and told["formula"] == "H₂SO₄ · NH₃"
    main, other = told["grid"]
    assert (main["row_name"], main["column_name"], main["level"]) == ("H₂SO₄", "NH₃", "lennard-jones")
    found = cells(main)
    assert found[2, 1]["formula"] == "(H₂SO₄)₂(NH₃)" and found[2, 1]["value_kcalmol"] == -16.0
    assert found[2, 1]["total_kcalmol"] == -48.0
    assert {at: c["status"] for at, c in found.items()} == {
        (1, 1): "finished", (2, 1): "finished", (1, 2): "failed", (2, 2): "waiting",
    }  # fmt: skip
    assert found[1, 2]["value_kcalmol"] is None
    assert other["level"] == "gfn1-xtb" and [c["name"] for c in other["cells"]] == ["3sa1am"]
    assert any("different levels of theory" in text for text in told["remarks"])
    assert "3 of 5 systems" in told["verdict"][0] and "do not compare" in told["verdict"][0]
    assert "1sa2am (failed)" in told["verdict"][1] and "2sa2am (waiting)" in told["verdict"][1]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>no</b>" not in page and "no&lt;/b&gt;" in page


def test_each_system_has_its_page_and_it_is_written_once(folder, library):
    told = write(folder, Asked(library)).report
    assert cells(told["grid"][0])[1, 1]["href"] == "1sa1am/report.html"
    assert cells(told["grid"][0])[2, 1]["href"] is None  # its run is not there
    page = folder / "1sa1am" / "report.html"
    before = page.stat().st_mtime_ns
    write(folder, Asked(library))
    assert page.stat().st_mtime_ns == before


def test_links_lead_there_from_wherever_the_page_is(folder, library, tmp_path):
    made = write(folder, Asked(library), tmp_path / "pages" / "grid.html")
    (href,) = {h for h in made.report["table"]["hrefs"] if h}
    assert href == "../screen/1sa1am/report.html" and (made.html.parent / href).is_file()
    assert json.loads(made.json.read_text())["grid"][0]["cells"][0]["href"] == href


def test_a_system_whose_run_is_damaged_is_told_and_has_no_link(folder, library):
    (next((folder / "1sa1am").glob("stages/07-*")) / "output.npz").write_bytes(b"PK")
    said = []
    told = write(folder, Asked(library), say=said.append).report
    assert "1sa1am" in said[0] and "damaged" in said[0]
    assert cells(told["grid"][0])[1, 1]["href"] is None


def test_a_damaged_table_is_one_error(folder, library):
    (folder / "screen.csv").write_text("system,status\n1sa1am,finished\n2xx,finished\n")
    with pytest.raises(Exception, match="xx"):
        write(folder, Asked(library))
    (folder / "screen.csv").write_text("name\nx\n")
    with pytest.raises(FileFormatError, match="screen.csv is not the table of a screen"):
        write(folder, Asked(library))


def test_a_screen_without_table_is_that_of_its_runs(folder, library):
    for path in folder.glob("*.csv"):
        path.unlink()
    told = write(folder, Asked(library)).report
    assert [c["name"] for c in told["grid"][0]["cells"]] == ["1sa1am"]


def test_free_energies_of_the_screen_are_a_grid_too(folder, library, sampler):
    neutral = Path(__file__).parents[1] / "data" / "34-vapour-without-unit" / "neutral.json"
    status, out, err = sampler("thermo", neutral, "--temperature", "250", "--json")
    assert status == 0, err
    (folder / "thermo-250K").mkdir()
    (folder / "thermo-250K" / "free_energies.json").write_text(out)
    told = write(folder, Asked(library)).report
    plane = told["grid"][-1]
    expected = next(c for c in json.loads(out)["clusters"] if c["cluster"] == "1sa1am")["binding_gibbs_kcalmol"]
    assert plane["value"] == "ΔG of binding at 250 K" and plane["level"] == "gfn1-xtb"
    (cell,) = plane["cells"]
    assert cell["value_kcalmol"] == pytest.approx(expected) and cell["href"] == "1sa1am/report.html"
    (folder / "thermo-250K" / "free_energies.json").write_text("{")
    assert any("free energies are left out" in text for text in write(folder, Asked(library)).report["remarks"])
