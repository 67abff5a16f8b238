"""The first line of a job: what is about to be done, said before the second that its imports take.

It comes at once where nothing that the user chose is left to be wrong, and else when all of it is read: a mistake costs
one line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import resources


def first_line(what: str, protocol: str | Path, seed: int, folder: Path | str) -> str:
    """``2sa2am: protocol quick, seed 0, into 2sa2am``."""
    return f"{what}: protocol {Path(protocol).stem}, seed {seed}, into {folder}"


def all_is_read(protocol: str | Path, workers: int | str | None, *choices: Any) -> bool:
    """Whether the protocol is one that ships, the workers are a number, and nothing else is chosen.

    Args:
        choices: None, or empty, where the user has made none.
    """
    number = workers is None or (str(workers).isdecimal() and int(workers) > 0)
    chosen = any(choice is not None and choice not in ("", [], ()) for choice in choices)
    return number and not chosen and str(protocol) in {path.stem for path in resources.path("protocols").glob("*.toml")}
