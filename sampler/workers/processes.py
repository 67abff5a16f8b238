"""Whether a process of this machine is still the one that was meant: numbers are used again, start times are not."""

from __future__ import annotations

import os
from typing import Any


def runs(pid: Any, born: Any) -> bool:
    """Whether the process with this number is the one that was meant; True where that cannot be told.

    Args:
        born: from :func:`born_at` in that process; '' compares the number alone.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, TypeError):
        return True
    return not born or born_at(pid) in ("", born)


def born_at(pid: int) -> str:
    """When the process started, as the kernel counts it; '' where it does not tell, ``ended`` for a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
            fields = handle.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if fields[0] == "Z" else fields[19]
