"""Every command in the documentation is one, with options that it has: judged by the command line's own parser."""

import re

import pytest
import typer.main
from pages import LOG, OUTSIDE, PAGES, ROOT, commands, inline

from sampler.cli.app import app
from sampler.errors import ProtocolError
from sampler.funnel.protocols import protocol as protocols

COMMAND = typer.main.get_command(app)
JUDGED = [page for page in [*PAGES, *OUTSIDE] if page != LOG]


def fault(words, whole=True):
    """Why these words after ``sampler`` are no command; '' if they are one. ``whole``: arguments must be there, too."""
    command, path, words = COMMAND, ["sampler"], list(words)
    if words and words[0] in ("--help", "--version", "--install-completion", "--show-completion", "-h", "-V"):
        return ""
    while hasattr(command, "commands"):
        if not words:
            return "" if command is COMMAND or not whole else f"{' '.join(path)}: a command is missing"
        if words[0].startswith("-"):
            return f"{' '.join(path)}: option {words[0]} before a command"
        context = command.context_class(command, info_name=path[-1])
        try:  # as the group does: `sampler import FILE` is `sampler import file FILE`
            command.parse_args(context, words)
            name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        except Exception:
            return f"{' '.join(path)}: no command {words[0]!r}"
        path.append(name)
    context = command.context_class(command, info_name=path[-1])
    try:
        asked = list(words)  # the parser empties its list
        given, rest, _ = command.make_parser(context).parse_args(words)
    except Exception as error:  # typer brings a click of its own, whose errors have no public name
        if not whole and asked[-1].startswith("-") and "requires an argument" in str(getattr(error, "message", error)):
            return ""  # prose that names an option: `sampler run --model`
        return f"{' '.join(path)}: {getattr(error, 'message', error)}"
    lacking = [p.name for p in command.params if p.required and given.get(p.name) in (None, [], ())]
    if whole and lacking:
        return f"{' '.join(path)}: {', '.join(lacking)} missing"
    if rest:
        return f"{' '.join(path)}: {rest} too many"
    hidden = [
        w
        for w in words
        if any(w in (*p.opts, *p.secondary_opts) and getattr(p, "hidden", False) for p in command.params)
    ]
    if hidden:
        return f"{' '.join(path)}: {', '.join(hidden)} is an old spelling"
    return _settings(given) if path[-1] in ("run", "screen") else ""


def _settings(given):
    """What ``--set`` says must be known to the protocol."""
    name = given.get("protocol") or "quick"
    if not given.get("settings") or name not in protocols.names():
        return ""
    try:
        protocols.load(name, protocols.parse_overrides(given["settings"]))
    except ProtocolError as error:
        return "" if "no installed package offers" in str(error) else str(error)
    return ""


@pytest.mark.parametrize("page", JUDGED, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_are_known(page):
    wrong = [f"sampler {' '.join(words)}\n    {why}" for words in commands(page) if (why := fault(words))]
    wrong += [f"sampler {' '.join(words)}\n    {why}" for words in inline(page) if (why := fault(words, whole=False))]
    assert not wrong, f"{page.relative_to(ROOT)}:\n" + "\n".join(wrong)


def test_there_are_many():
    assert sum(1 for page in JUDGED for _ in commands(page)) > 100
    assert sum(1 for page in JUDGED for _ in inline(page)) > 60


@pytest.mark.parametrize("words, says", [
    ("run 2sa2am", ""), ("run 2sa2am --set relax.fmax=0.1", ""), ("runs 2sa2am", "no command"), ("run 2sa2am --sed 1", "sed"),
    ("monomer", "missing"), ("monomer add", "missing"), ("run 2sa2am --set relax.fmx=0.1", "fmx"), ("show one two three", "too many"),
])  # fmt: skip
def test_the_judge(words, says):
    found = fault(words.split())
    assert re.search(says, found) if says else found == ""
