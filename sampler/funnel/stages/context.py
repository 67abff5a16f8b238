"""What every stage of a run knows besides its own parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...composition import Composition
from ...monomers import MonomerLibrary

if TYPE_CHECKING:
    from ..parents import Parent

_COME_AND_GO = 16


@dataclass(frozen=True)
class Context:
    """Picklable; sent to every worker.

    Attributes:
        composition: of the clusters. library: the monomers. seed: of the whole run.
        folder: the run directory, for stages that exchange files with the user (ORCA jobs).
        workers: processes that a stage may use when it runs in the main process.
        parents: results of smaller systems; only where tasks are made, workers do not get them.
        scheduler: address of the dask scheduler that runs the chunks; '' for worker processes here.
        joined: whether other processes may work in the run directory, too.
    """

    composition: Composition
    library: MonomerLibrary
    seed: int
    folder: Path
    workers: int = 1
    parents: tuple[Parent, ...] = ()
    scheduler: str = ""
    joined: bool = False

    @property
    def name(self) -> str:
        return self.composition.name(self.library)

    @property
    def expected_processes(self) -> int:
        """For how many processes work should be cut; a guess where they may come and go."""
        return max(self.workers, _COME_AND_GO) if self.scheduler or self.joined else self.workers
