"""Grids of compositions: what a screen is about, and in which order its systems are run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path

from ..composition import Composition, in_names, read_name
from ..errors import CompositionError, InputError
from ..funnel.parents import is_part_of
from ..monomers import PROTON, MonomerLibrary
from ..text.files import no_pipe

_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?([a-zA-Z]+\d*)")
_BAND = re.compile(r"([a-zA-Z]+\d*)=(\d{0,3})([a-zA-Z]+\d*)(?:(±|\+-|\+/-|\+|-)(\d{1,4}))?")
_NAME = re.compile(r"(?:\d+[a-zA-Z]+){2,}\d*")
_RANGE_OF = re.compile(r"(\d{1,4}(?:-\d{1,4})?) ?(\D.*)")
_BAND_OF = re.compile(r"([^=]+)=(\d{0,3})(.+?)((?:(?:±|\+-|\+/-|\+|-)\d{1,4})?)")
"""With formulas and names in words."""
_MOST = 100_000
ORDERS = ("small", "given")


def expand(words: Sequence[str]) -> list[str]:
    """The names that a grid stands for, in the order of its axes; names that are written out come after it.

    An axis is ``1-4sa`` or ``2am`` (a range), or ``am=sa±2`` (a band: as many as of the other axis, and up to two more
    or fewer; ``am=2sa``, ``am=sa+1``, ``am=sa-1`` too; ``+-`` stands for ``±``). Numbers below zero are left out. A
    word with several molecules, ``4sa4am``, is one system.

    >>> expand(["1-2sa", "0-1am"])
    ['1sa0am', '1sa1am', '2sa0am', '2sa1am']
    >>> expand(["2-3sa", "am=sa±1"])
    ['2sa1am', '2sa2am', '2sa3am', '3sa2am', '3sa3am', '3sa4am']

    Raises:
        CompositionError: a word that is neither, a band without its axis, a grid of more than 100 000 systems.
    """
    ranges: dict[str, range] = {}
    bands: dict[str, re.Match] = {}
    names, size = [], 1
    for word in (w.strip() for w in words):
        if found := _RANGE.fullmatch(word):
            low, high, molecule = int(found[1]), int(found[2] or found[1]), found[3].lower()
            if low > high:
                raise CompositionError(f"the range in {word!r} runs backwards; write {high}-{low}{found[3]}")
            _once(molecule, ranges, bands)
            ranges[molecule] = range(low, high + 1)
            size *= len(ranges[molecule])
        elif found := _BAND.fullmatch(word):
            _once(found[1].lower(), ranges, bands)
            bands[found[1].lower()] = found
            size *= 2 * int(found[5] or 0) + 1
        elif _NAME.fullmatch(word):
            names.append(word)
        else:
            raise CompositionError(
                f"cannot read {word!r}: expected a range and a molecule, as in 1-4sa or 2am, a band, as in am=sa±2, "
                "or a composition, as in 4sa4am"
            )
        if size > _MOST:
            raise CompositionError(f"the grid {' '.join(words)} has more than {_MOST} systems; make it smaller")
    for band in bands.values():
        if band[3].lower() not in ranges:
            raise CompositionError(f"the band {band[0]!r} needs a range of {band[3]}, such as 1-4{band[3]}")
    if not ranges:
        return names
    grid = []
    for numbers in product(*ranges.values()):
        counts = dict(zip(ranges, numbers))
        for wide in product(*(_numbers(band, counts[band[3].lower()]) for band in bands.values())):
            grid.append("".join(f"{n}{m}" for m, n in [*counts.items(), *zip(bands, wide)]))
    return grid + names


def axis_in_names(word: str, library: MonomerLibrary) -> str:
    """A word of a grid with the names of molecules in place of formulas and names in words: ``1-4H2SO4`` is ``1-4sa``.

    What cannot be read stays as it is, for :func:`expand` to refuse.
    """
    word = word.strip()
    if (found := _RANGE_OF.fullmatch(word)) and (molecule := library.meant(found[2])):
        return word if found[2] in library else f"{found[1]}{molecule.name}"
    if (found := _BAND_OF.fullmatch(word)) and (left := library.meant(found[1])) and (right := library.meant(found[3])):
        as_is = found[1] in library and found[3] in library
        return word if as_is else f"{left.name}={found[2]}{right.name}{found[4]}"
    if _RANGE.fullmatch(word) or _BAND.fullmatch(word):
        return word
    try:
        return in_names(word, library)
    except CompositionError:
        return word


def _once(molecule: str, ranges: Mapping, bands: Mapping) -> None:
    if molecule in ranges or molecule in bands:
        raise CompositionError(f"there are two axes of {molecule}; give each molecule once")


def _numbers(band: re.Match, base: int) -> list[int]:
    middle, width = int(band[2] or 1) * base, int(band[5] or 0)
    if band[4] in ("+", "-"):
        wanted = [middle + (width if band[4] == "+" else -width)]
    else:
        wanted = list(range(middle - width, middle + width + 1))
    return [n for n in wanted if n >= 0]


def read_list(path: Path | str) -> list[str]:
    """Names from a text file: one or several a line, ``#`` starts a comment.

    Raises:
        InputError: it cannot be read, or holds no name.
    """
    try:
        lines = no_pipe(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    names = [name for line in lines for name in line.partition("#")[0].replace(",", " ").split()]
    if not names:
        raise InputError(f"{path} holds no system; write one a line, such as 4sa4am")
    return names


def systems(
    names: Iterable[str], library: MonomerLibrary, charge: int | None = 0, left_out: dict[str, str] | None = None
) -> dict[str, Composition]:
    """Canonical name -> composition, each once, in the given order; the empty corner of a grid is left out.

    Args:
        left_out: takes the names whose molecules cannot have the charge, and why; without it they are an error.

    Raises:
        CompositionError: a name that has no meaning, or nothing is left.
    """
    found: dict[str, Composition] = {}
    names, impossible = list(names), {} if left_out is None else left_out
    for text in names:
        if not any(n for n, molecule in read_name(text, library) if molecule != PROTON):
            continue
        try:
            wanted = Composition.parse(text, library, charge)
        except CompositionError as error:
            if left_out is None or not _charge_alone(text, library):
                raise
            impossible[text] = str(error)
            continue
        found[wanted.name(library)] = wanted
    if not found and impossible:
        first = next(iter(impossible.values()))
        raise CompositionError(f"no system of the grid can have the charge that is asked for: {first}")
    if not found:
        raise CompositionError(f"the grid {' '.join(names[:3])} holds no molecule")
    return found


def _charge_alone(name: str, library: MonomerLibrary) -> bool:
    """Whether a name that cannot be parsed has a meaning but for its charge."""
    try:
        parts = [f"{n}{molecule}" for n, molecule in read_name(name, library) if molecule != PROTON]
        Composition.parse("".join(parts), library)
    except CompositionError:
        return False
    return True


def order(
    grid: Mapping[str, Composition],
    library: MonomerLibrary,
    priority: Sequence[str] = (),
    *,
    by: str = "small",
    growth: bool = False,
) -> list[str]:
    """The names of ``grid`` in the order in which they are run.

    Args:
        priority: names that come first, in this order. by: the order of the rest, ``small`` (number of molecules,
            then balance of the kinds, then name) or ``given``.
        growth: every system comes after those that it grows from (:func:`sources`), also those of ``priority``.

    Raises:
        InputError: a name in ``priority`` is not in the grid, or ``by`` is unknown.
    """
    if by not in ORDERS:
        raise InputError(f"no order is called {by!r}; known: {', '.join(ORDERS)}, or names of systems")
    foreign = [name for name in priority if name not in grid]
    if foreign:
        raise InputError(f"{', '.join(foreign)} in --priority is not in the grid")

    def size(name: str) -> tuple:
        counts = [n for _, n in grid[name].counts]
        return grid[name].molecules(), max(counts) - min(counts) if len(counts) > 1 else max(counts), name

    rest = list(grid) if by == "given" else sorted(grid, key=size)
    done: dict[str, None] = {}
    index = index_of(grid)

    def add(name: str) -> None:
        if name in done:
            return
        for smaller in sorted(sources(name, grid, library, index), key=size) if growth else ():
            add(smaller)
        done[name] = None

    for name in [*priority, *rest]:
        add(name)
    return list(done)


def sources(
    name: str, grid: Mapping[str, Composition], library: MonomerLibrary, index: Mapping | None = None
) -> list[str]:
    """The systems of the grid from which ``name`` grows: one molecule smaller, or one of each of two kinds smaller.

    Args:
        index: of the grid, from :func:`index_of`; made anew if not given.
    """
    large = grid[name]
    index = index_of(grid) if index is None else index
    families = [family for family, _ in large.counts]
    found = []
    for less in [*combinations(families, 1), *combinations(families, 2)]:
        counts = tuple((family, n - (family in less)) for family, n in large.counts if n > (family in less))
        found += [other for other in index.get(counts, ()) if is_part_of(grid[other], large, library)]
    return sorted(found)


def index_of(grid: Mapping[str, Composition]) -> dict[tuple, list[str]]:
    """Counts -> names of the systems with them (they differ in charge)."""
    index: dict[tuple, list[str]] = {}
    for name, composition in grid.items():
        index.setdefault(composition.counts, []).append(name)
    return index
