"""A stage whose work ORCA does: here, or on a machine where the user takes the inputs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from ...clusters import Clusters
from ...columns import FATE, IMAGINARY_MODES, ORCA_STATUS, RANK_BEFORE
from ...errors import InputError, PotentialError, WaitingForJobs
from ...fate import Fate
from ...similarity import rank_correlation as ranks
from .base import Stage
from .context import Context
from .parameter_types import PositiveInt
from .protonation import with_states


def known_preset(name: str) -> str:
    """The name as the presets have it; a ValueError, as pydantic wants it, if there is none."""
    from ...refine.orca.presets import preset

    try:
        return preset(name).name
    except InputError as error:
        raise ValueError(str(error)) from error


class Orca(Stage):
    """Energies (and geometries) from ORCA.

    The inputs go to ``RUN/orca-PRESET``. With ``where = "elsewhere"`` the run stops there until every job has left its
    output in that folder; the same command then goes on. With ``where = "here"`` the jobs run on this machine, as many at
    a time as fit into the workers of the run; finished ones are not repeated after an interruption.
    """

    kind: Literal["orca"]
    preset: str = "sp"
    """The kind of input; see ``sampler export orca --help``."""
    cores: PositiveInt = 8
    """Of a job."""
    memory_mb: PositiveInt = 2000
    """Per core."""
    where: Literal["elsewhere", "here"] = "elsewhere"
    """On another machine, where you take the inputs, or on this one."""
    count: PositiveInt | None = None
    """Only the lowest so many; the others leave."""

    @field_validator("preset")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_preset(name)

    def check(self, context: Context) -> None:
        if self.where == "here":
            from ...refine.orca.binary import find_orca

            find_orca()

    def run(self, task: Clusters, context: Context) -> Clusters:
        from ...refine.orca import read_folder, write_inputs

        ordered = ranks.remember(task.lowest_first())
        most = len(ordered) if self.count is None else self.count
        task, rest = ordered[:most], ordered[most:].without_energies().with_columns(fate=Fate.NOT_SELECTED)
        folder = context.folder / f"orca-{self.preset}"
        write_inputs(
            task.with_columns(rank=task.columns[RANK_BEFORE]), folder, self.preset, cores=self.cores, memory_mb=self.memory_mb,
            provenance={"run": context.folder.name, "composition": context.name},
        )  # fmt: skip
        if self.where == "here":
            self._run_here(folder, max(1, context.workers // self.cores))
        found = read_folder(folder)
        if self.where == "here" and not found.results:
            raise PotentialError(f"ORCA left no output in {folder}; bash run_all.sh there shows why")
        if self.where == "elsewhere" and found.missing:
            raise WaitingForJobs(
                f"{len(found.missing)} of {len(task)} ORCA outputs are not in {folder} yet (first: "
                f"{found.missing[0]}.out); run the jobs there (sbatch slurm_array.sh, or bash run_all.sh), then give "
                "the same sampler command again"
            )
        return Clusters.concatenate([self._merge(task, found, context), rest])

    def _run_here(self, folder: Path, at_a_time: int) -> None:
        from ...refine.orca.binary import find_orca

        environment = os.environ | {"ORCA": str(find_orca()), "JOBS": str(at_a_time)}
        # the jobs that failed are told by their outputs
        subprocess.run(
            ["bash", "run_all.sh"], cwd=folder, env=environment, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ledger_of_result(self, everything: Clusters) -> dict[str, Any]:
        refined = everything[everything.columns[FATE] == Fate.GOES_ON]
        return {"refined": len(refined), "ranking": ranks.change(refined)} if len(refined) else {"refined": 0}

    def _merge(self, task: Clusters, found, context: Context) -> Clusters:
        """``task`` with ORCA's geometries and energies; jobs that gave none are dropped with ORCA's reason."""
        place = {str(name): i for i, name in enumerate(found.clusters.ids)}
        has = np.array([str(name) in place for name in task.ids])
        reasons = {r.name: (r.status, r.message) for r in found.results}
        kept = task[has]
        results = found.clusters[np.array([place[str(name)] for name in kept.ids], dtype=int)]
        done = kept.replace(
            positions=results.positions, energy=results.energy, forces=results.forces, level=results.level
        ).with_columns(
            fate=Fate.GOES_ON,
            fate_detail="",
            converged=results.columns[ORCA_STATUS] == "finished",
            imaginary_modes=results.columns[IMAGINARY_MODES],
        )
        lost = task[~has]
        told = [reasons.get(str(name), (Fate.FAILED, "no usable result")) for name in lost.ids]
        lost = lost.without_energies().with_columns(
            fate=np.array([t[0] for t in told], dtype=np.str_),
            fate_detail=np.array([t[1] for t in told], dtype=np.str_),
        )
        return Clusters.concatenate([with_states(done, task, context), lost])
