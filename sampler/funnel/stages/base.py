"""What a stage is: validated parameters plus one verb."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from ...clusters import Clusters
from ...errors import RunError
from .context import Context
from .forecast import Forecast


class Stage(BaseModel):
    """One step of the funnel.

    ``run`` takes a population and gives one back, with a column ``fate``: '' for what goes on, else the reason why
    it does not (``fate_detail`` may say more). It must depend on nothing but its arguments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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

    def notes(self, context: Context) -> Sequence[str]:
        """What the user should know when this stage starts."""
        return ()

    def report(self, ledger: dict[str, Any]) -> Sequence[str]:
        """What the user should know when this stage has ended, before the next one starts."""
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
        return piece.without_energies().with_columns(fate="crashed", fate_detail=reason)

    def size_of(self, task: Any) -> int:
        """Structures in a task, for the progress bar."""
        return len(task)

    def identity(self, context: Context) -> dict[str, Any]:
        """What the output depends on besides the parameters and the input (a model's sha256, …)."""
        return {}

    def drawn_on(self, context: Context) -> dict[str, Any]:
        """Numbers for the ledger about what the stage makes use of besides the structures that come in."""
        return {}

    def summary(self, everything: Clusters) -> dict[str, Any]:
        """More numbers for the ledger."""
        return {}
