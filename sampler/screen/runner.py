"""A screen: one run directory a system below one folder, in an order that lets growth work, and one table of all.

Layout::

    SCREEN/
      4sa4am/            a run directory
      screen.csv         the table, up to date while the screen runs
      screen.svg, .png   the binding energy per molecule over the grid
      screen-LEVEL.csv … the same for what is of another level, where there is something
      errors/4sa4am.txt  the traceback of a failure that was not foreseen
"""

from __future__ import annotations

import contextlib
import re
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..composition import Composition
from ..errors import (
    InputError,
    LevelError,
    ModelError,
    NoWorkers,
    RunBusy,
    RunError,
    SamplerError,
    StorageError,
    WaitingForJobs,
)
from ..funnel import results
from ..funnel.parents import Parent, read_parent, takes_parents
from ..funnel.protocols.automatic import AUTO, resolve
from ..funnel.protocols.ending import Ending
from ..funnel.protocols.own_model import judge, with_models
from ..funnel.protocols.protocol import Protocol
from ..funnel.runner import Run, run
from ..funnel.stages.grow import Grow
from ..levels import levels
from ..monomers import MonomerLibrary
from ..rundir.directory import is_run, not_overwritten, read_ledgers, read_manifest, read_result
from ..rundir.ledger import NAME as LEDGER
from ..rundir.owner import differences, has_results
from ..storage import write_text
from ..workers.claims import Claims, Others, sweep, tidy
from ..workers.progress import Progress, duration
from .grid import index_of, sources
from .levels import apart, common, final, of_single, told, warning
from .rows import Row, blank, earlier, of_run, same
from .table import to_csv

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")
OPEN = ("waiting", "running", "jobs elsewhere", "in use")
"""The states of a system that the same command may still change; the others are ``finished`` and ``failed``."""
_CLAIMS = "systems"


@dataclass(frozen=True)
class Screen:
    """What is to be screened, and how.

    Attributes:
        grid: canonical name -> composition. order: the names in the order in which they are run.
        growth: give finished systems of the grid to larger ones as parents; of no effect with a protocol that has no
            stage ``grow``.
        large: the protocol of systems with more than ``beyond`` molecules, if it is another.
        level: that all end at; ``auto`` for the best one that all have. models: to end with, in place of the recommended.
    """

    grid: Mapping[str, Composition]
    order: Sequence[str]
    protocol: Protocol
    library: MonomerLibrary
    folder: Path
    seed: int = 0
    growth: bool = True
    large: Protocol | None = None
    beyond: int = 16
    level: str = AUTO
    models: tuple[str, ...] = ()

    def protocol_of(self, name: str) -> Protocol:
        """The protocol of one system, as it was given."""
        if self.large is not None and self.grid[name].molecules() > self.beyond:
            return self.large
        return self.protocol

    def made_for(self, name: str) -> Protocol:
        """The protocol of one system, with the models that were named.

        Raises:
            ModelError, LevelError, ProtocolError: see :func:`sampler.funnel.protocols.own_model.with_models`.
        """
        if not self.models:
            return self.protocol_of(name)
        return with_models(self.protocol_of(name), self.models, self.grid[name], self.library, self.level)

    @cached_property
    def common_level(self) -> str:
        """See :func:`.levels.common`."""
        if self.models:
            return self.level
        return common(self.level, {n: (self.protocol_of(n), c) for n, c in self.grid.items()}, self.library)

    def level_of(self, name: str) -> str:
        """The level that one system is to end at, as :func:`sampler.funnel.runner.run` takes it."""
        return of_single(self.common_level, self.grid[name])

    def ending_of(self, name: str) -> Ending:
        """What a system is going to end with."""
        try:
            return final(self.made_for(name), self.grid[name], self.library, self.level_of(name))
        except (ModelError, LevelError) as error:  # the run will say so, too
            return Ending("", "", str(error))

    def grows(self, name: str) -> bool:
        """Whether this system grows from smaller ones."""
        return self.growth and takes_parents(self.protocol_of(name).stage)


def screen(
    what: Screen,
    *,
    workers: int | str = 1,
    join: bool = False,
    replace: bool = False,
    budget: float | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Row]:
    """Run every system; systems that are finished already are not repeated.

    A system that fails becomes a row with its error and does not stop the others. The table on disk is rewritten
    whenever a system changes its state. With ``join`` a system that no other process is at comes first; which, has no
    influence on the results.

    Args:
        workers, join, replace: see :func:`sampler.funnel.runner.run`.
        budget: seconds after which no further system is started; the one that runs is finished.

    Returns:
        The rows of the table: the systems in their order, then what earlier screens have finished in the folder.

    Raises:
        StorageError: the disk is full or cannot be written. NoWorkers: nothing can compute. Either would stop
            the others, too.
    """
    progress = progress or Progress()
    started = clock()
    rows = {}
    for name in what.order:
        protocol = what.protocol_of(name)
        rows[name] = blank(name, what.grid[name], what.ending_of(name), protocol.name, what.seed)
    if words := told(what.level, what.common_level, list(rows.values()), what.grid):
        progress.message(words)
    if words := warning(list(rows.values())):
        progress.warn(words)
    index = index_of(what.grid)
    sweep(what.folder.glob(".*.part"))
    others = earlier(what.folder, what.library, rows)
    with _shared(what.folder) if join else contextlib.nullcontext() as claims:

        def keep(name: str, **values: Any) -> None:
            rows[name] |= values
            shown = rows.values() if claims is None else _seen_by_all(rows, claims)
            write_tables(what.folder, [*shown, *others], what.grid)

        while waiting := [name for name in what.order if rows[name]["status"] == "waiting"]:
            if budget is not None and clock() - started >= budget:
                _take_up(what, rows, index)
                left = [n for n in what.order if rows[n]["status"] == "waiting"]
                if left:
                    progress.message(
                        f"the time budget of {duration(budget)} is used up; {len(left)} of {len(rows)} systems are left "
                        f"({_some(left)}); the same command goes on with them"
                    )
                break
            name = waiting[0] if claims is None else _next(what, waiting, index, claims)
            progress.message(f"--- {name} ({len(rows) - len(waiting) + 1} of {len(rows)})")
            keep(name, status="running")
            with _outcome(name, what.folder, keep, progress):
                options = {"workers": workers, "join": join, "replace": replace, "progress": progress}
                _run(what, name, rows, index, keep, **options)
            if claims is not None:
                claims.drop(_CLAIMS, name)
    table = [*rows.values(), *earlier(what.folder, what.library, rows)]  # another screen may have ended meanwhile
    write_tables(what.folder, table, what.grid)
    return table


def write_tables(folder: Path, rows: Sequence[Row], asked: Collection[str]) -> None:
    """``screen.csv``, and a table of its own for each further level."""
    tables = apart(rows, asked)
    for end, of_level in tables.items():
        if of_level:
            write_text(folder / f"screen{end}.csv", to_csv(of_level))
    for end in {f"-{level}" for level in levels()} - set(tables):  # of runs that are gone, or are of this level now
        for kind in ("csv", "svg", "png"):
            (folder / f"screen{end}.{kind}").unlink(missing_ok=True)


def _run(what: Screen, name: str, rows: Mapping[str, Row], index: Mapping, keep: Callable, **options: Any) -> None:
    parents = _parents(what, name, rows, index, options["progress"].message)
    keep(name, parents=" ".join(p.name for p in parents))
    protocol, composition = what.made_for(name), what.grid[name]

    def leave(done: Run) -> None:
        results.write(done, protocol, what.library, composition)
        for remark in judge(done, composition, what.library):
            options["progress"].message(f"remark: {remark}")

    finished = run(
        composition, protocol, what.folder / name, library=what.library, seed=what.seed, parents=parents,
        leave=leave, level=what.level_of(name), **options,
    )  # fmt: skip
    keep(name, **of_run(finished.folder, what.grid[name], what.library, finished.clusters, finished.ledgers))


@contextlib.contextmanager
def _shared(folder: Path) -> Iterator[Claims]:
    """Claims of whole systems. They keep processes apart, and no more: to work in one run directory is allowed."""
    try:
        with Claims(folder) as claims:
            yield claims
    finally:
        tidy(folder, files=False)


def _next(what: Screen, waiting: Sequence[str], index: Mapping, claims: Claims) -> str:
    """The first system that is ready and that no other process is at; else the ready one with the fewest processes.

    Ready is what this process has seen all the parents of, finished or failed: a system has the same parents in
    whatever order, and for every process.
    """
    left = set(waiting)
    ready = [n for n in waiting if not what.grows(n) or left.isdisjoint(sources(n, what.grid, what.library, index))]
    taken = claims.numbers(_CLAIMS)
    for name in ready:
        if claims.take(_CLAIMS, name, taken.get(name, -1)):
            return name
    return min(ready, key=lambda n: len(Others(what.folder / n / ".claims" / "processes").alive()))


def _seen_by_all(rows: Mapping[str, Row], claims: Claims) -> list[Row]:
    """The rows, in which what another process is at is not waiting."""
    taken = claims.numbers(_CLAIMS)

    def busy(name: str) -> bool:
        return name in taken and bool(claims.owner(_CLAIMS, name, taken[name]))

    return [r | {"status": "running"} if r["status"] == "waiting" and busy(n) else r for n, r in rows.items()]


def _take_up(what: Screen, rows: dict[str, Row], index: Mapping) -> None:
    """Fill in systems that an earlier screen has finished with the same parameters, without running anything."""
    for name in what.order:
        folder, composition = what.folder / name, what.grid[name]
        if rows[name]["status"] != "waiting" or not (folder / LEDGER).exists():
            continue
        with contextlib.suppress(RunError, ModelError, LevelError):
            parents = _parents(what, name, rows, index)
            made = what.made_for(name)
            if same(folder, composition, made, what.library, what.seed, parents, what.level_of(name)):
                rows[name] |= of_run(folder, composition, what.library, read_result(folder), read_ledgers(folder))
                rows[name]["parents"] = " ".join(p.name for p in parents)


def seconds_of(text: str) -> float:
    """``2h``, ``1h30m``, ``45min``, ``90s``, ``1.5h``, ``1d`` -> seconds.

    Raises:
        InputError: not a time.
    """
    found = _TIME.fullmatch(text.replace(" ", "").lower())
    if not found or not any(found.groups()):
        raise InputError(f"{text!r} is not a time; write for example 2h, 1h30m, 45m or 90s")
    return sum(float(part or 0) * unit for part, unit in zip(found.groups(), (86400, 3600, 60, 1)))


def _parents(
    what: Screen,
    name: str,
    rows: Mapping[str, dict[str, Any]],
    index: Mapping,
    say: Callable[[str], None] = lambda text: None,
) -> list[Parent]:
    """The finished systems of the grid that ``name`` grows from, whatever order or interruption made them.

    Those from which nothing can be grown are left out, which ``say`` is told.
    """
    if not what.grows(name):
        return []
    smaller = sources(name, what.grid, what.library, index)
    found = [read_parent(what.folder / s, what.library) for s in smaller if rows[s]["status"] == "finished"]
    grow = [stage for stage in what.protocol_of(name).stage if isinstance(stage, Grow)]
    useful = []
    for parent in found:
        why = next(filter(None, (stage.useless(parent, what.library) for stage in grow)), "")
        if why:
            say(f"{parent.name} is no parent of {name}: {why}")
        else:
            useful.append(parent)
    return useful


@contextlib.contextmanager
def _outcome(name: str, folder: Path, keep: Callable, progress: Progress) -> Iterator[None]:
    """Turn what stops a system into its row."""
    try:
        yield
    except (StorageError, NoWorkers):  # would stop the others, too
        keep(name, status="waiting")
        raise
    except WaitingForJobs as error:
        progress.message(f"{name} waits: {error}")
        keep(name, status="jobs elsewhere", error=str(error))
    except RunBusy as error:
        progress.message(f"{name} is left out: {error}")
        keep(name, status="in use", error=str(error))
    except SamplerError as error:
        progress.message(f"{name} failed: {error}")
        keep(name, status="failed", error=str(error))
    except Exception as error:  # a mistake of ours in one system is not to cost the others
        where = folder / "errors" / f"{name}.txt"
        write_text(where, traceback.format_exc())
        progress.message(f"{name} failed unexpectedly: {type(error).__name__}: {error}; see {where}")
        keep(name, status="failed", error=f"{type(error).__name__}: {error} (see {where})")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def check_results(what: Screen) -> None:
    """Results of another protocol or seed are not overwritten.

    Raises:
        RunError: runs of the grid hold such; names the first.
    """
    for name in what.order:
        folder = what.folder / name
        if not (is_run(folder) and has_results(folder)):
            continue
        try:
            protocol = resolve(what.made_for(name), what.grid[name], what.library, what.level_of(name))
        except SamplerError:  # the run itself will say what is wrong
            continue
        not_overwritten(folder, differences(read_manifest(folder), {"protocol": protocol.dump(), "seed": what.seed}))


def check_folder(folder: Path) -> None:
    """A run directory is not the folder of a screen.

    Raises:
        RunError: it is one.
    """
    if (folder / "manifest.json").exists():
        raise RunError(f"{folder} is a run directory; choose another --out for the screen")
