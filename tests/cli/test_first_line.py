"""A run says what it does before it loads what it does it with."""

import subprocess
import sys

SPY = """
import sys
from sampler.workers import progress

class Spy(progress.Progress):
    def message(self, text):
        heavy = sorted(name for name in ("torch", "numba", "scipy", "ase", "sampler.funnel.runner") if name in sys.modules)
        print(text, heavy, flush=True)
        raise SystemExit

progress.choose = lambda quiet, verbose=False: Spy()
sys.argv = ["sampler", *sys.argv[1:]]
from sampler.cli.app import main
main()
"""


def first(tmp_path, *words):
    return subprocess.run(
        [sys.executable, "-c", SPY, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_first_line_waits_for_nothing(tmp_path):
    assert first(tmp_path, "run", "2am2sa") == "2sa2am: protocol quick, seed 0, into 2sa2am []"
    told = first(tmp_path, "run", "2am2sa", "-p", "standard", "-s", "3", "-o", "there", "-j", "2")
    assert told == "2sa2am: protocol standard, seed 3, into there []"


def test_where_a_mistake_is_possible_it_waits_for_what_is_read(tmp_path):
    told = first(tmp_path, "run", "1sa", "--set", "relax.fmax=0.1")
    assert told == "1sa: protocol quick, seed 0, into 1sa ['sampler.funnel.runner']"


def test_a_screen_begins_with_what_it_runs(tmp_path):
    assert first(tmp_path, "screen", "1-2sa", "0-1am").startswith("4 systems: protocol quick, seed 0, into screen")
    assert first(tmp_path, "screen", "1sa").startswith("1 system: ")
