"""Results of long benchmarks, a line of JSON each, so that one that was stopped goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a line and see that it reaches the disk."""
    with path.open("ab") as handle:
        if handle.tell() and not path.read_bytes().endswith(b"\n"):  # a line cut short by a power cut
            handle.write(b"\n")
        handle.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
        handle.flush()
        os.fsync(handle.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a line that was cut short counts as not there."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def once(path: Path, key: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """Append ``key`` with what ``measure`` says, unless a record with this key is there."""
    if not any(key.items() <= one.items() for one in read(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        record = key | measure()
        append(path, record)
        print(json.dumps(record), flush=True)
