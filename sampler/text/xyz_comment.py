"""The comment line of an XYZ frame: ``key=value`` pairs as extended XYZ has them, in time that grows with its length."""

from __future__ import annotations

import re
from typing import Any

_LONGEST = 10_000
"""Characters; a longer value is no property of a structure, and as a column it would be as long for all of them."""


def pairs(text: str) -> tuple[dict[str, Any], list[str]]:
    """Keys and values of a comment line, and the keys whose values are too long to keep."""
    found: dict[str, Any] = {}
    long: list[str] = []
    # one walk from left to right: a pattern would try every word again from each of its letters
    closing = {mark: text.rfind(mark) for mark in '"}]'}
    at = 0
    while (at := _skip_space(text, at)) < len(text):
        end = _end_of_key(text, at, closing)
        equals = _skip_space(text, end)
        if end == at or text[equals : equals + 1] != "=":
            at = max(end, at + 1)
            continue
        start = _skip_space(text, equals + 1)
        stop = _end_of_value(text, start, closing)
        if stop == start:
            at = equals + 1
            continue
        key, value = _unquoted(text[at:end]), text[start:stop]
        if len(value) > _LONGEST:
            long.append(key[:40])
        else:
            found[key] = value if key in ("id", "name") and not value.startswith('"') else _value(value)
        at = stop
    return found, long


def number(text: str) -> float | None:
    """A number, Fortran's ``1.0D+02`` and numpy's ``np.float64(1.0)`` too; None where it is none."""
    if "_" in text:  # Python reads 1_0 as ten
        return None
    try:
        return float(text)
    except ValueError:
        pass
    if text.startswith("np.") and (match := re.fullmatch(r"np\.(?:float|int)\d+\(([^()]*)\)", text)):
        return number(match[1])
    try:
        return float(re.sub(r"(?<=[\d.])[dD](?=[+-]?\d+$)", "e", text))
    except ValueError:
        return None


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _end_of_quoted(text: str, start: int, closing: dict[str, int]) -> int:
    """Behind the closing quote of what opens at ``start``; ``start`` where there is none."""
    if closing['"'] <= start:
        return start
    at = start + 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    if at < len(text):
        return at + 1
    closing['"'] = -1  # nor will there be one for a later quote: looking again each time takes quadratic time
    return start


def _end_of_key(text: str, start: int, closing: dict[str, int]) -> int:
    if text[start] == '"':
        return _end_of_quoted(text, start, closing)
    at = start
    while at < len(text) and not text[at].isspace() and text[at] not in '="':
        at += 1
    return at


def _end_of_value(text: str, start: int, closing: dict[str, int]) -> int:
    """Where the value that begins at ``start`` ends; ``start`` where there is none."""
    first = text[start : start + 1]
    if first == '"' and (end := _end_of_quoted(text, start, closing)) > start:
        return end
    if first in ("{", "["):
        close = {"{": "}", "[": "]"}[first]
        if closing[close] > start:
            return text.index(close, start) + 1
    at = start
    while at < len(text) and not text[at].isspace() and text[at] != '"':
        at += 1
    return at


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text[1:-1])


def _value(text: str) -> Any:
    if text.startswith('"') and len(text) > 1:
        return _unquoted(text)
    if text in ("T", "True", "F", "False"):
        return text[0] == "T"
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    value = number(text)
    return text if value is None else value
