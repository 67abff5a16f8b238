"""The command that makes a run again, read off its manifest and tried: what it stands for must be what the run was."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..composition import Composition
from ..errors import SamplerError
from ..funnel.protocols.automatic import AUTO, CHOICES, ended
from ..funnel.protocols.ending import at_level
from ..funnel.protocols.protocol import load
from ..monomers import MonomerLibrary
from ..potentials.xtb_parameters import is_refit


def of_run(
    folder: Path, manifest: Mapping[str, Any], composition: Composition, library: MonomerLibrary, level: str
) -> list[str]:
    """The commands of a run: the one that made it, and those that read it. Lines with ``#`` are notes.

    Args:
        level: of the run's energies.
    """
    return [*_made(folder, manifest, composition, library, level), *_reading(folder)]


def _reading(folder: Path) -> list[str]:
    run = shlex.quote(str(folder))
    return [
        "# the ranking; structures for other programs; results of ORCA; free energies; this page",
        f"sampler show {run}",
        f"sampler export xyz {run}",
        f"sampler import orca {run}/orca",
        f"sampler thermo {run}",
        f"sampler report {run}",
    ]


def _made(folder: Path, manifest: Mapping[str, Any], composition, library, level: str) -> list[str]:
    if merged := manifest.get("merged"):
        return [shlex.join(["sampler", "merge", *(str(one["folder"]) for one in merged), "--out", str(folder)])]
    asked = manifest["protocol"]
    name, notes = str(asked["name"]), []
    start = manifest.get("from")
    words = ["sampler", "run", manifest["composition"]]
    if start:
        words += ["--from", str(start["source"]), "--stage", str(start["stage"])]
    given = manifest.get("level") or {}
    for choice, settings in _ways(name, asked, composition, library, start, level, str(given.get("why", ""))):
        options = ["--protocol", name]
        options += ["--level", choice] if choice != AUTO else []
        options += [word for setting in settings for word in ("--set", setting)]
        break
    else:
        options = ["--protocol", f"{name}.toml"]
        notes.append(
            f"# the protocol {name} of this run is not one that ships with this version: its stages are in manifest.json"
        )
    words += [*options, "--seed", str(manifest["seed"])]
    for parent in manifest.get("parents", ()):
        words += ["--parents", str(parent["source"])]
    words += ["--out", str(folder)]
    return [*notes, shlex.join(words)]


def _ways(
    name: str, asked: Mapping[str, Any], composition, library, start: Any, level: str, why: str
) -> Iterator[tuple[str, list[str]]]:
    """``--level`` and ``--set`` that lead to the protocol of a run, the plainest first."""
    choices = [AUTO, *(c for c in CHOICES if c != AUTO)]
    if why.startswith("asked for"):
        choices = [*([level] if is_refit(level) else []), *choices[1:], AUTO]
    for changing in (False, True):
        for choice in choices:
            try:
                overrides: dict[str, Any] = {}
                if changing:
                    overrides = _changed(_resolved(name, {}, choice, composition, library, start, level), asked)
                if _same(_resolved(name, overrides, choice, composition, library, start, level), asked):
                    yield choice, [f"{key}={_toml(value)}" for key, value in overrides.items()]
            except SamplerError:
                continue


def _resolved(name: str, overrides: dict[str, Any], choice: str, composition, library, start, level) -> dict[str, Any]:
    """The protocol as a manifest has it, of the options of a command."""
    protocol = ended(load(name, overrides), composition, choice)
    first = start and next((i for i, s in enumerate(protocol.stage) if i and s.kind == start["stage"]), 0)
    return at_level(protocol, choice, composition, library, first or 0, level).dump()


def _same(made: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether two protocols do the same, whatever they say of themselves."""
    return all(json.dumps(made[key]) == json.dumps(asked[key]) for key in ("stage", "export"))


def _changed(plain: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Settings, by the number of the stage, in which a protocol differs from the plain one; none for other stages."""
    plain = json.loads(json.dumps(plain))
    if [s["kind"] for s in plain["stage"]] != [s["kind"] for s in asked["stage"]]:
        return {}
    found: dict[str, Any] = {}
    for i, (before, after) in enumerate(zip(plain["stage"], asked["stage"]), 1):
        found |= {f"{i}.{key}": value for key, value in after.items() if before.get(key) != value}
    found |= {f"export.{k}": v for k, v in asked["export"].items() if plain["export"].get(k) != v}
    return {} if any(value is None for value in found.values()) else found  # TOML has no null


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def of_screen(folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The command of a screen, with its systems by name; one for each protocol and seed."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((str(row["protocol"]), str(row["seed"])), []).append(str(row["system"]))
    made = []
    for (protocol, seed), names in groups.items():
        words = ["sampler", "screen", *names, *(["--protocol", protocol] if protocol else []), "--seed", seed or "0"]
        made.append(shlex.join([*words, "--out", str(folder)]))
    quoted = shlex.quote(str(folder))
    return [*made, f"sampler thermo {quoted}", f"sampler report {quoted}"]
