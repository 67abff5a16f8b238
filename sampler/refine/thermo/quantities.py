"""Temperatures and pressures as people write them, with a unit or without."""

from __future__ import annotations

import re

from ...errors import InputError
from ...units import ATMOSPHERE

_PASCAL = {
    "pa": 1.0, "hpa": 100.0, "mbar": 100.0, "kpa": 1e3, "bar": 1e5, "atm": ATMOSPHERE, "torr": ATMOSPHERE / 760,
    "mmhg": ATMOSPHERE / 760,
}  # fmt: skip
_ZERO_CELSIUS = 273.15
_COLDEST, _THINNEST = 100.0, 1000.0  # K, Pa: below, a number without a unit is rather one of °C, atm, bar or hPa
_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z°]*)\s*")


def kelvin(text: str | float) -> float:
    """A temperature in K: ``278.15``, ``278.15K``, ``5C``.

    Raises:
        InputError: no temperature, or a number without a unit that looks like one in degrees Celsius.
    """
    value, unit = _split(text, "temperature", "298.15, 298.15K or 25C")
    if unit in ("c", "°c"):
        return value + _ZERO_CELSIUS
    if unit not in ("", "k"):
        raise InputError(f"the temperature {text!r} is in no known unit; write 298.15K or 25C")
    if not unit and 0 < value < _COLDEST:
        raise InputError(
            f"the temperature {value:g} needs its unit: {value:g}C for degrees Celsius, {value:g}K for kelvin"
        )
    return value


def pascal(text: str | float) -> float:
    """A pressure in Pa: ``101325``, ``1atm``, ``1bar``, ``1013.25hPa``.

    Raises:
        InputError: no pressure, or a small number without a unit, which is hardly in Pa.
    """
    value, unit = _split(text, "pressure", "101325, 1atm, 1bar or 1013.25hPa")
    if unit and unit not in _PASCAL:
        raise InputError(f"the pressure {text!r} is in no known unit; known: Pa, hPa, mbar, kPa, bar, atm, Torr, mmHg")
    if not unit and 0 < value < _THINNEST:
        raise InputError(
            f"the pressure {value:g} needs its unit, such as {value:g}atm, {value:g}bar or {value:g}hPa; {value:g}Pa if it is "
            "meant so"
        )
    return value * _PASCAL.get(unit, 1.0)


def _split(text: str | float, what: str, examples: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(str(text))
    if not match:
        raise InputError(f"{text!r} is no {what}; write for example {examples}")
    return float(match[1]), match[2].lower()
