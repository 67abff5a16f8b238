"""The SLURM jobs of one command: submitted, watched, submitted again when they have ended, and cancelled at the end.

dask-jobqueue writes the job script but does not keep the jobs: its adaptive cluster does not miss a job of several
workers that has ended, nor one that ended before its worker came, and waits for ever where sbatch refuses.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from ..errors import NoWorkers, RunError

COMMANDS = ("sbatch", "squeue", "scancel")
POLL_SECONDS = 30.0
_IN_VAIN = 3
_ANSWER_SECONDS = 300.0
_NAMED = 3


class Jobs:
    """A context manager: the jobs are in the queue or running as long as it lasts.

    Args:
        script: what sbatch is given. number: of jobs to keep.
        say: called with what the user should know, from a thread. arrived: how many workers are there now.
        give_up: called when jobs end one after the other and no worker comes; ``failure`` then says why.
        output: where a job writes, ``{}`` for its number.
    """

    def __init__(
        self,
        script: str,
        number: int,
        *,
        say: Callable[[str], None],
        arrived: Callable[[], int],
        give_up: Callable[[], None],
        output: str = "slurm-{}.out",
        poll: float | None = None,
    ):
        self.script, self.number, self.output = script, number, output
        self.say, self.arrived, self.give_up = say, arrived, give_up
        self.failure: RunError | None = None
        self._poll = POLL_SECONDS if poll is None else poll
        self._ids: list[str] = []
        self._useful: set[str] = set()
        self._in_vain = 0
        self._said = ""
        self._begun, self._end = threading.Event(), threading.Event()
        # all calls are made in a thread: an interrupt of the main one cannot lose the number of a job
        self._thread = threading.Thread(target=self._keep, name="SLURM jobs")

    def __enter__(self) -> Jobs:
        """Submit the jobs.

        Raises:
            RunError: sbatch refuses the first; its words.
        """
        self._thread.start()
        try:
            self._begun.wait()
        finally:
            if self.failure or not self._begun.is_set():
                self.__exit__()
        if self.failure:
            raise self.failure
        return self

    def __exit__(self, *exc: Any) -> None:
        self._end.set()
        self._thread.join()

    def _keep(self) -> None:
        try:
            self._fill()
            self._begun.set()
            while not self.failure and not self._end.wait(self._poll):
                self._look()
        except Exception as error:  # the command must not wait for ever for a thread that is gone
            self.failure = NoWorkers(f"the SLURM jobs are not watched any more: {type(error).__name__}: {error}")
            self.failure.__cause__ = error
        finally:
            self._begun.set()
            if self._ids:
                self._cancel()
        if self.failure:
            self.give_up()

    def _fill(self) -> None:
        """Submit until there are as many as wanted. A refusal ends the command only when no job was ever accepted."""
        while len(self._ids) < self.number and not self._end.is_set():
            try:
                self._ids.append(_submit(self.script))
            except RunError as error:
                if self._begun.is_set() or self._ids:
                    self._tell(f"{error}; it is tried again as long as this command runs")
                else:
                    self.failure = error
                return

    def _look(self) -> None:
        try:
            queue = _queue()
        except RunError as error:  # a busy controller: nothing is known now
            self._tell(str(error))
            return
        here = self.arrived()
        if here:
            self._in_vain = 0
            self._useful.update(i for i in self._ids if queue.get(i, ("",))[0] == "RUNNING")
        ended = [i for i in self._ids if i not in queue]
        self._ids = [i for i in self._ids if i in queue]
        lost = [i for i in ended if i not in self._useful]
        self._in_vain += len(lost)
        if lost and self._in_vain >= _IN_VAIN and not here:
            self.failure = NoWorkers(
                f"{self._in_vain} SLURM jobs in a row have ended and none of their workers has come; what the last one "
                f"wrote: {self.output.format(lost[-1])}"
            )
            return
        for i in lost:
            self.say(f"SLURM job {i} has ended before its workers came; what it wrote: {self.output.format(i)}")
        if not here and self._ids:
            self._tell("no worker is here yet: " + _states({i: queue[i] for i in self._ids}))
        self._fill()

    def _tell(self, text: str) -> None:
        """Say it, unless it was the last thing said."""
        if text != self._said:
            self.say(text)
            self._said = text

    def _cancel(self) -> None:
        try:
            _call("scancel", *self._ids)
        except RunError as error:
            self.say(f"{error}; cancel what is left: scancel {' '.join(self._ids)}")


def _submit(script: str) -> str:
    """Number of the job.

    Raises:
        RunError: sbatch refuses, or says no number.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as handle:
        handle.write(script)
        handle.flush()
        said = _call("sbatch", "--parsable", handle.name)
    number = re.search(r"^(\d+)(;.*)?$", said.strip(), re.MULTILINE)
    if not number:
        raise RunError(f"sbatch did not tell the number of a job, but: {said.strip()!r}")
    return number[1]


def _queue() -> dict[str, tuple[str, str]]:
    """Number -> state and reason of every job of this user that has not ended."""
    lines = _call("squeue", "--noheader", f"--user={os.getuid()}", "--format=%i|%T|%r").splitlines()
    return {i: (state, reason) for i, state, reason in (line.split("|", 2) for line in lines if line.count("|") > 1)}


def _states(queue: dict[str, tuple[str, str]]) -> str:
    """``job 12 is pending (Resources); jobs 13, 14 are running``."""
    alike: dict[tuple[str, str], list[str]] = {}
    for number, told in queue.items():
        alike.setdefault(told, []).append(number)
    return "; ".join(
        f"{'jobs' if len(ids) > 1 else 'job'} {', '.join(ids[:_NAMED])}"
        + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
        + f" {'are' if len(ids) > 1 else 'is'} {state.lower()}"
        + (f" ({reason})" if reason not in ("", "None") else "")
        for (state, reason), ids in alike.items()
    )


def _call(program: str, *words: str) -> str:
    """What it prints.

    Raises:
        RunError: it fails or does not answer; its own words.
    """
    try:  # in a session of its own: Ctrl-C is for this process, which then cancels what it knows
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, errors="replace", timeout=_ANSWER_SECONDS,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"{program} does not answer: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).splitlines()
        said = "; ".join(line.removeprefix(f"{program}: error: ").strip() for line in lines if line.strip())
        raise RunError(f"{program} fails (exit status {done.returncode}): {said}")
    return done.stdout
