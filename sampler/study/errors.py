"""Errors of every structure, by one training: predicted minus labelled, in a file beside its row."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RunError
from ..storage import write_atomic

EACH = "each"
TEST, ASKED = "test", "asked"
Errors = tuple[np.ndarray, np.ndarray | None]
"""(B,) eV, and (3N,) eV/Å or None where forces are not known or not wanted."""


def save_errors(file: Path, errors: dict[str, Errors]) -> None:
    """Of each set by name; whole or not at all."""
    arrays: dict[str, Any] = {f"{name}_energy_eV": energy for name, (energy, _) in errors.items()}
    arrays |= {f"{name}_forces_eV_A": forces for name, (_, forces) in errors.items() if forces is not None}
    write_atomic(file, lambda handle: np.savez(handle, **arrays))


def load_errors(file: Path, name: str) -> Errors:
    """Of the set ``name``.

    Raises:
        RunError: the file is gone or damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as held:
            forces = f"{name}_forces_eV_A"
            return held[f"{name}_energy_eV"], held[forces] if forces in held.files else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        row = file.with_suffix(".json")
        raise RunError(f"{file} cannot be read ({error}); remove {row}, and the training is done again") from error
