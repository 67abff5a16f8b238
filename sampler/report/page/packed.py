"""Structures as the page's script reads them: coordinates as 16-bit thousandths of Å, what many share told once."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

#: What the table and the plots need of a structure beside its shape
_SCALARS = (
    "id", "rank", "state_label", "binding_energy_kcalmol", "error_kcalmol", "relative_energy_kcalmol",
    "relative_error_kcalmol", "gibbs_kcalmol", "relative_gibbs_kcalmol", "boltzmann", "rmsd_to_lowest_A", "rg_A", "mirrored", "level",
)  # fmt: skip
_STEP_A = 0.001


class _Shared:
    """Values told once, by number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        key = json.dumps(value)
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(value)
        return self._places[key]


def structures(entries: list[dict]) -> dict[str, Any]:
    """The structures of a report in a tenth of their size; ``script/model.js`` reads it.

    Positions are rounded to 0.001 Å, hydrogen bonds keep their three atoms: lengths and angles follow from the positions.
    """
    shared = {name: _Shared() for name in ("symbols", "bonds", "molecules")}
    packed = []
    for entry in entries:
        owner = [-1] * len(entry["symbols"])
        for k, molecule in enumerate(entry["molecules"]):
            for atom in molecule["atoms"]:
                owner[atom] = k
        names = [molecule["name"] for molecule in entry["molecules"]]
        packed.append(
            {
                **{key: entry.get(key) for key in _SCALARS},
                "symbols": shared["symbols"].place(entry["symbols"]),
                "bonds": shared["bonds"].place([atom for bond in entry["bonds"] for atom in bond]),
                "molecules": shared["molecules"].place({"names": names, "owner": owner}),
                "hydrogen_bonds": [atom for bond in entry["hydrogen_bonds"] for atom in bond[:3]],
                **_coordinates(entry["positions"]),
            }
        )
    used = sorted({symbol for entry in entries for symbol in entry["symbols"]})
    return {
        "step_A": _STEP_A,
        "masses": _masses(used),
        "list": packed,
        **{name: table.values for name, table in shared.items()},
    }


def _masses(symbols: list[str]) -> dict[str, float]:
    """In amu, of those that are elements."""
    from ase.data import atomic_masses, atomic_numbers

    return {s: round(float(atomic_masses[atomic_numbers[s]]), 3) for s in symbols if s in atomic_numbers}


def _coordinates(positions: list[float]) -> dict[str, Any]:
    """Base64 of little-endian integers; 32 bits for what lies beyond 32 Å of the origin."""
    steps = np.rint(np.asarray(positions, dtype=float) / _STEP_A)
    wide = steps.size > 0 and np.abs(steps).max() > np.iinfo(np.int16).max
    raw = steps.astype("<i4" if wide else "<i2").tobytes()
    return {"at": base64.b64encode(raw).decode("ascii"), "bits": 32 if wide else 16}
