"""Temporary folders that go with their process; those of a process that was killed go when a later one makes its own.

The name of a folder says whose it is, so that it is never without an owner: ``cluster-sampler-PLACE-PID-BORN-…``. PLACE
stands for the host, its start and the namespace of process numbers, because containers and hosts that share the system's
temporary folder count their processes apart. What is of another place or of another user is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
from tempfile import TemporaryDirectory

from .processes import born_at, runs

_NAME = re.compile(r"cluster-sampler-([0-9a-f]{16})-([1-9]\d{0,8})-(\d*)-\w+")


def folder() -> TemporaryDirectory:
    """A new folder in the system's temporary folder, removed when this process ends, or later if it is killed."""
    place, pid = _place(), os.getpid()
    remove_stale(place)
    # without a place nobody can judge it later, so that the name must not look as if one could
    owner = f"{place}-{pid}-{born_at(pid)}-" if place else ""
    return TemporaryDirectory(prefix=f"cluster-sampler-{owner}", ignore_cleanup_errors=True)


def remove_stale(place: str) -> None:
    """Remove this user's folders of processes of ``place`` that have ended. Links are not followed, nothing is raised."""
    if not place or not shutil.rmtree.avoids_symlink_attacks:
        return
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            owner = _NAME.fullmatch(entry.name)
            if owner and owner[1] == place:
                with contextlib.suppress(OSError):
                    told = entry.stat(follow_symlinks=False)
                    mine = stat.S_ISDIR(told.st_mode) and told.st_uid == os.getuid()
                    if mine and not runs(int(owner[2]), owner[3]):
                        shutil.rmtree(entry.path, ignore_errors=True)


def _place() -> str:
    """Where the number of a process means the same process as here; '' where that cannot be told."""
    told = [sys.platform, socket.gethostname()]
    if sys.platform == "linux":
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as handle:
                told += [handle.read().strip(), os.readlink("/proc/self/ns/pid")]
        except OSError:
            return ""
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
