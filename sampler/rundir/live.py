"""What a run says of itself while it lasts: who runs it, and in which stage folders. For those who look on, not for a lock.

``RUN/.live.json`` is written when a run enters its folder and at each stage, and goes when it has ended well. One that was
stopped or has failed says so in it; that of a killed one names a process that is no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SamplerError, StorageError, WaitingForJobs
from ..storage import write_text
from ..workers.processes import born_at, runs

NAME = ".live.json"


@dataclass
class Live:
    """The sign of one run; what cannot be written is left out, for the work itself will say it."""

    folder: Path
    told: dict[str, Any] = field(default_factory=dict)

    def at(self, position: int, kind: str, folder: str, total: int | None) -> None:
        """A stage begins: its folder below ``stages``, and how many structures come to it, if that is known."""
        stages = [*self.told["stages"], {"position": position, "kind": kind, "folder": folder, "total": total}]
        self.tell(stages=stages, since=time.time())

    def tell(self, **more: Any) -> None:
        self.told |= more
        with contextlib.suppress(StorageError):
            write_text(self.folder / NAME, json.dumps(self.told, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def live(folder: Path) -> Iterator[Live]:
    """The sign of life of a run, for as long as the context lasts."""
    pid = os.getpid()
    sign = Live(folder)
    sign.tell(host=socket.gethostname(), pid=pid, born=born_at(pid), started=time.time(), stages=[])
    try:
        yield sign
    except WaitingForJobs as error:
        sign.tell(ended="waits", why=str(error))
        raise
    except SamplerError as error:
        sign.tell(ended="failed", why=str(error))
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        sign.tell(ended="stopped", why="")
        raise
    except BaseException as error:
        sign.tell(ended="failed", why=f"{type(error).__name__}: {error}")
        raise
    with contextlib.suppress(OSError):
        (folder / NAME).unlink()


def read(folder: Path) -> dict[str, Any]:
    """The sign in a run directory; {} where there is none that can be read."""
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return told if isinstance(told, dict) else {}
    except (OSError, ValueError):
        return {}


def lives(told: dict[str, Any]) -> bool | None:
    """Whether the process of a sign runs; None where another machine would know."""
    if told.get("host") != socket.gethostname():
        return None
    return runs(told.get("pid"), told.get("born"))
