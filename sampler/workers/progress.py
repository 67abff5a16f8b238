"""Telling the user how far a run is: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.progress import TaskID


T = TypeVar("T")

COMPILING = "compiling, once per machine"


class Progress:
    """Says nothing; the base of those that do. ``verbose``: rounds are told with their statistics."""

    verbose = False
    pace_in: Callable[[float], str] | None = None
    """What is said of so many a second, where that is not the user's unit."""
    _news = ""

    def start(self, position: int, of: int, kind: str, total: int) -> None: ...

    def advance(self, n: int, found: bool = False) -> None:
        """``n`` more structures are done; ``found`` if an earlier run had done them."""

    def finish(self, ledger: Mapping[str, Any], seconds: float) -> None: ...

    def round_done(self, position: int, of: int, kind: str, words: str, seconds: float) -> None:
        """One round of a stage is done; ``words`` say what it found."""

    def skip(self, position: int, of: int, kind: str, ledger: Mapping[str, Any]) -> None: ...

    def message(self, text: str) -> None: ...

    def news(self, text: str) -> None:
        """A message, unless the news before it were the same: one line for many systems alike."""
        if text != self._news:
            self._news = text
            self.message(text)

    def compiling(self, done: int, of: int, left: float) -> None:
        """``done`` of ``of`` parts of the program are compiled for this machine; the others take about ``left`` seconds."""

    def compiled(self, of: int, seconds: float) -> None:
        """All of them are, and what follows is not slowed by it."""

    def warn(self, text: str) -> None:
        """What must be seen even by those who want no progress; to standard error."""
        print(f"sampler: warning: {text}", file=sys.stderr, flush=True)

    def counted(self, results: Iterable[tuple[int, T]], before: Collection[int] = ()) -> Iterator[tuple[int, T]]:
        """(index, result) of what was started, each counted when it is there, and all of them told at the end.

        Args:
            before: indices of what an earlier run had done.
        """
        started, number = time.monotonic(), 0
        try:
            for index, result in results:
                number += 1
                self.advance(1, index in before)
                yield index, result
            if number:
                self.done_with(number, time.monotonic() - started)
        finally:
            self.close()

    def done_with(self, number: int, seconds: float) -> None:
        """All ``number`` of what was started is done."""

    def close(self) -> None: ...


def outcome(ledger: Mapping[str, Any]) -> str:
    """``200 in, 143 out (40 duplicate, 17 reacted)``; a search says what it ``found`` besides what came in."""
    dropped = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in ledger["dropped"].items())
    found = f", {ledger['found']} found" if ledger.get("found") else ""
    return f"{ledger['in']} in{found}, {ledger['out']} out" + (f" ({dropped})" if dropped else "")


class PlainProgress(Progress):
    """One line when a stage ends, and one every ``interval`` seconds while it runs; to standard error."""

    def __init__(self, interval: float = 20.0):
        self.interval = interval

    def start(self, position, of, kind, total):
        self.label, self.total, self.done, self.fresh = label(position, of, kind), total, 0, 0
        self.started = self.said = time.monotonic()

    def advance(self, n, found=False):
        self.done += n
        self.fresh += 0 if found else n
        now = time.monotonic()
        if now - self.said >= self.interval and self.fresh:
            self.said = now
            rate = self.fresh / (now - self.started)
            left = (self.total - self.done) / rate
            told = self.pace_in(rate) if self.pace_in else f"{pace(rate)} a second"
            self._say(f"{self.label}: {self.done}/{self.total}, {told}, {duration(left)} left")

    def finish(self, ledger, seconds):
        self._say(f"{self.label}: {outcome(ledger)}, {duration(seconds)}")

    def round_done(self, position, of, kind, words, seconds):
        self._say(f"{label(position, of, kind)}: {words}, {duration(seconds)}")

    def skip(self, position, of, kind, ledger):
        self._say(f"{label(position, of, kind)}: {outcome(ledger)}, done before")

    def message(self, text):
        self._say(text)

    def compiling(self, done, of, left):
        self._say(f"{COMPILING}: {done} of {of} parts done, about {duration(left)} left")

    def compiled(self, of, seconds):
        self._say(f"{COMPILING}: {of} parts, {duration(seconds)}")

    def done_with(self, number, seconds):
        self._say(f"{self.label}: {number}, {duration(seconds)}")

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


_WIDE = 80
"""Characters for all that a bar has to say; on a narrower terminal it says less, and cuts no number."""


class BarProgress(Progress):
    """A rich progress bar for the running stage, and a line for each finished one; to standard error."""

    def __init__(self):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            ProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self.console = Console(stderr=True, highlight=False)
        roomy = self.console.width >= _WIDE
        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(10 if roomy else 6)]
        columns += [MofNCompleteColumn()]
        columns += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn()] if roomy else []
        columns += [TextColumn("left"), TimeRemainingColumn()]
        self.bar = Bar(*columns, console=self.console, transient=True)
        self.room = max(12, self.console.width - (_WIDE - 22 if roomy else 38))
        self.task: TaskID | None = None

    def start(self, position, of, kind, total):
        self._end_task()  # of the round before
        self.label, self.fresh, self.started = label(position, of, kind), 0, time.monotonic()
        self.bar.start()
        short = self.label if len(self.label) <= self.room else f"{self.label[: self.room - 1]}…"
        self.task = self.bar.add_task(short, total=total, rate="")

    def advance(self, n, found=False):
        self.fresh += 0 if found else n
        rate = self.fresh / max(time.monotonic() - self.started, 1e-9)
        assert self.task is not None  # started
        told = self.pace_in(rate) if self.pace_in else f"{pace(rate)}/s"
        self.bar.update(self.task, advance=n, rate=told if self.fresh else "")

    def finish(self, ledger, seconds):
        self._end_task()
        self._print(f"{self.label}: {outcome(ledger)}, {duration(seconds)}")

    def round_done(self, position, of, kind, words, seconds):
        self._end_task()
        self._print(f"{label(position, of, kind)}: {words}, {duration(seconds)}")

    def skip(self, position, of, kind, ledger):
        self._print(f"{label(position, of, kind)}: {outcome(ledger)}, done before")

    def message(self, text):
        self._print(text)

    def compiling(self, done, of, left):
        if self.task is None:
            self.start(1, 1, COMPILING, of)
        assert self.task is not None  # started
        self.bar.update(self.task, completed=done, rate=f"~{duration(left)}")

    def compiled(self, of, seconds):
        self._end_task()
        self._print(f"{COMPILING}: {of} parts, {duration(seconds)}")

    def done_with(self, number, seconds):
        self._end_task()
        self._print(f"{self.label}: {number}, {duration(seconds)}")

    def warn(self, text):
        self.console.print(f"sampler: warning: {text}", markup=False, style="bold red")

    def close(self):
        self._end_task()

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False)

    def _end_task(self):
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.bar.stop()
            self.task = None


def label(position: int, of: int, kind: str) -> str:
    """``[2/6] relax``; where there is one thing to do, it has no number."""
    return f"[{position}/{of}] {kind}" if of > 1 else kind


def pace(rate: float) -> str:
    """Three digits, no power of ten: ``0.0123``, ``1.23``, ``1234``."""
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}" if rate >= 1e-4 else f"{rate:.6f}"


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def choose(quiet: bool, verbose: bool = False) -> Progress:
    """A bar on a terminal, lines elsewhere, silence if asked for."""
    if quiet:
        return Progress()
    chosen = BarProgress() if bars() else PlainProgress()
    chosen.verbose = verbose
    return chosen


def bars() -> bool:
    """Whether standard error is a terminal that can redraw a line, and its user wants that.

    A terminal called dumb cannot; NO_COLOR (https://no-color.org) and CI ask for plain text.
    """
    plain = any(os.environ.get(name) for name in ("NO_COLOR", "CI")) or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not plain
