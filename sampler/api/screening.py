"""The main job for a grid of compositions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..composition import Composition
from ..errors import InputError
from ..monomers import MonomerLibrary
from .first_line import first_line
from .given import Monomers, library_of, words_of
from .run_plan import Settings, overrides_of
from .workplace import workplace

if TYPE_CHECKING:
    from ..screen.runner import Screen


@dataclass(frozen=True, eq=False, repr=False)
class ScreenResult:
    """A table of systems.

    >>> import sampler
    >>> made = sampler.screen(["1sa", "0-1am"], settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> made
    ScreenResult('screen': 2 finished)

    Attributes:
        rows: one dict a system, with the columns of ``screen.csv``; units are in the names. First those that were asked for,
            in the order in which they are run, then what earlier screens have left in the folder.
        screen: what was asked for.
        impossible: names that were left out, for a charge that they cannot have, and why.
    """

    rows: list[dict[str, Any]]
    screen: Screen
    impossible: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """The directory of all runs and of the table."""
        return self.screen.folder

    def report(self, path: Path | str | None = None) -> Path:
        """Write one page of the grid, which links to a page of each system; by default ``report.html`` in the folder."""
        from ..report import Asked, write

        return write(self.folder, Asked(self.screen.library), Path(path) if path else None).html

    def __repr__(self) -> str:
        states = [str(row["status"]) for row in self.rows]
        told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        return f"ScreenResult({str(self.folder)!r}: {told or 'no systems'})"

    def _repr_html_(self) -> str:
        from ..text.html import table

        keys = ["system", "binding_energy_kcalmol", "state", "minima", "level", "status", "error"]
        rows = [["–" if r[k] is None or r[k] != r[k] else r[k] for k in keys] for r in self.rows]
        return table(f"{len(rows)} systems ({self.folder})", keys, rows)


def screen(
    grid: str | Sequence[str] = (),
    protocol: str | Path = "quick",
    folder: str | Path = "screen",
    *,
    names: str | Path | None = None,
    large: str | Path | None = None,
    beyond: int = 16,
    level: str = "auto",
    model: str | Path | Sequence[str | Path] | None = None,
    charge: int | None = None,
    seed: int = 0,
    settings: Settings = None,
    priority: str | Sequence[str] = (),
    time_budget: str | float | None = None,
    growth: bool = True,
    monomers: Monomers = None,
    workers: int | str | None = None,
    slurm: str | Path | None = None,
    join: bool = False,
    replace: bool = False,
    quiet: bool = False,
    verbose: bool = False,
    confirm: Callable[[int], None] = lambda systems: None,
) -> ScreenResult:
    """Run a protocol for every composition of a grid, small clusters first: what the command ``sampler screen`` does.

    Each composition has a run directory of its own in ``folder``, beside the table ``screen.csv`` and a heat map. The same
    call goes on where it was stopped; a system that fails becomes a row with its error and does not stop the others.

    >>> import sampler
    >>> made = sampler.screen(["1sa", "0-1am"], settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> [(row["system"], row["status"]) for row in made.rows]
    [('1sa', 'finished'), ('1sa1am', 'finished')]

    Args:
        grid: one range a molecule, ``["1-4sa", "0-4am"]``, a band (``"am=sa±2"``), or whole compositions.
        protocol: as in :func:`sampler.run`; so are ``level``, ``model``, ``charge``, ``seed``, ``settings``, ``monomers``,
            ``workers``, ``slurm``, ``join``, ``replace``, ``quiet`` and ``verbose``.
        folder: of all runs and of the table.
        names: a text file with compositions, instead of or besides the grid.
        large: the protocol of systems with more than ``beyond`` molecules.
        priority: systems to run first, or the order: ``small`` or ``given``.
        time_budget: start no further system after this time, in seconds or e.g. ``"1h30m"``.
        growth: let larger systems grow from finished smaller ones.
        confirm: called with the number of systems before any is run; it may raise.

    Returns:
        The table; see :class:`sampler.api.screening.ScreenResult`.

    Raises:
        InputError: no grid, or a protocol, parameter or level that makes no sense. RunError: the folder holds other results.
        StorageError, NoWorkers: nothing can be written or computed.
    """
    from ..funnel.parents import takes_parents
    from ..funnel.protocols.protocol import load
    from ..screen import grid as grids
    from ..screen import runner
    from ..workers.progress import choose

    known = library_of(monomers)
    axes = [grids.axis_in_names(word, known) for word in words_of(grid)]
    words = [*grids.expand(axes), *(grids.read_list(Path(names)) if names else [])]
    if not words:
        raise InputError("what is to be screened? give a grid, for example: sampler screen 1-4sa 0-4am")
    seconds = runner.seconds_of(time_budget) if isinstance(time_budget, str) else time_budget
    overrides = overrides_of(settings)
    chosen = load(str(protocol), overrides)
    other = load(str(large), overrides) if large else None
    impossible: dict[str, str] = {}
    systems = grids.systems(words, known, charge, impossible)
    first, by = _priority(words_of(priority), known, charge)
    grows = takes_parents(chosen.stage) or (other is not None and takes_parents(other.stage))
    order = grids.order(systems, known, first, by=by, growth=growth and grows)
    folder = Path(folder)
    runner.check_folder(folder)
    confirm(len(systems))
    progress = choose(quiet, verbose)
    counted = "1 system" if len(systems) == 1 else f"{len(systems)} systems"
    progress.message(first_line(counted, protocol, seed, folder))
    if impossible:
        why = next(iter(impossible.values()))
        progress.warn(f"left out, for a charge that they cannot have: {', '.join(impossible)} ({why})")
    what = runner.Screen(
        systems, order, chosen, known, folder, seed, growth, other, beyond, level.lower(), tuple(words_of(model))
    )
    if not replace:
        runner.check_results(what)
    try:
        with workplace(workers, slurm, progress.message) as where:
            rows = runner.screen(what, workers=where, join=join, replace=replace, budget=seconds, progress=progress)
    finally:
        progress.close()
    _draw(what, rows)
    return ScreenResult(rows, what, impossible)


def _draw(what: Screen, rows: list[dict[str, Any]]) -> None:
    """One heat map a level, with what earlier screens have left in the folder."""
    from ..screen.grid import systems
    from ..screen.levels import apart
    from ..screen.table import draw

    everything = systems([row["system"] for row in rows], what.library, None)
    for end, of_level in apart(rows, what.grid).items():
        for kind in ("svg", "png") if of_level else ():
            draw(what.folder / f"screen{end}.{kind}", of_level, everything)


def _priority(given: list[str], known: MonomerLibrary, charge: int | None) -> tuple[list[str], str]:
    """Names to run first, in their canonical form, and the order of the rest."""
    from ..screen.grid import ORDERS

    words = [word.strip() for text in given for word in text.split(",") if word.strip()]
    by = [word for word in words if word in ORDERS]
    names = [Composition.parse(word, known, charge).name(known) for word in words if word not in ORDERS]
    return names, by[-1] if by else ORDERS[0]
