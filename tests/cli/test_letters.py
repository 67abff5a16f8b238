"""One letter, one meaning; old spellings; and what the overview of the commands shows."""

import re

import pytest
import typer.main

from sampler.cli import app as module
from sampler.cli.command import HEADINGS

WIDE = 80


def every(command, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every(below, (*path, name))


ALL = list(every(typer.main.get_command(module.app)))
GROUPS = [path for path, command in ALL if hasattr(command, "commands")]


def options():
    return [(path, p) for path, command in ALL for p in command.params if p.param_type_name == "option"]


def letters_of(option):
    return [o for o in (*option.opts, *option.secondary_opts) if re.fullmatch("-[A-Za-z]", o)]


def names_of(option):
    return [o for o in (*option.opts, *option.secondary_opts) if o.startswith("--")]


def test_one_letter_has_one_meaning():
    meanings = {}
    for _, option in options():
        for letter in letters_of(option):
            meanings.setdefault(letter, set()).add(tuple(names_of(option)))
    assert {letter: names for letter, names in meanings.items() if len(names) > 1} == {}
    assert {"-o", "-p", "-c", "-n", "-j", "-q", "-v"} <= set(meanings)


def test_an_option_with_a_letter_has_it_in_every_command():
    lettered = {name for _, o in options() if letters_of(o) for name in names_of(o)}
    lacking = [(" ".join(path), n) for path, o in options() for n in names_of(o) if n in lettered and not letters_of(o)]
    assert lacking == []


def test_a_letter_takes_one_kind_of_value():
    """A flag in one command and a value in another would be two meanings, too."""
    kinds = {}
    for _, option in options():
        for letter in letters_of(option):
            kinds.setdefault(letter, set()).add(bool(getattr(option, "is_flag", False)))
    assert all(len(kind) == 1 for kind in kinds.values())


def test_old_spellings_say_what_is_new_and_are_hidden():
    for path, command in ALL:
        for old, new in getattr(command, "old", {}).items():
            shown = [o for p in command.params for o in p.opts]
            assert new in shown and old not in shown, f"sampler {' '.join(path)}: {old} -> {new}"


OLD = [
    (("export", "orca", "nowhere", "-p", "sp"), "-p is now --preset"),
    (("export", "orca", "nowhere", "-psp"), "-p is now --preset"),
    (("show", "nowhere", "--limit", "3"), "--limit is now --count"),
    (("show", "nowhere", "--limit=3"), "--limit is now --count"),
    (("data", "sample", "x.npz", "-c", "nonsense", "-t", "300"), "-c is now --composition"),
    (("data", "sample", "x.npz", "-qt", "300", "-c", "nonsense"), "-t is now --temperature"),
    (("data", "sample", "x.npz", "--structures", "5", "--driver", "nonsense"), "--structures is now --count"),
    (("thermo", "nowhere", "-v", "sa=1e7cm-3"), "-v is now --vapour"),
]


@pytest.mark.parametrize(("given", "said"), OLD, ids=lambda v: v if isinstance(v, str) else "")
def test_old_spellings_work_and_are_told(sampler, given, said):
    _, out, err = sampler(*given)
    assert err.count(f"{said}; the old spelling still works") == 1
    assert "No such option" not in err and "is now" not in out
    assert "sampler: error: " in err  # of the folder or the name: the options were read


def test_what_looks_like_an_old_spelling_but_is_a_value_stays(sampler):
    _, _, err = sampler("export", "orca", "nowhere", "--out", "-p")
    assert "is now" not in err
    _, _, err = sampler("show", "--", "--limit")
    assert "is now" not in err


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_descriptions_of_commands_are_whole_and_one_line_each(sampler, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", str(WIDE))
    status, out, _ = sampler(*path, "--help")
    assert status == 0 and "..." not in out.replace("[ARGS]...", "")
    assert max(map(len, out.splitlines())) <= WIDE
    command = dict(ALL)[path]
    for name, below in command.commands.items():
        rows = re.findall(rf"^  {name} +(.*)$", out, re.M)
        assert rows == [below.get_short_help_str()], f"sampler {' '.join(path)}: {name}"
        assert rows[0][0].isupper() and len(rows[0]) > 10


def test_commands_stand_below_their_headings(sampler):
    out = sampler("--help")[1]
    at = [out.index(f"\n{heading}:\n") for heading in HEADINGS]
    assert at == sorted(at)
    place = {name: max(a for a in at if a < out.index(f"\n  {name} ")) for name in dict(ALL)[()].commands}
    of = {name: HEADINGS[at.index(a)] for name, a in place.items()}
    assert of["run"] == "Run" and of["show"] == of["thermo"] == "Results" and of["monomer"] == "Chemistry"
    assert of["train"] == "Models" and of["doctor"] == "Setup"
    assert "\nCommands:\n" not in out


def test_bare_it_says_what_to_try_first(sampler):
    status, out, _ = sampler()
    assert status == 0
    first = out.split("Usage:")[0]
    assert "sampler run 2sa2am" in first and "sampler doctor" in first
    assert max(map(len, out.splitlines())) <= WIDE


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        (("shwo", "x"), "'show'"),
        (("thermos", "x"), "'thermo'"),
        (("monomer", "lst"), "'list'"),
        (("run", "1sa", "--protcol", "quick"), "'--protocol'"),
        (("screen", "1sa", "--worker", "1"), "'--workers'"),
    ],
)
def test_mistyped_commands_and_options_are_suggested(sampler, given, suggested):
    status, _, err = sampler(*given)
    assert status == 2 and f"Did you mean {suggested}" in err
