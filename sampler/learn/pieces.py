"""Work in pieces, a file each, in a folder with a plan: a killed run goes on, and the number of workers does not matter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..clusters import Clusters
from ..errors import FileFormatError, RunError
from ..storage import write_text


def keep_plan(folder: Path, plan: dict[str, Any], other: str) -> None:
    """Write ``folder/plan.json``, or compare with the one that is there.

    Args:
        plan: all that the pieces depend on. other: what the folder holds if its plan is another one.

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
    if found != json.loads(json.dumps(plan)):
        raise RunError(f"{folder} holds {other} (see plan.json); remove the folder, or choose another --out")


def do_pieces(
    function: Callable[[Any], Clusters], pieces: Sequence[tuple[Path, Any]], workers: int = 1
) -> Iterator[tuple[int, int, bool]]:
    """Do what is left; yields (index, structures, whether an earlier run had done it) as the pieces are finished.

    Args:
        function: importable by name; makes the structures of a piece from what stands beside its file.
        pieces: (file, argument). A file that is damaged is made again.
        workers: processes; 1 works in this one.

    Raises:
        RunError: worker processes died; everything else is done by then.
    """
    from ..funnel.parallel import Died, unordered

    left = []
    for index, (file, _) in enumerate(pieces):
        try:
            count = len(Clusters.load(file)) if file.exists() else None
        except FileFormatError:
            count = None
        if count is None:
            left.append(index)
        else:
            yield index, count, True
    jobs = [(function, *pieces[index]) for index in left]
    if workers == 1:
        results = ((n, _do(job)) for n, job in enumerate(jobs))
    else:
        results = unordered(_do, jobs, workers)
    died = []
    for n, count in results:
        if isinstance(count, Died):
            died.append(pieces[left[n]][0])
        else:
            yield left[n], count, False
    if died:
        raise RunError(
            f"{len(died)} piece(s) of work killed their worker process, as a lack of memory does (first: {died[0]}); the rest is "
            "done, and the same command tries them again: with fewer --workers there is more memory for each"
        )


def _do(job: tuple[Callable[[Any], Clusters], Path, Any]) -> int:
    function, file, argument = job
    made = function(argument)
    made.save(file)
    return len(made)
