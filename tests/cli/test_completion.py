"""Shell completion: what Tab offers in bash, zsh and fish, as the shells ask for it, and that nothing heavy is loaded."""

import os
import shutil
import subprocess
import sys

import pytest

from sampler.cli import completion
from sampler.funnel.protocols.automatic import CHOICES
from sampler.funnel.protocols.protocol import names
from sampler.monomers import MonomerLibrary
from sampler.potentials.trained import shipped, short_names

_MAIN = "import sys; sys.argv = ['sampler']; from sampler.cli.app import main; main()"
_LOADED = (
    "import sys, atexit; "
    "atexit.register(lambda: print('loaded', [m for m in ('torch', 'rdkit', 'numpy', 'ase') if m in sys.modules])); "
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with two runs, a screen, a protocol and a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAMPLER_HOME", str(tmp_path / "home"))
    for run in ("2sa2am", "below/4sa4am"):
        (tmp_path / run / "stages").mkdir(parents=True)
        (tmp_path / run / "manifest.json").write_text("{}")
    (tmp_path / "screen").mkdir()
    (tmp_path / "screen" / "screen.csv").write_text("system\n")
    (tmp_path / "2other").mkdir()
    (tmp_path / "mine.toml").write_text("")
    (tmp_path / "frames.xyz").write_text("")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.toml").write_text("")
    (tmp_path / "home" / "monomers").mkdir(parents=True)
    (tmp_path / "home" / "monomers" / "gly.toml").write_text('name = "gly"\n')
    (tmp_path / "home" / "monomers" / "bad.toml").write_text("= no toml")
    return tmp_path


def ask(line, code=_MAIN):
    """What bash gets for a line whose last word is being typed."""
    words = line.split(" ")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "_SAMPLER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
    )  # fmt: skip
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "has", "lacks"),
    [
        ("sampler ", {"run", "show", "thermo", "monomer"}, set()),
        ("sampler run 2sa2", {"2sa2am", "2sa2gly", "2sa2w"}, {"2sa2aq"}),
        ("sampler run 2SA2a", {"2SA2am", "2SA2amh"}, {"2SA2w"}),
        ("sampler run 2s", {"2sa2am", "2sa", "2s"}, {"2other", "2w"}),
        ("sampler run ", {"1sa1am", "2sa2am"}, set()),
        ("sampler run 2sa --protocol s", {"standard"}, {"quick", "mine.toml"}),
        ("sampler run 2sa -p m", {"mine.toml"}, {"quick"}),
        ("sampler screen 1sa --large l", {"large"}, {"standard"}),
        ("sampler run 2sa --model b97-p", {"b97-painn", "b97-painn-7"}, {"gfn1-painn", "model"}),
        ("sampler run 2sa -m mo", {"model"}, {"b97-painn"}),
        ("sampler run 2sa --parents below/", {"below/4sa4am"}, set()),
        ("sampler run 2sa --level g", {"gfn1-xtb"}, {"auto"}),
        ("sampler run 2sa --no-r", {"--no-report"}, set()),
        ("sampler screen 1-4s", {"1-4sa"}, {"1-4w"}),
        ("sampler show ", {"2sa2am", "screen"}, {"2other", "frames.xyz", "home"}),
        ("sampler show be", set(), {"below"}),
        ("sampler export orca 2s", {"2sa2am"}, {"2other"}),
        ("sampler thermo ", {"2sa2am", "frames.xyz"}, {"mine.toml"}),
        ("sampler monomer show a", {"am", "amh"}, {"sa"}),
        ("sampler protocols th", {"thorough"}, {"quick"}),
    ],
)
def test_tab_in_bash(here, line, has, lacks):
    got = set(ask(line))
    assert has <= got and not lacks & got, got


def test_other_shells_ask_in_their_way(here):
    for shell in ("zsh", "fish"):
        done = subprocess.run(
            [sys.executable, "-c", _MAIN], capture_output=True, text=True,
            env={**os.environ, "_SAMPLER_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "sampler run 2sa2a",
                 "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
        )  # fmt: skip
        assert done.returncode == 0 and "2sa2am" in done.stdout, (shell, done)


def test_tab_loads_nothing_heavy(here):
    for line in ("sampler run 2sa2", "sampler run 2sa -p s", "sampler run 2sa -m b", "sampler show 2"):
        assert ask(line, _LOADED + _MAIN)[-2:] == ["loaded", "[]"], line


def test_what_is_offered_is_what_there_is(here):
    assert set(completion.protocols("")) == {*names(), "mine.toml"}
    assert set(completion.models("")) == {*short_names(), *shipped(), "model"}
    assert tuple(completion.levels("")) == CHOICES
    (here / "home" / "monomers" / "bad.toml").unlink()
    (here / "home" / "monomers" / "gly.toml").unlink()
    library = MonomerLibrary.load()
    assert set(completion.molecules("")) == set(library.names)
    assert completion.molecules("aq") == ["aqp"] or set(completion.molecules("aq")) == {"aq", "aqp"}


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_script_works_in_a_real_bash(here):
    tool = here / "bin" / "sampler"
    tool.parent.mkdir()
    tool.write_text(f"#!{sys.executable}\nfrom sampler.cli.app import main\nmain()\n")
    tool.chmod(0o755)
    script = (
        'eval "$(_SAMPLER_COMPLETE=source_bash sampler)"; complete -p sampler; '
        "COMP_WORDS=(sampler run 2sa2a); COMP_CWORD=2; _sampler_completion sampler 2sa2a run; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True,
        env={**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert "_sampler_completion" in done.stdout and "2sa2am" in done.stdout.split(), done
