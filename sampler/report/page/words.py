"""Numbers and names as the page writes them."""

from __future__ import annotations

import re
from typing import Any

MINUS = "\N{MINUS SIGN}"
_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:")


def number(value: float | None, digits: int = 2) -> str:
    """A number with a true minus sign; nothing for None."""
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def any_value(value: Any) -> str:
    """A cell of a table of no known digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return str(value)


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def reason(name: str) -> str:
    """``above_window`` as words."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """With a full stop."""
    return text if not text or text.endswith((".", "!", "?")) else text + "."


def link(target: str | None) -> str | None:
    """A relative path that may be followed; None for another scheme, another host or nothing."""
    if not target or _SCHEME.match(target) or target.startswith(("/", "\\")):
        return None
    return target


def anchor(text: str) -> str:
    """A name for an element, of letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
