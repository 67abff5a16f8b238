"""``sampler report``, and the page at the end of runs and screens."""

import json
import shutil
from pathlib import Path

import pytest
from test_cli import TOY, toy  # noqa: F401 (a fixture)

KEPT = Path(__file__).parents[1] / "data" / "run-0.1" / "1sa1am"
RUN = ("run", "1sa1am", "--protocol", "toy.toml", "-j", 1, "-q")


def test_the_command(sampler, tmp_path):
    shutil.copytree(KEPT, tmp_path / "1sa1am")
    status, out, err = sampler("report", "1am1sa")  # spelled otherwise
    assert status == 0, err
    assert "1sa1am/report.html" in out and (tmp_path / "1sa1am" / "report.html").is_file()
    status, out, err = sampler("report", "1sa1am", "--json", "--out", "there/page.html", "-n", 1, "-T", "5C")
    told = json.loads(out)
    assert status == 0 and told == json.loads((tmp_path / "there" / "page.json").read_text())
    assert told["temperature_K"] == pytest.approx(278.15) and len(told["structures"]) == 1
    status, out, _ = sampler("report", "1sa1am", "--count", 1)
    assert "the 1 lowest of 2 structures are in it" in out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("report", "nowhere"), "does not exist"), (("report", "toy.toml"), "nothing that a report can be made of"),
        (("report", "1sa1am", "--out", "x.txt"), "ends in .html"), (("report", "1sa1am", "-T", "warm"), "warm"),
        (("report", "1sa1am", "--thermo", "none.json"), "none.json"),
    ],
)  # fmt: skip
def test_mistakes_cost_one_line(sampler, tmp_path, words, part):
    shutil.copytree(KEPT, tmp_path / "1sa1am")
    status, _, err = sampler(*words)
    assert status in (1, 2) and err.count("\n") == 1 and part in err


def test_a_run_ends_with_its_page(sampler, tmp_path):
    status, out, err = sampler(*RUN)
    assert status == 0, err
    assert out.splitlines()[-1].startswith("report: 1sa1am/report.html")
    told = json.loads((tmp_path / "1sa1am" / "report.json").read_text())
    assert told["title"] == "1sa1am" and len(told["structures"]) == 6
    shutil.rmtree(tmp_path / "1sa1am")
    status, out, _ = sampler(*RUN, "--json")
    assert len(json.loads(out)["structures"]) == 6 and (tmp_path / "1sa1am" / "report.html").is_file()
    shutil.rmtree(tmp_path / "1sa1am")
    status, out, _ = sampler(*RUN, "--no-report")
    assert status == 0 and "report" not in out and not list((tmp_path / "1sa1am").glob("report*"))


def test_a_report_that_fails_fails_no_run(sampler, monkeypatch, tmp_path):
    import sampler.report as room

    def broken(*given, **more):
        raise RuntimeError("out of ink")

    monkeypatch.setattr(room, "write", broken)
    status, out, err = sampler(*RUN)
    assert status == 0 and "6 structures in 1sa1am" in out
    (line,) = [line for line in err.splitlines() if "report" in line]
    assert "out of ink" in line and "sampler report 1sa1am" in line


def test_a_screen_ends_with_its_page(sampler, tmp_path):
    words = ("screen", "1sa", "0-1am", "--protocol", "toy.toml", "-j", 1, "-q")
    status, out, err = sampler(*words, "--no-report")
    assert status == 0, err
    assert not list((tmp_path / "screen").rglob("report.html"))
    status, out, err = sampler(*words)
    assert status == 0 and "report: screen/report.html" in out
    told = json.loads((tmp_path / "screen" / "report.json").read_text())
    assert told["table"]["hrefs"] == ["1sa/report.html", "1sa1am/report.html"]
    assert all((tmp_path / "screen" / href).is_file() for href in told["table"]["hrefs"])
