"""Every command that leaves something behind says what is next."""

import inspect
import sys

from test_cli import commands

from sampler.cli import app as module
from sampler.cli import judging

LEAVES = {"--out", "--plot", "--csv", "--to"}
SHARED = {"energy": judging, "relax": judging}
"""Where the words are, of commands that do not say them themselves."""


def test_commands_that_leave_something_say_what_is_next():
    silent, asked = [], 0
    for path, command in commands(module.app):
        options = {name for p in command.params for name in p.opts}
        if command.callback is None or not options & LEAVES:
            continue
        asked += 1
        source = SHARED.get(" ".join(path), sys.modules[command.callback.__module__])
        if "next_step(" not in inspect.getsource(source):
            silent.append(" ".join(path))
    assert asked > 15 and silent == []
