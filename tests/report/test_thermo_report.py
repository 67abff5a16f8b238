"""The report of free energies: the numbers of ``sampler thermo``, and the ladder against sums by hand."""

import json
import shutil
from pathlib import Path

import pytest

from sampler.errors import FileFormatError, InputError
from sampler.monomers import MonomerLibrary
from sampler.report import Asked, write
from sampler.report.thermo_report import ladders

NEUTRAL = Path(__file__).parents[1] / "data" / "34-vapour-without-unit" / "neutral.json"


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def loss(cluster, loses, gibbs):
    return {"cluster": cluster, "loses": loses, "gibbs_kcalmol": gibbs, "enthalpy_kcalmol": gibbs + 10}


def test_the_ladder_goes_over_the_most_stable_clusters(library):
    total = {"1sa": None, "1am": None, "1sa1am": -7.0, "2sa": -5.0, "2sa1am": -20.0, "2sa2am": -35.0}
    rows = [{"cluster": name, "binding_gibbs_kcalmol": value} for name, value in total.items()]
    losses = [
        loss("1sa1am", "sa", 7.0), loss("1sa1am", "am", 7.0), loss("2sa", "sa", 5.0),
        loss("2sa1am", "sa", 13.0), loss("2sa1am", "am", 15.0), loss("2sa2am", "am", 15.0),
    ]  # fmt: skip
    (ladder,) = ladders(losses, rows, library)
    assert [step["cluster"] for step in ladder["steps"]] == ["1sa1am", "2sa1am", "2sa2am"]
    assert [step["step_gibbs_kcalmol"] for step in ladder["steps"]] == [-7.0, -13.0, -15.0]
    assert [step["adds"] for step in ladder["steps"]][1:] == ["H₂SO₄", "NH₃"]
    assert ladder["steps"][0]["step_enthalpy_kcalmol"] == -17.0
    summed = 0.0
    for step in ladder["steps"]:  # totals are what the steps add up to
        summed += step["step_gibbs_kcalmol"]
        assert step["gibbs_kcalmol"] == pytest.approx(summed)


def test_losses_of_isotopes_are_left_out(library):
    assert ladders([loss("2w[2H]", "w", 3.0)], [], library) == []


def test_kept_frequencies_and_printed_results_tell_the_same(tmp_path, library, sampler):
    shutil.copy(NEUTRAL, tmp_path / "neutral.json")
    status, out, err = sampler("thermo", "neutral.json", "--temperature", "250", "--json")
    assert status == 0, err
    (tmp_path / "printed.json").write_text(out)
    printed = write(tmp_path / "printed.json", Asked(library)).report
    kept = write(tmp_path / "neutral.json", Asked(library, temperature=250.0)).report
    assert printed["temperature_K"] == kept["temperature_K"] == 250.0
    assert printed["table"] == kept["table"] and printed["ladder"] == kept["ladder"] and printed["grid"] == kept["grid"]
    names = [c["key"] for c in kept["table"]["columns"]]
    (row,) = [r for r in kept["table"]["rows"] if r[0] == "1sa1am"]
    told = next(c for c in json.loads(out)["clusters"] if c["cluster"] == "1sa1am")
    assert row[names.index("binding_gibbs_kcalmol")] == pytest.approx(told["binding_gibbs_kcalmol"])
    assert kept["grid"][0]["cells"][0]["value_kcalmol"] == pytest.approx(told["binding_gibbs_kcalmol"])
    assert (tmp_path / "neutral.report.html").is_file() and (tmp_path / "neutral.report.json").is_file()
    assert json.loads((tmp_path / "neutral.json").read_text())["format"] == "sampler-thermo-1"


def test_what_it_is_of_is_not_replaced(tmp_path, library):
    shutil.copy(NEUTRAL, tmp_path / "neutral.json")
    with pytest.raises(InputError, match="replace what the report is of"):
        write(tmp_path / "neutral.json", Asked(library), tmp_path / "neutral.html")


def test_damage_is_told(tmp_path, library):
    (tmp_path / "a.json").write_text(NEUTRAL.read_text()[:1500])
    with pytest.raises(FileFormatError, match="a.json"):
        write(tmp_path / "a.json", Asked(library))
    (tmp_path / "b.json").write_text('{"temperature_K": 298.15, "low_modes": "grimme", "clusters": [{}]}')
    with pytest.raises(FileFormatError, match="b.json is not what sampler thermo --json prints"):
        write(tmp_path / "b.json", Asked(library))
