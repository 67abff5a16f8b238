"""Protocols: funnels written down as TOML files.

A protocol file has a ``name``, a ``description``, one ``[[stage]]`` table for each step and an ``[export]`` table.
All mistakes of a file are reported at once, each with its path and value.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from .. import resources
from ..errors import ProtocolError
from .orca_stage import known_preset
from .protocol_types import PositiveInt
from .stage import Stage
from .stages import STAGES


class Export(BaseModel):
    """What is written when the last stage is done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str = "opt-freq"
    """The kind of ORCA input; see ``sampler export orca --help``."""

    @field_validator("preset")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_preset(name)

    count: PositiveInt | None = None
    """How many inputs, lowest first; all if not given."""
    cores: PositiveInt = 8
    memory_mb: PositiveInt = 2000
    """Per core."""


class Protocol(BaseModel):
    """A validated protocol."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    description: str
    stage: tuple[Any, ...] = Field(min_length=1)
    export: Export = Export()

    @model_validator(mode="after")
    def _first_generates(self) -> Protocol:
        if self.stage[0].kind != "generate":
            raise ValueError(f"the first stage must be 'generate', not {self.stage[0].kind!r}")
        late = [i for i, s in enumerate(self.stage) if i and s.kind == "generate"]
        if late:
            raise ValueError(f"only the first stage can be 'generate'; stage {late[0] + 1} is too")
        presets = [s.preset for s in self.stage if s.kind == "orca"]
        if len(set(presets)) < len(presets):
            raise ValueError("two orca stages have the same preset, and so would share a folder; use each once")
        return self

    def dump(self) -> dict[str, Any]:
        """JSON-able values; :func:`build` makes the same protocol of them."""
        return {
            "name": self.name,
            "description": self.description,
            "stage": [s.model_dump(mode="json") for s in self.stage],
            "export": self.export.model_dump(mode="json"),
        }


def build(table: dict[str, Any], where: str, overrides: dict[str, Any] | None = None) -> Protocol:
    """Validate the content of a protocol file.

    Args:
        table: the parsed TOML. where: named in the error.
        overrides: ``{"relax.fmax": 0.01}`` for all stages of a kind, ``{"2.fmax": …}`` for the second stage,
            ``{"export.count": …}``.

    Raises:
        ProtocolError: with every mistake.
    """
    table = {**table, "stage": [dict(s) if isinstance(s, dict) else s for s in _as_list(table.get("stage", []))]}
    mistakes = _override(table, overrides or {})
    stages: list[Stage | None] = []
    for number, entry in enumerate(table["stage"], start=1):
        kind = entry.get("kind") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or kind not in STAGES:
            mistakes.append(f"stage {number}: kind = {kind!r} is not a stage; known: {', '.join(STAGES)}")
            stages.append(None)
            continue
        try:
            stages.append(TypeAdapter(STAGES[kind]).validate_python(entry))
        except ValidationError as error:
            mistakes += [f"stage {number} ({kind}): {line}" for line in _lines(error)]
            stages.append(None)
    if None in stages:  # the other tables are still checked, with a stand-in for the stages
        stand_in = [STAGES["generate"](kind="generate")]
        mistakes += _mistakes({**table, "stage": stand_in})
    else:
        try:
            protocol = Protocol(**{**table, "stage": tuple(stages)})
        except ValidationError as error:
            mistakes += _lines(error)
    if mistakes:
        plural = "mistake" if len(mistakes) == 1 else "mistakes"
        raise ProtocolError(f"{where}: {len(mistakes)} {plural}:\n  " + "\n  ".join(mistakes), tuple(mistakes))
    return protocol


def load(name_or_path: str, overrides: dict[str, Any] | None = None) -> Protocol:
    """The shipped protocol of that name, or the one in a file.

    Raises:
        ProtocolError: no such protocol, not TOML, or mistakes in it.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        shipped = names()
        if name_or_path not in shipped:
            raise ProtocolError(
                f"no protocol is called {name_or_path!r}; shipped: {', '.join(shipped)}; a file's name ends in .toml"
            )
        path = resources.path("protocols", f"{name_or_path}.toml")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(f"{path}: not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{path} cannot be read: {error}") from error
    return build(table, str(path), overrides)


def names() -> list[str]:
    """The protocols that ship with sampler."""
    return sorted(p.stem for p in resources.path("protocols").glob("*.toml"))


def parse_overrides(settings: list[str]) -> dict[str, Any]:
    """``["relax.fmax=0.01"]`` -> ``{"relax.fmax": 0.01}``; values are TOML, bare words are strings.

    Raises:
        ProtocolError: not of the form KEY=VALUE.
    """
    parsed = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or "." not in key:
            raise ProtocolError(f"--set {setting}: expected STAGE.PARAMETER=VALUE, for example relax.fmax=0.01")
        try:
            parsed[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[key.strip()] = text.strip()
    return parsed


def _override(table: dict[str, Any], overrides: dict[str, Any]) -> list[str]:
    mistakes = []
    for key, value in overrides.items():
        target, _, parameter = key.partition(".")
        stages = [s for s in table["stage"] if isinstance(s, dict)]
        if target == "export":
            table["export"] = {**table.get("export", {}), parameter: value}
            continue
        if target.isdigit():
            chosen = stages[int(target) - 1 : int(target)] if int(target) else []
        else:
            chosen = [s for s in stages if s.get("kind") == target]
        if not chosen:
            mistakes.append(f"--set {key}: the protocol has no stage {target!r}")
        for stage in chosen:
            stage[parameter] = value
    return mistakes


def _mistakes(table: dict[str, Any]) -> list[str]:
    try:
        Protocol(**table)
    except ValidationError as error:
        return _lines(error)
    return []


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors():
        path = ".".join(str(p) for p in item["loc"])
        value = "" if item["type"] in ("missing", "value_error") and not path else f" = {item['input']!r}"
        if item["type"] == "missing":
            value = ""
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "is not a parameter here"
        lines.append(f"{path}{value}: {message}" if path else message)
    return lines


def _as_list(value: Any) -> list:
    return value if isinstance(value, list) else [value]
