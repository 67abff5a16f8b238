"""Reading what somebody writes for a cluster, with names and formulas of molecules: ``2 H2SO4 + 2 ammonia``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping

_SEPARATOR = re.compile(r"[\s,+·•&*]+")
_COUNT = re.compile(r"\d{1,9}")


def plain(text: str) -> str:
    """Lower case, digits and signs as on a keyboard, single blanks.

    >>> plain("HSO4⁻ ·  NH₄⁺")
    'hso4- · nh4+'
    """
    same = unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-")
    return " ".join(same.lower().split())


def readings(text: str, words: Mapping[str, str], alone: Collection[str]) -> list[tuple[tuple[int, str], ...]]:
    """All ways to read a text as counts of molecules: ((2, "sa"), (2, "am")), …; none if there is no way.

    Args:
        text: as :func:`plain` gives it.
        words: what may stand for a molecule -> its name.
        alone: words that stand for one molecule where they have no count: ``ammonia``, but not the name ``am``.

    >>> readings("2h2so42nh3", {"h2so4": "sa", "nh3": "am"}, ())
    [((2, 'sa'), (2, 'am'))]
    """
    known: dict[int, list[tuple[tuple[int, str], ...]]] = {}

    def rest(start: int) -> list[tuple[tuple[int, str], ...]]:
        if start in known:
            return known[start]
        gap = _SEPARATOR.match(text, start)
        ways = [(gap.end(), True)] if gap else []
        ways.append((start, start == 0))
        found: dict[tuple[tuple[int, str], ...], None] = {}
        for at, apart in ways:
            if at == len(text):
                found[()] = None
                continue
            number = _COUNT.match(text, at)
            begin = number.end() if number else at
            begin += text[begin : begin + 1] == " "
            for word, name in words.items():
                end = begin + len(word)
                if not text.startswith(word, begin) or text[end : end + 1].isalpha():
                    continue
                if not number and not (apart and word in alone):
                    continue
                for tail in rest(end):
                    found[(int(number[0]) if number else 1, name), *tail] = None
        known[start] = list(found)
        return known[start]

    return rest(0)
