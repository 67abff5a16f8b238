"""The ORCA program of this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ...errors import PotentialError


def find_orca() -> Path:
    """The full path of the program: the environment variable ``ORCA``, else ``orca`` on PATH.

    Raises:
        PotentialError: there is none, or it is the screen reader of the same name that many Linux desktops have.
    """
    named = os.environ.get("ORCA", "")
    found = shutil.which(named or "orca")
    if found is None:
        where = f"the environment variable ORCA names {named!r}, which is no program" if named else "no orca on PATH"
        raise PotentialError(
            f"ORCA is not found: {where}; install it, set ORCA to the full path of the program, or do without it: "
            "--engine pyscf"
        )
    path = Path(found).resolve()
    head = path.read_bytes()[:20_000]
    if head.startswith(b"#!") and (b"gi.repository" in head or b"from orca import" in head):
        raise PotentialError(
            f"{found} is the screen reader Orca, not the quantum chemistry program; set the environment variable ORCA to "
            "the full path of the latter"
        )
    return path
