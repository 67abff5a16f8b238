"""Frames of XYZ text: plain, extended, and with what other programs put around the atoms.

Own code, because ASE writes eight decimals, turns an id such as 0007_0123 into the number 70123, and reads on at the
wrong line where force-field lines follow the atoms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError
from ..units import BOHR
from .xyz_comment import number, pairs

MOST_ATOMS = 5000
"""Of one structure; a cluster of molecules is far smaller, and finding its molecules takes quadratic time."""

_LABEL = re.compile(r"([A-Za-z]{1,2})(?:[_-]?\d+[A-Za-z']?|_[A-Za-z]+)")
_HEAVY_HYDROGEN = {"D": "deuterium", "T": "tritium"}
_LENGTHS = {"bohr": BOHR, "au": BOHR, "a.u.": BOHR, "nm": 10.0, "pm": 0.01}
_DUMMIES = ("X", "XX", "DU", "Q", "LP", "QLP", "BQ", "GH")


@dataclass
class Frame:
    """One frame of n atoms.

    Attributes:
        line: of its head, from 1. numbers: (n,) atomic numbers. positions: (n, 3) Å.
        arrays: further columns of extended XYZ, (n, width) each. info: keys of the comment line. comment: all of it.
        extended: the comment describes columns. field_charges: (n,) e, of force-field lines behind the atoms, or None.
        notes: what was done or left aside.
    """

    line: int
    numbers: np.ndarray
    positions: np.ndarray
    comment: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    extended: bool = False
    field_charges: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


def frames(path: Path | str, text: str) -> Iterator[Frame]:
    """The frames of a text.

    Raises:
        FileFormatError: truncated, or a line that cannot be read, said with its number; isotopes; more atoms than
            ``MOST_ATOMS``.
    """
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        # ORCA (.allxyz) sets a line of > between frames
        if not lines[at].strip() or (at and lines[at].strip() == ">"):
            at += 1
            continue
        frame, at = _frame(path, lines, at)
        yield frame


def is_head(line: str) -> bool:
    """Whether a line begins with a number of atoms, as the first one of an XYZ frame; a word may follow."""
    return bool(re.match(r"\s*\d+(\s|$)", line))


def too_large(path: Path | str, where: str, n: int) -> FileFormatError:
    """What is said of a structure with more than ``MOST_ATOMS`` atoms."""
    return FileFormatError(
        f"{path}, {where}: {n} atoms, more than the {MOST_ATOMS} that a cluster of molecules can have here; cut the "
        "cluster out first"
    )


def _frame(path: Path | str, lines: list[str], at: int) -> tuple[Frame, int]:
    head = lines[at].split()
    if not head[0].isdigit() or not head[0].isascii():
        raise FileFormatError(f"{path}, line {at + 1}: expected a number of atoms, found {lines[at].strip()[:60]!r}")
    n = int(head[0]) if len(head[0]) < 10 else 10**9
    if n > MOST_ATOMS:
        raise too_large(path, f"line {at + 1}", n)
    if n and len(head) > 1 and at + 1 < len(lines) and _of_tinker(lines[at + 1]):
        raise FileFormatError(
            f"{path} is an XYZ file of Tinker (numbered atoms, no comment line); convert it to plain XYZ, for example "
            "with: obabel -itxyz"
        )
    body = lines[at + 2 : at + 2 + n]
    if len(body) < n or at + 1 >= len(lines) or (n and not body[-1].strip()):
        got = sum(bool(line.strip()) for line in body)
        raise FileFormatError(
            f"{path}, line {at + 1}: the frame ends after {got} of {n} atoms; the file is truncated, copy it again"
        )
    comment = lines[at + 1]
    if comment.startswith("Atoms. Timestep:") and body and body[0].split()[0].isdigit():
        raise FileFormatError(
            f"{path}, line {at + 3}: LAMMPS wrote the types of its atoms, {body[0].split()[0]!r}, where elements should "
            "stand; name them there with: dump_modify ID element O H"
        )
    info, long = pairs(comment)
    layout = [("species", 1), ("pos", 3)]
    if "Properties" in info:
        layout = _layout(path, at + 2, str(info["Properties"]))
    table = _table(path, at + 3, body, layout)
    numbers, real, notes = _elements(path, at + 3, table["species"])
    frame = Frame(at + 1, numbers[real], table["pos"].reshape(n, 3)[real], comment, info=info, notes=notes)
    frame.extended = "Properties" in info
    frame.arrays = {k: v[real] for k, v in table.items() if k not in ("species", "pos")}
    unit = head[1].strip("()[]") if len(head) > 1 else ""
    if (scale := _LENGTHS.get(unit.lower())) is not None:
        frame.positions = frame.positions * scale
        notes.append(f"coordinates in {unit}, as the first line says, are converted to Å")
    if long:
        notes.append(f"values of more than 10,000 characters are not kept: {', '.join(long)}")
    charges, after = _force_field(lines, at + 2 + n, n)
    if charges is not None:
        frame.field_charges = charges[real]
        notes.append(f"force-field lines behind the atoms are left aside ({lines[at + 2 + n].strip()[:60]!r})")
    return frame, after


def _of_tinker(line: str) -> bool:
    words = line.split()
    return len(words) >= 6 and words[0] == "1" and words[1][:1].isalpha() and all(
        number(w) is not None for w in words[2:6]
    )  # fmt: skip


def _force_field(lines: list[str], at: int, n: int) -> tuple[np.ndarray | None, int]:
    """Charges of the lines ``charge epsilon sigma``, one an atom, that ABCluster and JKCS put behind the atoms under a
    line of words; and where the text goes on."""
    if not n or at >= len(lines) or not lines[at].strip() or is_head(lines[at]):
        return None, at
    rows = [line.split("#")[0].split() for line in lines[at + 1 : at + 1 + n]]
    values = [[number(w) for w in row[:3]] for row in rows]
    if len(rows) < n or any(len(v) < 3 or None in v for v in values):
        return None, at
    return np.array(values, float)[:, 0], at + 1 + n


def _elements(path: Path | str, line: int, words: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(n,) atomic numbers, (n,) which are atoms and no dummies, and notes."""
    from ase.data import atomic_numbers

    numbers, labels, dummies = [], [], 0
    for k, word in enumerate(words):
        z = _atomic_number(word, atomic_numbers)
        if z is None and (match := _LABEL.fullmatch(word)):
            # two capitals may be an element or one of a molecule's name (HO4): only the proper spelling is read
            proper = match[1] if match[1].capitalize() == match[1] or len(match[1]) == 1 else ""
            z = atomic_numbers.get(proper.capitalize()) if proper else None
            _no_isotope(path, line + k, word, match[1])
            labels += [word] if z else []
        if z is None and word.upper().rstrip("0123456789") in _DUMMIES:
            z = 0
        if z is None:
            _no_isotope(path, line + k, word, word)
            raise FileFormatError(f"{path}, line {line + k}: {word!r} is no chemical element")
        dummies += z == 0
        numbers.append(z)
    notes = []
    if labels:
        notes.append(f"labels are read as elements: {', '.join(labels[:3])}{', …' if len(labels) > 3 else ''}")
    if dummies:
        notes.append(f"{dummies} dummy centres are left out")
    found = np.array(numbers, np.int64)
    return found, found > 0, notes


def _atomic_number(word: str, atomic_numbers: dict[str, int]) -> int | None:
    if word.isdigit() and word.isascii():
        return int(word) if len(word) < 4 and int(word) < len(atomic_numbers) else None
    return atomic_numbers.get(word.capitalize())


def _no_isotope(path: Path | str, line: int, word: str, letters: str) -> None:
    heavy = _HEAVY_HYDROGEN.get(letters)
    if heavy is None and (match := re.match(r"(?:(\d+)[A-Z][a-z]?$|[A-Z][a-z]?\(iso=(\d+))", word, re.IGNORECASE)):
        heavy = f"the isotope {match[1] or match[2]} of an element"
    if heavy:
        raise FileFormatError(
            f"{path}, line {line}: {word!r} is {heavy}. Structures carry no masses here; energies do not depend on "
            "them: write the plain element, and take thermochemistry from ORCA outputs, whose masses are used"
        )


def _layout(path: Path | str, line: int, text: str) -> list[tuple[str, int]]:
    parts = text.split(":")
    try:
        layout = [(parts[i], int(parts[i + 2])) for i in range(0, len(parts), 3)]
    except (IndexError, ValueError) as error:
        raise FileFormatError(f"{path}, line {line}: cannot read Properties={text[:200]}") from error
    names = {name for name, _ in layout}
    if "species" not in names and ("Z", 1) in layout:  # as QUIP writes it on demand
        layout = [("species" if name == "Z" else name, w) for name, w in layout]
        names = {name for name, _ in layout}
    if not {"species", "pos"} <= names:
        raise FileFormatError(f"{path}, line {line}: Properties={text[:200]} names no species and pos")
    if any(w < 1 for _, w in layout) or dict(layout)["pos"] != 3:
        raise FileFormatError(f"{path}, line {line}: Properties={text[:200]} has columns of no such width")
    return layout


def _table(path: Path | str, line: int, body: list[str], layout: list[tuple[str, int]]) -> dict[str, Any]:
    """Columns of the atom lines: species as a list of words, the others as (n, width) arrays or, if words, left out."""
    width = sum(w for _, w in layout)
    rows = [text.split() for text in body]
    for i, row in enumerate(rows):
        if len(row) < width:
            raise FileFormatError(
                f"{path}, line {line + i}: {len(row)} entries, expected {width}: {body[i].strip()[:60]!r}"
            )
    table: dict[str, Any] = {}
    start = 0
    for name, w in layout:
        words = [row[start : start + w] for row in rows]
        start += w
        if name == "species":
            table[name] = [word[0] for word in words]
            continue
        values = [[number(word) for word in row] for row in words]
        bad = next((i for i, row in enumerate(values) if None in row), None)
        if bad is None:
            table[name] = np.array(values, float).reshape(len(rows), w)
        elif name == "pos":
            hint = " (decimal commas? write points)" if any("," in word for word in words[bad]) else ""
            raise FileFormatError(
                f"{path}, line {line + bad}: not three coordinates: {' '.join(words[bad])[:60]!r}{hint}"
            )
    return table
