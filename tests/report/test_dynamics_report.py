"""The report of a folder of trajectories: before and after it is analysed, against its files; and its page in a browser."""

import csv
import json

import pytest
from test_page_browser import browser, show  # noqa: F401
from toys import acid_and_ammonia, called_in

from sampler.report import Asked, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two replicas of sulfuric acid with ammonia; one of them is said to have evaporated."""
    place = tmp_path_factory.mktemp("md")
    acid_and_ammonia(place / "pair.npz")
    called_in(place, "md", "pair.npz", "--level", "gfn1-xtb", "--time", 0.1, "--replicas", 2, "-j", 1, "--frames", 2,
        "--velocities", 2, "-q")  # fmt: skip
    made = place / "md" / "pair"
    event = {"step": 100, "time_fs": 50.0, "kind": "evaporated", "detail": "NH3 9.1 Å away", "values": {}}
    (made / "replica-0001" / "events.jsonl").write_text(json.dumps(event) + "\n")
    return made


def sections(report):
    return {section["id"]: section for section in report["sections"]}


def test_before_it_is_analysed_logs_and_events_are_told(folder):
    report = write(folder, Asked()).report
    assert report["kind"] == "dynamics" and len(report["verdict"]) == 2 and report["formula"] == "(H₂SO₄)(NH₃)"
    assert "2 finished" in report["verdict"][0] and "sampler md analyse" in report["verdict"][1]
    found = sections(report)
    with open(folder / "replica-0000" / "events.jsonl") as handle:
        protons = [json.loads(line)["time_fs"] / 1000 for line in handle]
    rows = found["events"]["rows"]
    assert [0.05, 1, "evaporated", "NH₃ 9.1 Å away"] in rows and len(rows) == 1 + len(protons)
    assert [row[0] for row in rows if row[2] == "proton"] == pytest.approx(protons)
    assert [row[:4] for row in found["replicas"]["rows"]] == [
        [0, "pair", 0.1, "finished"],
        [1, "pair", 0.1, "finished"],
    ]
    assert "rmsd-0" not in found and any("sampler md analyse" in remark for remark in report["remarks"])
    with open(folder / "replica-0000" / "log.csv", newline="") as a, open(folder / "replica-0001" / "log.csv") as b:
        both = [[float(row["temperature_K"]) for row in csv.DictReader(handle)] for handle in (a, b)]
    drawn = [p["y"] for p in found["means-1"]["series"][0]["points"]]
    assert drawn == pytest.approx([sum(pair) / 2 for pair in zip(*both)], rel=1e-3)


def test_afterwards_what_was_read_from_the_frames_is_there(folder):
    called_in(folder.parent, "md", "analyse", folder.name, "--resolution", 900, "--no-harmonic", "-q", "--skip", 0)
    report = write(folder, Asked()).report
    found = sections(report)
    assert {"rmsd-0", "spectrum-0", "hbonds-table", "msd-0", "rdf-0", "means-0", "evaporation-0"} <= set(found)
    with open(folder / "analysis" / "rmsd.csv", newline="") as handle:
        table = list(csv.DictReader(handle))
    assert [row[1] for row in found["rmsd-table"]["rows"]] == pytest.approx(
        [float(r["mean_A"]) for r in table], abs=1e-3
    )
    assert "sampler md validate" in report["verdict"][1]
    validated = {"energy": {"mae_kcal_mol": 0.5, "rmse_kcal_mol": 0.7}}
    (folder / "validation" / "b97-3c").mkdir(parents=True)
    (folder / "validation" / "b97-3c" / "summary.json").write_text(json.dumps(validated))
    report = write(folder, Asked()).report
    assert sections(report)["validation"]["rows"] == [["b97-3c", 0.5, 0.7]]
    assert "next:" not in report["verdict"][1]
    with open(folder / "replica-0000" / "trajectory.xyz.gz", "r+b") as handle:  # a run that went on
        handle.truncate(handle.seek(0, 2) - 40)
    assert any("have grown" in remark or "changed" in remark for remark in write(folder, Asked()).report["remarks"])


@pytest.mark.once
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_draws_curves_and_asks_for_nothing(show, folder, width, scheme):  # noqa: F811
    report = write(folder, Asked()).report
    sheet = show(report, width=width, scheme=scheme)
    assert sheet.evaluate("document.documentElement.scrollWidth") <= width
    plots = [s for s in report["sections"] if s["type"] == "plot"]
    assert sheet.locator("figure.plot svg path.line").count() >= len(plots)
    for section in plots:
        lines = sheet.locator(f"#{section['id']}-plot path.line").count()
        sticks = sum(len(s["points"]) for s in section["series"] if s.get("sticks"))
        assert lines == sticks + sum(not s.get("sticks") and bool(s["points"]) for s in section["series"])
