"""Tables for people: as wide as they may be, and no number in them is ever cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

GAP = 2
"""Blanks between columns."""
_NARROW = 16
"""Characters below which a column of text is made no narrower."""
_NUMBER = re.compile(r"(?<![\w.])[+\-−±]?\d+(?:[.,]\d+)*(?:[eE][+\-−]?\d+)?%?")
"""Also one with its unit, as in 298.15K; not the digits of a name."""
_SEPARATORS = frozenset("-_/,;:=.·()[]")


def table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    right: Collection[int] = (),
    wrap: Collection[int] = (),
    keys: int = 1,
) -> tuple[list[str], list[int]]:
    """The lines of a table at most ``width`` characters wide, and which of them are headers.

    Text takes several lines where it has to: first that of the columns ``wrap``, then that of the others. Numbers (the
    columns ``right``, which are also aligned right, and numbers within text) stay in one piece. What then does not fit
    side by side is split into blocks of columns, which all begin with the first ``keys`` columns. A single column of
    numbers may thus be the only thing wider than asked for.

    >>> print("\\n".join(table("", ["system", "binding"], [["4sa4am", "-137.42"]], 80, right={1})[0]))
    system  binding
    ──────  ───────
    4sa4am  -137.42
    """
    rows = [[str(cell) for cell in row] for row in rows]
    columns = [[row[i] for row in rows] for i in range(len(header))]
    natural = [max(map(_wide, (name, *cells))) for name, cells in zip(header, columns)]
    least = [min(natural[i], _least(name, cells, i in right)) for i, (name, cells) in enumerate(zip(header, columns))]
    lines: list[str] = []
    headers: list[int] = []
    for line in wrapped(title, width) if title else []:
        lines.append(line)
    for block in _blocks(natural, least, width, min(keys, len(header))):
        fitted = _shrunk({i: natural[i] for i in block}, {i: least[i] for i in block}, width, right, wrap)
        if headers:
            lines.append("")
        head = _row([header[i] for i in block], [fitted[i] for i in block], [i in right for i in block])
        headers += range(len(lines), len(lines) + len(head))
        lines += [*head, (" " * GAP).join("─" * fitted[i] for i in block)]
        for row in rows:
            lines += _row([row[i] for i in block], [fitted[i] for i in block], [i in right for i in block])
    return lines, headers


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` characters, broken at blanks, else after punctuation; a number is never broken."""
    lines = [""]
    for word in _words(text):
        for k, piece in enumerate(_pieces(word, width)):
            blank = " " if lines[-1] and not k else ""
            if lines[-1] and _wide(lines[-1] + blank + piece) > width:
                lines.append(piece)
            else:
                lines[-1] += blank + piece
    return lines


def _words(text: str) -> list[str]:
    """Words; a number and what it counts or measures are one: ``4 NH4⁺``, ``2.5 kcal/mol``."""
    words: list[str] = []
    for word in text.split():
        if words and _NUMBER.fullmatch(words[-1]) and word[0].isalpha():
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def _pieces(word: str, width: int) -> list[str]:
    """A word, in pieces where it is longer than a line: after punctuation, else anywhere, but in no number."""
    if _wide(word) <= width:
        return [word]
    inside = {k for match in _NUMBER.finditer(word) for k in range(match.start() + 1, match.end())}
    pieces, start = [], 0
    for k in range(1, len(word) + 1):
        if k == len(word) or (word[k - 1] in _SEPARATORS and k not in inside):
            pieces.append((start, k))
            start = k
    found = []
    for start, end in pieces:
        while end - start > width:
            cut = next((k for k in range(start + width, start, -1) if k not in inside), 0)
            cut = cut or next((k for k in range(start + width, end) if k not in inside), end)
            found.append(word[start:cut])
            start = cut
        found += [word[start:end]] * (end > start)
    return found


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """The lines of a row."""
    parts = [wrapped(cell, width) if _wide(cell) > width else [cell] for cell, width in zip(cells, widths)]
    lines = []
    for k in range(max(map(len, parts))):
        at = [part[k] if k < len(part) else "" for part in parts]
        padded = [
            " " * (width - _wide(text)) + text if is_right else text + " " * (width - _wide(text))
            for text, width, is_right in zip(at, widths, right)
        ]
        lines.append((" " * GAP).join(padded).rstrip())
    return lines


def _least(name: str, cells: Sequence[str], right: bool) -> int:
    """The narrowest that a column can be: of numbers that of the longest, of text that of its longest piece."""
    heading = max((_wide(word) for word in name.split()), default=0)
    if right:
        return max(heading, *map(_wide, cells), 0) if cells else heading
    words = [word for cell in cells for word in _words(cell)]
    return max(heading, *(_wide(piece) for word in words for piece in _pieces(word, _NARROW)), 0) if words else heading


def _blocks(natural: Sequence[int], least: Sequence[int], width: int, keys: int) -> list[list[int]]:
    """Columns that fit side by side, each block with the key columns."""
    first = list(range(keys))
    blocks, block = [], list(first)
    for i in range(keys, len(natural)):
        if len(block) > keys and sum(least[k] for k in [*block, i]) + GAP * len(block) > width:
            blocks.append(block)
            block = list(first)
        block.append(i)
    return [*blocks, block]


def _shrunk(
    natural: dict[int, int], least: dict[int, int], width: int, right: Collection[int], wrap: Collection[int]
) -> dict[int, int]:
    """The width of each column: as wide as its text, less where the table would be too wide."""
    fitted = dict(natural)
    over = sum(fitted.values()) + GAP * (len(fitted) - 1) - width
    # headings of numbers first: they break between words
    for group in ([i for i in fitted if i in right], [i for i in fitted if i in wrap], list(fitted)):
        # a text that may be broken takes two lines before a name is cut, and more only after it
        half = {i: min(-(-natural[i] // 2), 2 * _NARROW) for i in group if i in wrap and i not in right}
        floor = {i: max(least[i], half.get(i, 0)) for i in group}
        while over > 0 and (can := [i for i in group if fitted[i] > floor[i]]):
            widest = max(can, key=lambda i: fitted[i])
            fitted[widest] -= 1
            over -= 1
    while over > 0 and (can := [i for i in fitted if fitted[i] > least[i]]):
        fitted[max(can, key=lambda i: fitted[i])] -= 1
        over -= 1
    return fitted


def _wide(text: str) -> int:
    """Characters that a terminal needs: marks that combine need none, those of East Asia two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
