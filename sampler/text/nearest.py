"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], most: int = 3) -> str:
    """``did you mean b97-painn?``, or '' where no known name is near.

    >>> did_you_mean("standart", ["quick", "standard", "thorough"])
    'did you mean standard?'
    """
    near = nearest(name, known, most)
    return f"did you mean {' or '.join(near)}?" if near else ""


def suggested(name: str, known: Iterable[str]) -> str:
    """``did you mean standard? ``, to stand before the list of what is known; '' where nothing is near.

    >>> suggested("standart", ["quick", "standard"])
    'did you mean standard? '
    """
    return f"{near} " if (near := did_you_mean(name, known)) else ""


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that are like a name or begin with it, the likest first."""
    by_key = {one.lower(): one for one in known}
    word = name.lower()
    near = difflib.get_close_matches(word, by_key, most, 0.6)
    near += [key for key in by_key if key not in near and len(word) > 2 and key.startswith(word)]
    return [by_key[key] for key in near[:most]]
