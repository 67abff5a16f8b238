"""What may stand in a card: every key has a kind, and an error names the file, the key and the value.

A card is written by hand, too, and what is misread there would be wrong energies later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import ModelError

Check = Callable[[str, Any], None]
"""Raises :class:`Wrong` for the key and value it is given, if the value cannot stand there."""


class Wrong(Exception):
    """A value that cannot stand where it does; the message says which and why."""

    def __init__(self, key: str, value: Any, wanted: str):
        super().__init__(f"{key} is {value!r}; expected {wanted}")


def check(table: Mapping[str, Any], file: Path) -> None:
    """
    Raises:
        ModelError: the table of ``file`` lacks a key, or has a value of another kind.
    """
    for key in ("level", "elements", "charges", "weights_sha256"):
        if key not in table:
            raise ModelError(f"{file}: the key {key} is missing; a card names level, elements, charges and weights")
    try:
        for key, kind in _KINDS.items():
            if key in table:
                kind(key, table[key])
    except Wrong as error:
        raise ModelError(f"{file}: {error}") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _text(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise Wrong(key, value, "a text")


def _name(key: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise Wrong(key, value, "a name")


def _number(key: str, value: Any) -> None:
    if not _is_number(value):
        raise Wrong(key, value, "a number")


def _length(key: str, value: Any) -> None:
    if not _is_number(value) or value < 0:
        raise Wrong(key, value, "a length in Å")


def _whole(key: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong(key, value, "a whole number")


def _count(key: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Wrong(key, value, "a whole number above 0")


def _flag(key: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise Wrong(key, value, "true or false")


def _unit(key: str, value: Any) -> None:
    from .schnetpack_io import energy_unit_of

    if not isinstance(value, str) and not (_is_number(value) and value > 0):
        raise Wrong(key, value, "a unit of energy, or eV per unit")
    try:
        energy_unit_of(value)
    except ModelError as error:
        raise Wrong(key, value, str(error)) from error


def _element(key: str, value: Any) -> None:
    from ase.data import atomic_numbers

    if value not in atomic_numbers or value == "X":
        raise Wrong(key, value, "the symbol of an element")


def _charge(key: str, value: Any) -> None:
    if not re.fullmatch("-?[1-9]", value):
        raise Wrong(key, value, "a charge, such as -1")


def _pair(key: str, value: Any) -> None:
    parts = value.split("-")
    if len(parts) != 2:
        raise Wrong(key, value, "two elements, such as H-O")
    for part in parts:
        _element(key, part)


def _list(one: Check, what: str) -> Check:
    def many(key: str, value: Any) -> None:
        if not isinstance(value, list):
            raise Wrong(key, value, f"a list of {what}")
        for item in value:
            one(key, item)

    return many


def _table(one: Check, name: Check = _text) -> Check:
    def many(key: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise Wrong(key, value, "a table")
        for item, inside in value.items():
            name(key, item)
            one(f"{key}.{item}", inside)

    return many


def _monomer(key: str, value: Any) -> None:
    kinds = {"formula": _table(_count, _element), "charge": _whole, "energy": _number}
    if not isinstance(value, dict) or set(value) != set(kinds):
        raise Wrong(key, value, "a table of formula, charge and energy")
    for name, kind in kinds.items():
        kind(f"{key}.{name}", value[name])


def _calibration(key: str, value: Any) -> None:
    kinds = {"energy_factor": _factor, "forces_factor": _factor, "committee": _list(_name, "sha256 of weights")}
    if not isinstance(value, dict) or (value and not {"energy_factor", "committee"} <= set(value)):
        raise Wrong(key, value, "a table of energy_factor, committee and more")
    for name, inside in value.items():
        kinds.get(name, _anything)(f"{key}.{name}", inside)


def _factor(key: str, value: Any) -> None:
    if not _is_number(value) or value <= 0:
        raise Wrong(key, value, "a number above 0")


def _anything(key: str, value: Any) -> None: ...


_KINDS: dict[str, Check] = {
    "level": _name,
    "elements": _list(_element, "symbols of elements"),
    "charges": _list(_whole, "charges"),
    "energy_unit": _unit,
    "min_distance": _length,
    "closest": _table(_length, _pair),
    "monomers": _table(_monomer),
    "element_energies": _table(_number, _element),
    "charge_energies": _table(_number, _charge),
    "base_level": _text,
    "data_hash": _text,
    "training": _table(_anything),
    "errors": _table(_number),
    "calibration": _calibration,
    "not_for": _text,
    "notes": _text,
    "weights_sha256": _text,
    "offset_is_extensive": _flag,
}
