"""Results of long benchmarks, a line of JSON each, so that one that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read(file: Path) -> list[dict[str, Any]]:
    """All records; none where there is no file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def once(file: Path, key: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> None:
    """Append ``key`` with what ``measure`` says, unless a record with this key is there."""
    if not any(key.items() <= one.items() for one in read(file)):
        file.parent.mkdir(parents=True, exist_ok=True)
        record = json.dumps(key | measure())
        with file.open("a") as handle:
            handle.write(record + "\n")
        print(record, flush=True)
