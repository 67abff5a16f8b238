"""A screen: one run directory a system below one folder, in an order that lets growth work, and one table of all.

Layout::

    SCREEN/
      4sa4am/            a run directory
      screen.csv         the table, up to date while the screen runs
      screen.svg, .png   the binding energy per molecule over the grid
      errors/4sa4am.txt  the traceback of a failure that was not foreseen
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..clusters import Clusters
from ..composition import Composition
from ..errors import InputError, RunBusy, RunError, SamplerError, StorageError, WaitingForJobs
from ..monomers import MonomerLibrary
from ..storage import write_text
from . import results
from .chunks import cpu_seconds
from .grid import index_of, sources
from .grow_stage import Grow
from .parents import Parent, read_parent, takes_parents
from .progress import Progress, duration
from .protocol import Protocol
from .rundir import read_ledgers, read_manifest, read_result
from .runner import library_digest, run
from .screen_table import to_csv

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")
OPEN = ("waiting", "running", "jobs elsewhere", "in use")
"""The states of a system that the same command may still change; the others are ``finished`` and ``failed``."""


@dataclass(frozen=True)
class Screen:
    """What is to be screened, and how.

    Attributes:
        grid: canonical name -> composition. order: the names in the order in which they are run.
        growth: give finished systems of the grid to larger ones as parents; of no effect with a protocol that has no
            stage ``grow``.
    """

    grid: Mapping[str, Composition]
    order: Sequence[str]
    protocol: Protocol
    library: MonomerLibrary
    folder: Path
    seed: int = 0
    growth: bool = True

    @property
    def grows(self) -> bool:
        return self.growth and takes_parents(self.protocol.stage)


def screen(
    what: Screen,
    *,
    workers: int | str = 1,
    join: bool = False,
    budget: float | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[dict[str, Any]]:
    """Run every system; systems that are finished already are not repeated. Returns the rows of the table, in order.

    A system that fails becomes a row with its error and does not stop the others. The table on disk is rewritten
    whenever a system changes its state.

    Args:
        workers, join: see :func:`sampler.funnel.runner.run`.
        budget: seconds after which no further system is started; the one that runs is finished.

    Raises:
        StorageError: the disk is full or cannot be written; it would stop the others too.
    """
    progress = progress or Progress()
    started = clock()
    rows = {name: blank(name, what.grid[name]) for name in what.order}
    index = index_of(what.grid)

    def keep(name: str, **values: Any) -> None:
        rows[name] |= values
        write_text(what.folder / "screen.csv", to_csv(list(rows.values())))

    for number, name in enumerate(what.order, start=1):
        if budget is not None and clock() - started >= budget:
            _take_up(what, rows, index)
            left = [n for n in what.order if rows[n]["status"] == "waiting"]
            if left:
                progress.message(
                    f"the time budget of {duration(budget)} is used up; {len(left)} of {len(rows)} systems are left "
                    f"({_some(left)}); the same command goes on with them"
                )
            break
        progress.message(f"--- {name} ({number} of {len(rows)})")
        keep(name, status="running")
        with _outcome(name, what.folder, keep, progress):
            parents = _parents(what, name, rows, index, progress.message)
            keep(name, parents=" ".join(p.name for p in parents))
            finished = run(
                what.grid[name], what.protocol, what.folder / name, library=what.library, seed=what.seed,
                workers=workers, progress=progress, parents=parents, join=join,
            )  # fmt: skip
            results.write(finished, what.protocol, what.library, what.grid[name])
            keep(name, **_summary(what, name, finished.clusters, finished.ledgers))
    write_text(what.folder / "screen.csv", to_csv(list(rows.values())))
    return list(rows.values())


def blank(name: str, composition: Composition) -> dict[str, Any]:
    """The row of a system that has not been started."""
    return {
        "system": name, "status": "waiting", "molecules": composition.molecules(), "binding_energy_kcalmol": None,
        "binding_energy_per_molecule_kcalmol": None, "state": "", "minima": None, "level": "", "id": "",
        "evaluations": None, "cpu_seconds": None, "parents": "", "error": "",
    }  # fmt: skip


def _summary(what: Screen, name: str, clusters: Clusters, ledgers: list[dict[str, Any]]) -> dict[str, Any]:
    """What the table says of a finished system. ``cpu_seconds`` are those of its chunks, each counted once."""
    ranked = results.ranking(clusters, what.grid[name], what.library)
    lowest, stages = ranked[0], what.folder / name / "stages"
    binding = lowest["binding_energy_kcalmol"]
    binding = None if binding != binding else binding + 0.0  # no minus zero
    return {
        "status": "finished",
        "binding_energy_kcalmol": binding,
        "binding_energy_per_molecule_kcalmol": (
            None if binding is None else round(binding / what.grid[name].molecules(), 4)
        ),
        "state": lowest["state"],
        "minima": len(ranked),
        "level": lowest["level"],
        "id": lowest["id"],
        "evaluations": sum(ledger.get("evaluations", 0) for ledger in ledgers),
        "cpu_seconds": round(sum(cpu_seconds(stages / ledger["folder"]) for ledger in ledgers), 1),
        "error": "",
    }


def _take_up(what: Screen, rows: dict[str, dict[str, Any]], index: Mapping) -> None:
    """Fill in systems that an earlier screen has finished with the same parameters, without running anything."""
    for name in what.order:
        folder = what.folder / name
        if rows[name]["status"] != "waiting" or not (folder / "ledger.json").exists():
            continue
        with contextlib.suppress(RunError):
            parents = _parents(what, name, rows, index)
            made = read_manifest(folder)
            same = made["protocol"] == json.loads(json.dumps(what.protocol.dump())) and made["seed"] == what.seed
            same &= made["sampler_version"] == __version__
            same &= made["monomers"] == library_digest(what.library, what.grid[name])
            same &= {p["sha256"] for p in made.get("parents", [])} == {p.sha256 for p in parents}
            # a run that was started later and did not end has a manifest younger than the ledger
            same &= (folder / "ledger.json").stat().st_mtime_ns >= (folder / "manifest.json").stat().st_mtime_ns
            if same:
                rows[name] |= _summary(what, name, read_result(folder), read_ledgers(folder))
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
    if not what.grows:
        return []
    smaller = sources(name, what.grid, what.library, index)
    found = [read_parent(what.folder / s, what.library) for s in smaller if rows[s]["status"] == "finished"]
    grow = [stage for stage in what.protocol.stage if isinstance(stage, Grow)]
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
    except StorageError:
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


def check_folder(folder: Path) -> None:
    """A run directory is not the folder of a screen.

    Raises:
        RunError: it is one.
    """
    if (folder / "manifest.json").exists():
        raise RunError(f"{folder} is a run directory; choose another --out for the screen")
