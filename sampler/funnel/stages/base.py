"""What a stage is: validated parameters plus one verb, ``run``.

Around it the funnel calls what a stage overrides where it has something to tell. What is said goes to the user, line by
line; what a ledger gets are numbers under names, merged into the ``ledger.json`` of the stage:

====================================  ==================================================  =====================
method                                when                                                goes to
====================================  ==================================================  =====================
``check(context)``                    before the first stage of the run                   an error, if need be
``forecast(structures, context)``     before the run, and when the stage starts           the user
``said_at_start(context)``            when the stage starts                               the user
``said_of_round(record, context)``    after each round (:class:`..rounds.RoundStage`)     the user
``ledger_of_result(everything)``      at the end, of the structures that it leaves        the ledger
``ledger_of_sources(context)``        at the end, of what else it has made use of         the ledger
``ledger_of_rounds(history, …)``      at the end, of the rounds (``RoundStage``)          the ledger
``said_at_end(ledger)``               when the ledger is written                          the user
====================================  ==================================================  =====================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from ...clusters import Clusters
from ...errors import RunError
from ...fate import Fate
from .context import Context
from .forecast import Forecast


class Stage(BaseModel):
    """One step of the funnel.

    ``run`` takes a population and gives one back, with a column ``fate``: '' for what goes on, else the reason why
    it does not (``fate_detail`` may say more). It must depend on nothing but its arguments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    if TYPE_CHECKING:  # a subclass has a field, whose only value is its name in a protocol

        @property
        def kind(self) -> str: ...

    per_chunk: ClassVar[bool] = False
    """True: the stage treats structures one by one, so that chunks can run in worker processes."""
    limits: ClassVar[tuple[str, ...]] = ()
    """Parameters that say no more than when the stage ends: with others it goes on from the rounds that are there."""

    def check(self, context: Context) -> None:
        """Raise a SamplerError for what would stop this stage (a program that is not there, …).

        Called for all stages before the first one starts.
        """

    def forecast(self, structures: int, context: Context) -> Forecast | None:
        """The cost with so many structures coming in, where it is worth telling beforehand."""
        return None

    def said_at_start(self, context: Context) -> Sequence[str]:
        """Lines for the user when this stage starts."""
        return ()

    def said_at_end(self, ledger: Mapping[str, Any]) -> Sequence[str]:
        """Lines for the user when this stage has ended, before the next one starts."""
        return ()

    def tasks(self, incoming: Clusters, context: Context) -> Sequence[Any]:
        """What ``run`` is called with, one entry a chunk; must not depend on the number of workers."""
        return [incoming]

    def run(self, task: Any, context: Context) -> Clusters:
        raise NotImplementedError

    def gather(self, incoming: Clusters, made: Clusters) -> Clusters:
        """Everything that the stage leaves, with fates, from what came in and the results of its tasks."""
        return made

    def split(self, task: Any) -> Sequence[Any]:
        """A task that has killed its worker, in pieces of one structure, which are tried one by one.

        Raises:
            RunError: the stage's tasks have no such pieces.
        """
        if not isinstance(task, Clusters):
            raise RunError(f"the worker process dies on every attempt at stage {self.kind}; see the messages above")
        return list(task)

    def crashed(self, piece: Any, reason: str, context: Context) -> Clusters:
        """What is recorded of a piece that kills its worker even alone."""
        return piece.without_energies().with_columns(fate=Fate.CRASHED, fate_detail=reason)

    def size_of(self, task: Any) -> int:
        """Structures in a task, for the progress bar."""
        return len(task)

    def identity(self, context: Context) -> dict[str, Any]:
        """What the output depends on besides the parameters and the input (a model's sha256, …)."""
        return {}

    def ledger_of_sources(self, context: Context) -> dict[str, Any]:
        """Numbers for the ledger about what the stage makes use of besides the structures that come in."""
        return {}

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        """Numbers for the ledger about the structures that the stage leaves, with fates; not called where there are none."""
        return {}
