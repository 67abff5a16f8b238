"""The total charge that a file states for a structure, in whichever way it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .xyz import Frame

CHARGE_KEYS = ("charge", "total_charge", "totalcharge", "tot_charge", "net_charge", "netcharge")
"""Names of keys, in lower case, under which a total charge stands."""
_SUM = 0.05
"""e; partial charges printed with a few decimals add up to a whole charge within this."""
_PAIR = re.compile(r"\s*([+-]?\d{1,2})(?:\s+|\s*,\s*)(\d{1,2})\s*")
_WORD = re.compile(r"\b(?:total |net )?(?:charge|chrg)\s*[:=]?\s*([+-]?\d+(?:\.0*)?)(?![\d.])", re.IGNORECASE)


@dataclass(frozen=True)
class StatedCharge:
    """What a file says of the charge of one structure.

    Attributes:
        charge: e; None where nothing, or nothing clear, is said.
        doubt: why it is not clear: statements that contradict each other, or one that is no whole number; else ''.
    """

    charge: int | None
    doubt: str = ""


def stated_charge(
    info: Mapping[str, Any],
    initial_charges: np.ndarray | None = None,
    comment: str = "",
    electrons_neutral: int | None = None,
    field_charges: np.ndarray | None = None,
) -> StatedCharge:
    """The charge from all that a file may say of it.

    Args:
        info: keys of the structure; ``charge``, ``total_charge`` and alike count, as numbers or text (``-1``, ``1-``).
        initial_charges: (n,) e, as ASE keeps them; the charge is their sum. All zero says nothing.
        comment: comment line; ``charge multiplicity`` alone (``-1 1``), or ``charge: -1``.
        electrons_neutral: sum of the atomic numbers; two numbers whose parity does not go with it are no charge and
            multiplicity.
        field_charges: (n,) e, charges of a force field.
    """
    said: dict[str, int] = {}
    for key, value in info.items():
        if isinstance(key, str) and key.lower() in CHARGE_KEYS and not _missing(value):
            whole = whole_charge(value)
            if whole is None:
                return StatedCharge(None, f"{key} is {str(value)[:40]!r}, no integer")
            said[f"{key} is {whole:+d}"] = whole
    if initial_charges is not None and np.any(initial_charges):
        total = float(np.sum(initial_charges))
        if not np.isfinite(total) or abs(total - round(total)) > _SUM:
            return StatedCharge(None, f"its initial charges add up to {total:.3f}, no whole charge")
        said[f"its initial charges add up to {round(total):+d}"] = round(total)
    for text, charge in _of_comment(comment, electrons_neutral):
        said[text] = charge
    if field_charges is not None and len(field_charges):
        total = float(np.sum(field_charges))
        if abs(total - round(total)) <= _SUM:
            said[f"its force field charges add up to {round(total):+d}"] = round(total)
    if len(set(said.values())) > 1:
        return StatedCharge(None, "contradicting charges: " + ", ".join(said))
    return StatedCharge(next(iter(said.values()), None))


def frame_charge(frame: Frame) -> StatedCharge:
    """:func:`stated_charge` of a frame of XYZ text."""
    initial = frame.arrays.get("initial_charges")
    return stated_charge(
        frame.info,
        initial[:, 0] if initial is not None else None,
        "" if frame.extended or frame.info else frame.comment,
        int(frame.numbers.sum()),
        frame.field_charges,
    )


def whole_charge(value: Any) -> int | None:
    """A whole charge out of a number or a text (``-1``, ``-1.0``, ``1-``); None where it is none."""
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, np.ndarray):
        return whole_charge(value.item()) if value.size == 1 else None
    if isinstance(value, str):
        text = value.strip().replace("−", "-")
        if re.fullmatch(r"\d+[+-]", text):
            text = text[-1] + text[:-1]
        if not re.fullmatch(r"[+-]?\d+(\.0*)?", text):
            return None
        value = float(text)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return round(number) if np.isfinite(number) and abs(number - round(number)) < 1e-3 else None


def _missing(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float) and np.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def _of_comment(comment: str, electrons: int | None) -> list[tuple[str, int]]:
    pair = _PAIR.fullmatch(comment)
    if pair:
        charge, multiplicity = int(pair[1]), int(pair[2])
        odd = electrons is not None and (electrons - charge + multiplicity) % 2 == 0
        return [] if odd or multiplicity < 1 else [(f"the comment {comment.strip()!r} says {charge:+d}", charge)]
    return [(f"the comment says {m[0]!r}", round(float(m[1]))) for m in _WORD.finditer(comment[:1000])]
