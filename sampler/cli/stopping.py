"""What is said when a command is stopped: what is true of it."""

from __future__ import annotations

KEPT = "stopped; finished work is kept, the same command goes on from here"
NOT_KEPT = "stopped; nothing was kept"
KEEPING = ("run", "screen", "label", "train", "refit-xtb", "data", "md", "study")
"""Commands that go on where they were stopped, whatever they were at."""

_words = [KEPT]


def when_stopped(text: str) -> None:
    """What to say from now on."""
    _words[0] = text


def words() -> str:
    return _words[0]
