"""Stages that work in rounds: what a round does depends on what the rounds before it have found.

The tasks of one round are chunks like those of any other stage, computed in any number of workers. After each round the
main process takes the results into the population, and writes it with a ledger of the round to
``round-NNNN/`` in the stage's folder. An interrupted run goes on with the chunk that is missing. Into how many chunks a
round is cut may depend on the number of workers; what comes of it must not. With another number the round that
was interrupted is begun again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..clusters import Clusters
from ..columns import FATE, FATE_DETAIL
from ..fate import Fate
from ..rundir.directory import StageDirectory
from ..rundir.ledger import RoundLedger
from ..workers.progress import Progress
from .chunk_runner import run_chunks
from .stages.base import Stage
from .stages.context import Context

History = list[Mapping[str, Any]]
"""The ledgers of the rounds so far; number 0 is that of the structures that came in."""


class RoundStage(Stage):
    """A stage whose ``run`` treats the tasks of a round; all methods depend on nothing but their arguments."""

    per_chunk: ClassVar[bool] = True

    def entrance(self, incoming: Clusters, context: Context) -> Sequence[Any]:
        """Tasks of round 0: what is to be done with the incoming structures first."""
        return []

    def enter(self, incoming: Clusters, made: Clusters, context: Context) -> tuple[Clusters, dict[str, Any]]:
        """The population after round 0 (all of ``incoming``, with a ``fate``) and the round's ledger.

        Args:
            made: the results of the tasks of :meth:`entrance`.
        """
        raise NotImplementedError

    def next_tasks(self, population: Clusters, history: History, context: Context) -> Sequence[Any]:
        """Tasks of the round with the number ``len(history)``; none ends the stage."""
        raise NotImplementedError

    def absorb(
        self, population: Clusters, made: Clusters, history: History, context: Context
    ) -> tuple[Clusters, dict[str, Any]]:
        """The population after a round, what it dropped of the round's results with a ``fate``, and its ledger."""
        raise NotImplementedError

    def close(self, population: Clusters, history: History, context: Context) -> Clusters:
        """The population with the ``fate`` of each structure at the end."""
        return population.with_columns(fate=Fate.GOES_ON)

    def ledger_of_rounds(self, history: History, context: Context) -> dict[str, Any]:
        """Numbers for the ledger of the stage about its rounds."""
        return {"rounds": len(history) - 1}

    def said_of_round(self, record: Mapping[str, Any], context: Context, verbose: bool = False) -> str:
        """A line for the user about a round, from its ledger; ``verbose`` with its statistics."""
        return ""


def run_rounds(
    stage: RoundStage, position: int, of: int, here: StageDirectory, incoming: Clusters, context: Context,
    progress: Progress,
) -> tuple[Clusters, dict[str, Any]]:  # fmt: skip
    """All rounds of a stage. Returns everything, with fates, and lines for the stage's ledger."""
    tasks = list(stage.entrance(incoming, context))
    made = Clusters.empty()
    if tasks:
        progress.start(position, of, stage.kind, sum(stage.size_of(t) for t in tasks))
        made = run_chunks(stage, tasks, here.part(_name(0), len(tasks)), context, progress)
    everything, record = stage.enter(incoming, made, context)
    gone = everything.columns[FATE] != Fate.GOES_ON
    lost, population = everything[gone], _alive(everything)
    history: History = [{"round": 0, **record}]
    while True:
        tasks = list(stage.next_tasks(population, history, context)) if len(population) else []
        if not tasks:
            break
        number = len(history)
        there = here.part(_name(number), len(tasks))
        found, ledger, wrong = there.read_output()
        if wrong:
            progress.message(f"round {number} is taken in again: {wrong}")
        if found is None or ledger is None:
            progress.start(position, of, f"{stage.kind}, round {number}", sum(stage.size_of(t) for t in tasks))
            started = time.monotonic()
            made = run_chunks(stage, tasks, there, context, progress)
            everything, record = stage.absorb(population, made, history, context)
            found, ledger = there.finish(everything, RoundLedger(round=number, said=record))
            words = stage.said_of_round(ledger, context, progress.verbose)
            progress.round_done(position, of, stage.kind, words, time.monotonic() - started)
        population = found
        history.append(ledger)
    progress.start(position, of, stage.kind, 0)
    last = stage.close(population, history, context)
    if len(last):
        lost = lost.replace(columns={k: v for k, v in lost.columns.items() if k in last.columns or k == FATE_DETAIL})
    return Clusters.concatenate([last, lost]), stage.ledger_of_rounds(history, context)


def _name(number: int) -> str:
    return f"round-{number:04d}"


def _alive(everything: Clusters) -> Clusters:
    kept = everything[everything.columns[FATE] == Fate.GOES_ON]
    return kept.replace(columns={k: v for k, v in kept.columns.items() if k not in (FATE, FATE_DETAIL)})
