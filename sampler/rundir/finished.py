"""Whether a run directory holds the results of what its manifest asks for.

``complete.json`` names the contents of manifest and ledger that belong together, so a copy of the folder is as finished
as the folder, whatever the times of its files. Folders of versions that wrote no such mark are judged by what is in them.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ..storage import write_text
from . import ledger as ledgers

MARK = "complete.json"
_MANIFEST = "manifest.json"


def complete(folder: Path | str) -> bool:
    """Whether the ledger belongs to the manifest: where a run was started later and did not end, it does not."""
    folder = Path(folder)
    try:
        now = _contents(folder)
    except OSError:
        return False
    try:
        return bool(json.loads((folder / MARK).read_text(encoding="utf-8")) == now)
    except FileNotFoundError:
        return _unmarked(folder)
    except (OSError, ValueError):
        return False


def finish(folder: Path, of_stages: list[ledgers.Ledger]) -> None:
    """Write the ledger of a run that is done, and mark it as that of the manifest; nothing where it is there already."""
    path = folder / ledgers.NAME
    if not (path.exists() and path.read_text(encoding="utf-8") == ledgers.text_of(of_stages) and complete(folder)):
        ledgers.write(path, of_stages)
        _mark(folder)


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write what is asked for now, which earlier results are then known not to belong to."""
    path, text = folder / _MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    if not (folder / MARK).exists() and complete(folder):
        _mark(folder)
    write_text(path, text)


def _mark(folder: Path) -> None:
    write_text(folder / MARK, json.dumps(_contents(folder), indent=1) + "\n")


def _contents(folder: Path) -> dict[str, str]:
    """Hashes of the values in both files."""
    return {f"{name.partition('.')[0]}_sha256": _digest(folder / name) for name in (_MANIFEST, ledgers.NAME)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unmarked(folder: Path) -> bool:
    """Without a mark: nothing but the stages of the ledger was begun, or the ledger is the younger file."""
    try:
        known = {ledger.folder for ledger in ledgers.read_run(folder / ledgers.NAME)}
        begun = {path.name for path in (folder / "stages").iterdir() if path.is_dir()}
        ledger, manifest = (os.stat(folder / name).st_mtime_ns for name in (ledgers.NAME, _MANIFEST))
    except (OSError, ValueError):
        return False
    return begun <= known or ledger >= manifest
