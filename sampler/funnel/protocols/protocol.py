"""Protocols: funnels written down as TOML files.

A protocol file has a ``name``, a ``description``, one ``[[stage]]`` table for each step and an ``[export]`` table. What
depends on the level that the energies are wanted at follows in ``[[end.b97-3c]]`` and ``[[end.gfn1-xtb]]`` tables, of which
a run does one kind (:mod:`.automatic`). All mistakes of a file are reported at once, each with its path and value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from ... import resources
from ...errors import ProtocolError
from ...text.files import no_pipe
from ...text.nearest import suggested
from ..stages.base import Stage
from ..stages.orca import known_preset
from ..stages.parameter_types import PositiveInt
from ..stages.registry import STAGES


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
    """Of a job."""
    memory_mb: PositiveInt = 2000
    """Per core."""


ENDS = ("b97-3c", "gfn1-xtb")
"""Levels that a protocol may have an end for."""


class Protocol(BaseModel):
    """A validated protocol."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    description: str
    stage: tuple[Any, ...] = Field(min_length=1)
    end: dict[str, tuple[Any, ...]] = {}
    """Level, one of ``ENDS`` -> the stages that follow ``stage`` where the energies are wanted at this level."""
    export: Export = Export()

    @model_validator(mode="after")
    def _first_generates(self) -> Protocol:
        if self.stage[0].kind != "generate":
            raise ValueError(f"the first stage must be 'generate', not {self.stage[0].kind!r}")
        for stages in self.ways():
            late = [i for i, s in enumerate(stages) if i and s.kind == "generate"]
            if late:
                raise ValueError(f"only the first stage can be 'generate'; stage {late[0] + 1} is too")
            presets = [s.preset for s in stages if s.kind == "orca"]
            if len(set(presets)) < len(presets):
                raise ValueError("two orca stages have the same preset, and so would share a folder; use each once")
        return self

    def ways(self) -> list[tuple[Any, ...]]:
        """The stages with each of the ends; the stages alone where there is none."""
        return [self.stage + end for end in self.end.values()] or [self.stage]

    def dump(self) -> dict[str, Any]:
        """JSON-able values; :func:`build` makes the same protocol of them."""
        return {
            "name": self.name,
            "description": self.description,
            "stage": [s.model_dump(mode="json") for s in self.stage],
            **({"end": {k: [s.model_dump(mode="json") for s in v] for k, v in self.end.items()}} if self.end else {}),
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
    table = {**table, "stage": _tables(table.get("stage", []))}
    mistakes = []
    ends = table.pop("end", {})
    if not isinstance(ends, dict) or set(ends) - set(ENDS):
        found = ", ".join(ends) if isinstance(ends, dict) else repr(ends)
        mistakes.append(f"end: {found}: write [[end.LEVEL]] tables, LEVEL one of {', '.join(ENDS)}")
        ends = {}
    ends = {level: _tables(stages) for level, stages in ends.items()}
    mistakes += _override(table, ends, overrides or {})
    stages = _stages(table["stage"], "stage", mistakes)
    endings = {level: _stages(tables, f"end.{level}, stage", mistakes) for level, tables in ends.items()}
    if None in stages or any(None in found for found in endings.values()):
        # the other tables are still checked, with it for the stages
        stand_in = [STAGES["generate"].model_validate({"kind": "generate"})]
        mistakes += _mistakes({**table, "stage": stand_in})
    else:
        try:
            protocol = Protocol(**{**table, "stage": tuple(stages), "end": {k: tuple(v) for k, v in endings.items()}})
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
                f"no protocol is called {name_or_path!r}; {suggested(name_or_path, shipped)}shipped: {', '.join(shipped)}; "
                "a file's name ends in .toml"
            )
        path = resources.path("protocols", f"{name_or_path}.toml")
    try:
        table = tomllib.loads(no_pipe(path).read_text(encoding="utf-8"))
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


def _tables(value: Any) -> list:
    return [dict(s) if isinstance(s, dict) else s for s in (value if isinstance(value, list) else [value])]


def _stages(tables: list, name: str, mistakes: list[str]) -> list[Stage | None]:
    """The stages that the tables stand for, None where one has mistakes, which are added to ``mistakes``."""
    stages: list[Stage | None] = []
    for number, entry in enumerate(tables, start=1):
        kind = entry.get("kind") if isinstance(entry, dict) else None
        stages.append(None)
        if not isinstance(kind, str) or kind not in STAGES:
            mistakes.append(
                f"{name} {number}: kind = {kind!r} is not a stage; {suggested(str(kind), STAGES)}known: {', '.join(STAGES)}"
            )
            continue
        try:
            stages[-1] = TypeAdapter(STAGES[kind]).validate_python(entry)
        except ValidationError as error:
            mistakes += [f"{name} {number} ({kind}): {line}" for line in _lines(error, _parameters(kind))]
    return stages


def _override(table: dict[str, Any], ends: dict[str, list], overrides: dict[str, Any]) -> list[str]:
    """Change the tables; a number counts on from the stages into each of the ends."""
    mistakes = []
    for key, value in overrides.items():
        target, _, parameter = key.partition(".")
        first = table["stage"]
        stages = [s for tables in (first, *ends.values()) for s in tables if isinstance(s, dict)]
        parts = {str(s.get("kind")) for s in stages} & set(STAGES) if not target.isdigit() else set()
        if (target == "export" or target in parts) and parameter not in (have := _parameters(target)):
            mistakes.append(f"--set {key}: {target} has no parameter {parameter!r}; {_listed(parameter, have)}")
            continue
        if target == "export":
            table["export"] = {**table.get("export", {}), parameter: value}
            continue
        if target.isdigit():
            ways = [first + tables for tables in ends.values()] or [first]
            there = [way[int(target) - 1] for way in ways if 0 < int(target) <= len(way)]
            chosen = [s for s in there if isinstance(s, dict)]
        else:
            chosen = [s for s in stages if s.get("kind") == target]
        if not chosen:
            there = list(dict.fromkeys([*(str(s.get("kind")) for s in stages), "export"]))
            mistakes.append(
                f"--set {key}: the protocol has no stage {target!r}; {suggested(target, there)}it has {', '.join(there)}"
            )
        for stage in chosen:
            stage[parameter] = value
    return mistakes


def _mistakes(table: dict[str, Any]) -> list[str]:
    try:
        Protocol(**table)
    except ValidationError as error:
        return _lines(error)
    return []


def _parameters(part: str) -> list[str]:
    """The parameters of a kind of stage, or of ``export``."""
    model = Export if part == "export" else STAGES[part]
    return [name for name in model.model_fields if name != "kind"]


def _listed(parameter: str, have: list[str]) -> str:
    return f"{suggested(parameter, have)}it has {', '.join(have)}"


def _lines(error: ValidationError, have: Sequence[str] = ()) -> list[str]:
    """A line for each mistake; ``have`` are the parameters that there are."""
    lines = []
    for item in error.errors():
        path = ".".join(str(p) for p in item["loc"])
        value = "" if item["type"] in ("missing", "value_error") and not path else f" = {item['input']!r}"
        if item["type"] == "missing":
            value = ""
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = list(have) if len(item["loc"]) == 1 else _parameters("export") if item["loc"][0] == "export" else []
            message = "is not a parameter here" + (f"; {_listed(str(item['loc'][-1]), known)}" if known else "")
        lines.append(f"{path}{value}: {message}" if path else message)
    return lines
