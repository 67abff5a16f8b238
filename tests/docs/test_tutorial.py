"""The commands of the tutorial, word by word, in an empty folder; and that what it shows is what comes out."""

import os
import re
import subprocess
import sys

import pytest
from pages import DOCS, ROOT, blocks

TUTORIAL = DOCS / "tutorial" / "index.md"
# two minutes on two free cores; all of it counts for the first test
pytestmark = [pytest.mark.timeout(3600), pytest.mark.once]
COMMANDS = [line for text in blocks(TUTORIAL, "bash") for line in text.splitlines()]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Command -> what it printed, standard error included."""
    folder = tmp_path_factory.mktemp("tutorial")
    called = folder / "bin" / "sampler"  # the command of this checkout, whatever is installed
    called.parent.mkdir()
    called.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "cli.py"}" "$@"\n')
    called.chmod(0o755)
    work = folder / "empty"
    work.mkdir()
    environment = os.environ | {
        "PATH": f"{called.parent}{os.pathsep}{os.environ['PATH']}", "SAMPLER_HOME": str(folder / "home"), "COLUMNS": "100",
    }  # fmt: skip
    found = {}
    for command in COMMANDS:
        made = subprocess.run(command, shell=True, cwd=work, env=environment, capture_output=True, text=True)
        assert made.returncode == 0, f"{command}\n{made.stdout}\n{made.stderr}"
        found[command] = made.stdout + made.stderr
    assert (work / "screen" / "screen.png").stat().st_size > 1000
    assert (work / "screen" / "thermo-278.15K" / "acdc" / "input.inp").is_file()
    assert (work / "2sa2am" / "orca").is_dir() and (work / "2sa2am" / "report.html").is_file()
    return found


def test_the_commands_run(printed):
    assert len(printed) == len(COMMANDS) >= 9


def numbers(row):
    return [float(x) for x in re.findall(r"(?<![\w.])-?\d+\.\d+", row)]


@pytest.mark.parametrize("command, row, within", [
    ("sampler show 2sa2am", "2sa2am-0014_0001", 0.02),
    ("sampler show 1tfa1am", "1am1tfa-0002_0000", 0.02),
])  # fmt: skip
def test_energies_are_those_of_the_page(printed, command, row, within):
    page = next(line for text in blocks(TUTORIAL, "console") for line in text.splitlines() if row in line)
    lowest = next(line for line in printed[command].splitlines() if re.match(r" +1 +\w+-\d{4}_\d{4}", line))
    assert numbers(lowest) == pytest.approx(numbers(page), abs=within), f"page: {page}\nnow:  {lowest}"


def test_free_energies_are_those_of_the_page(printed):
    """ΔE and ΔG of 2sa2am; structures of a short search differ from machine to machine in the last digits."""
    page = next(
        line for text in blocks(TUTORIAL, "console") for line in text.splitlines() if line.startswith("2sa2am ")
    )
    out = printed["sampler thermo screen"].splitlines()
    row = next(line for line in out if line.startswith("2sa2am ") and len(numbers(line)) == len(numbers(page)))
    assert numbers(row)[1] == pytest.approx(numbers(page)[1], abs=0.3) and numbers(row)[-1] == pytest.approx(
        numbers(page)[-1], abs=0.6
    )
