"""Whose results a run directory holds, told by its manifest: those of another seed or protocol are not overwritten.

Settings of the same protocol may change in a folder: what they do not touch is taken up. The tables that they replace
are kept in ``earlier``, as are those that the user replaces.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..storage import write_bytes
from . import ledger

EARLIER = "earlier"
_TABLES = ("ranking.csv", "structures.xyz")
SEARCHES = ("hop", "anneal", "exchange")
"""Kinds of stages that search on from what comes in, round by round, and pass on all that they know."""
LIMITS = {kind: ("rounds", "patience", "budget") for kind in SEARCHES}
"""Kind of stage -> settings that may be raised later; see :class:`~sampler.funnel.stages.base.Stage`."""

Manifest = Mapping[str, Any]


def has_results(folder: Path) -> bool:
    """Whether a run was completed there, or ORCA has computed something for one."""
    return (folder / ledger.NAME).exists() or any(folder.glob("orca*/*.out"))


def differences(old: Manifest, new: Manifest) -> list[str]:
    """What makes the results of ``new`` others than those of ``old``, in words; settings of one protocol do not."""
    pairs = [
        ("protocol", old["protocol"]["name"], new["protocol"]["name"]),
        ("seed", old["seed"], new["seed"]),
        ("energies by", _judge(old), _judge(new)),
    ]
    found = [f"{what} {after} in place of {before}" for what, before, after in pairs if before != after]
    if _entered(old) != _entered(new):
        found.append("other structures to start from")
    return found


def same_command(old: Manifest, new: Manifest) -> bool:
    """Whether protocol, seed and source are the same, with all settings but those that a finished run goes on from."""
    return _asked(old) == _asked(new)


def keep(folder: Path, old: Manifest) -> None:
    """Copy the tables of the results of ``old``, with it, to a folder of their own below ``earlier``.

    Tables that a killed run has not yet replaced are of others, which were kept when they were: they are left out.
    """
    digest = hashlib.sha256(json.dumps(_asked(old), sort_keys=True).encode()).hexdigest()
    place = folder / EARLIER / f"{old['protocol']['name']}-seed{old['seed']}-{digest[:8]}"
    for name in ("manifest.json", ledger.NAME, *(_TABLES if _written(folder) else ())):
        if (folder / name).is_file():
            write_bytes(place / name, (folder / name).read_bytes())


def _written(folder: Path) -> bool:
    """Whether the tables are those of the last complete run."""
    try:
        mark = json.loads((folder / "results.json").read_text())
        return ledger.read_run(folder / ledger.NAME)[-1].output_sha256 == mark["output_sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _judge(manifest: Manifest) -> str:
    """The potential, with its model, whose energies a run ends with, or ORCA's preset."""
    for stage in reversed(manifest["protocol"]["stage"]):
        if stage["kind"] == "orca":
            return f"orca ({stage.get('preset', 'sp')})"
        if "potential" in stage:
            model = (stage.get("options") or {}).get("model")
            names = [model] if isinstance(model, str) else model or []
            return stage["potential"] + (f" ({', '.join(map(str, names))})" if names else "")
    return ""


def _entered(manifest: Manifest) -> tuple:
    start = manifest.get("from") or {}
    return start.get("sha256"), start.get("stage"), [run["sha256"] for run in manifest.get("merged", ())]


def _asked(manifest: Manifest) -> list:
    merged = [run["sha256"] for run in manifest.get("merged", ())]
    asked = json.loads(json.dumps([manifest["protocol"], manifest["seed"], manifest.get("from"), *merged]))
    for stage in asked[0]["stage"]:
        for name in LIMITS.get(stage["kind"], ()):
            stage.pop(name, None)
    return asked
