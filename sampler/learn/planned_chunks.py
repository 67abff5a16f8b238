"""Chunks of structures, a file each, in a folder with a plan: a killed run goes on with any number of workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, RunError
from ..storage import write_text


def keep_plan(folder: Path, plan: dict[str, Any], other: str) -> None:
    """Write ``folder/plan.json``, or compare with the one that is there.

    Args:
        plan: all that the chunks depend on. other: what the folder holds if its plan is another one.

    Raises:
        RunError: it is, or cannot be read.
    """
    file = folder / "plan.json"
    if not file.exists():
        write_text(file, json.dumps(plan, indent=1, sort_keys=True) + "\n")
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} cannot be read ({error}); remove the folder, or choose another --out") from error
    plan = json.loads(json.dumps(plan))
    if found == plan:
        return
    keys = sorted(plan.keys() | found.keys()) if isinstance(found, dict) else []
    different = [k for k in keys if k in found and k in plan and found[k] != plan[k]]
    different += [f"{k}, which its plan does not name" for k in keys if k not in found]
    raise RunError(
        f"{folder} holds {other} (see plan.json{': ' + ', '.join(different) if different else ''}); remove the folder, or "
        "choose another --out"
    )


def digest(clusters: Clusters) -> str:
    """sha256 of elements, charges and positions, in this order of structures."""
    h = hashlib.sha256()
    for array in (clusters.ptr, clusters.numbers, clusters.charge, clusters.positions):
        h.update(np.ascontiguousarray(array).tobytes())
    return h.hexdigest()


def do_chunks(
    function: Callable[[Any], Clusters], chunks: Sequence[tuple[Path, Any]], workers: int = 1
) -> Iterator[tuple[int, int, bool]]:
    """Do what is left; yields (index, structures, whether an earlier run had done it) as the chunks are finished.

    Args:
        function: importable by name; makes the structures of a chunk from what stands beside its file.
        chunks: (file, argument). A file that is damaged is made again.
        workers: processes; 1 works in this one.

    Raises:
        RunError: worker processes died; everything else is done by then.
    """
    from ..workers.resumable import Work, finish
    from ..workers.worker import Died

    left = []
    for index, (file, _) in enumerate(chunks):
        count = _structures_in(file)
        if count is None:
            left.append(index)
        else:
            yield index, count, True
    work = Work(_counted, lambda index: (function, chunks[index][1]), lambda index: chunks[index][0])
    died = []
    for index, count in finish(work, left, workers, in_this_process=True):
        if isinstance(count, Died):
            died.append(chunks[index][0])
        else:
            yield index, count, False
    if died:
        raise RunError(
            f"{len(died)} piece(s) of work killed their worker process, as a lack of memory does (first: {died[0]}); the rest is "
            "done, and the same command tries them again: with fewer --workers there is more memory for each"
        )


def _structures_in(file: Path) -> int | None:
    """How many there are; None where there is no file, or a damaged one."""
    try:
        return len(Clusters.load(file)) if file.exists() else None
    except FileFormatError:
        return None


def _counted(task: tuple[Callable[[Any], Clusters], Any]) -> tuple[Clusters, int]:
    function, argument = task
    made = function(argument)
    return made, len(made)
