"""Keys and values as TOML writes them, numbers to the last digit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def toml_key(name: str) -> str:
    plain = name and all(c.isalnum() and c.isascii() or c in "-_" for c in name)
    return name if plain else json.dumps(name, ensure_ascii=False)


def toml_value(value: Any) -> str:
    """Of what is no number, truth value, list or table, the words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(str(k))} = {toml_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(str(value), ensure_ascii=False)
