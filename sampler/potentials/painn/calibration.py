"""The factors that make the spread of a committee as large as its errors, on the cards of its members.

They belong to one committee: its members' weights are named with them, and for any other committee they count for nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ...storage import write_text
from .card import CARD, ModelCard, read_card

TABLE = "calibration"


def factors(cards: Sequence[ModelCard]) -> dict[str, float] | None:
    """``energy`` and, where they were calibrated, ``forces``: by what the spread of the committee of these models is to be
    multiplied; None where their cards do not say it of this very committee."""
    committee = _committee([c.weights_sha256 for c in cards])
    told = [c.calibration for c in cards]
    if len(cards) < 2 or any(t.get("committee") != committee or t != told[0] for t in told):
        return None
    return {name: float(told[0][f"{name}_factor"]) for name in ("energy", "forces") if f"{name}_factor" in told[0]}


def _committee(weights: Sequence[str]) -> list[str]:
    return sorted(w[:16] for w in weights)


def store(folders: Sequence[Path], energy: float, forces: float | None, data: dict[str, Any]) -> None:
    """Write the table ``calibration`` into the card of every member, in place of one that is there.

    Args:
        energy, forces: the factors. data: what they were found from: numbers and texts.

    Raises:
        ModelError: a folder without a readable card. StorageError: a card cannot be written.
    """
    weights = [read_card(f).weights_sha256 for f in folders]
    values: dict[str, Any] = {"energy_factor": float(f"{energy:.6g}")}
    values |= {"forces_factor": float(f"{forces:.6g}")} if forces is not None else {}
    values |= {"committee": _committee(weights), **data}
    for folder in folders:
        file = folder / CARD
        text = _without(file.read_text(encoding="utf-8"))
        text = f"{text.rstrip()}\n\n[{TABLE}]\n" + "".join(f"{k} = {_value(v)}\n" for k, v in values.items())
        if tomllib.loads(text).get(TABLE) != values:
            raise ModelError(f"{file}: the table [{TABLE}] cannot be added to it; put its table [{TABLE}] last")
        write_text(file, text)


def _without(text: str) -> str:
    """The card without its table of calibration."""
    return re.sub(rf"^\[{TABLE}\]\n(?:(?!\[).*\n?)*", "", text, flags=re.MULTILINE)


def _value(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
