"""The page of protocols and stages: what ships, and every parameter with its default and meaning."""

import ast
import inspect
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .text import head, plain, table

INTRODUCTION = """\
A protocol declares the stages of [the funnel](../concepts/funnel.md), in order. How one is written:
[a protocol of your own](../guides/own-protocol.md). Which one to take:
[choosing a protocol](../guides/choosing-a-protocol.md). `sampler protocols NAME` prints one with all
defaults."""


def page() -> str:
    from sampler.funnel.protocols import protocol as protocols
    from sampler.funnel.protocols.protocol import Export
    from sampler.funnel.stages.registry import STAGES

    lines = [
        *head("Protocols", "`protocols/*.toml` and `sampler/funnel/stages`"),
        INTRODUCTION,
        "",
        "## Those that ship",
        "",
    ]
    for name in protocols.names():
        lines += _shipped(protocols.load(name))
    lines += ["## Stages", ""]
    for kind, stage in STAGES.items():
        lines += [f"### {kind}", "", plain(inspect.getdoc(stage) or ""), "", *_parameters(stage), ""]
    lines += ["## export", "", plain(inspect.getdoc(Export) or ""), "", *_parameters(Export), ""]
    return "\n".join(lines)


def _shipped(protocol: Any) -> list[str]:
    ways = [("stages", protocol.stage), *((f"end for {level}", stages) for level, stages in protocol.end.items())]
    rows = [f"- {what}: " + " → ".join(_stage(s) for s in stages) for what, stages in ways]
    return [f"### {protocol.name}", "", " ".join(protocol.description.split()), "", *rows, ""]


def _stage(stage: Any) -> str:
    """The kind and what is not the default, as one writes it."""
    changed = {n: getattr(stage, n) for n, f in type(stage).model_fields.items() if n != "kind"}
    changed = {n: v for n, v in changed.items() if v != type(stage).model_fields[n].default}
    return f"`{stage.kind}`" + (f" ({', '.join(f'{n} {_value(v)}' for n, v in changed.items())})" if changed else "")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _parameters(model: type[Any]) -> list[str]:
    said = meanings(model)
    rows = [
        [
            f"`{name}`",
            _type(field.annotation),
            "" if field.default is None else f"`{_value(field.default)}`",
            said.get(name, ""),
        ]
        for name, field in model.model_fields.items()
        if name != "kind"
    ]
    return table(["parameter", "takes", "default", "meaning"], rows)


def meanings(model: type[Any]) -> dict[str, str]:
    """The docstrings below a class's fields, those of its bases included."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if one.__module__.startswith("sampler."):
            body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(one))).body[0].body  # type: ignore[attr-defined]
            for field, after in zip(body, body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(after, ast.Expr)
                    and isinstance(after.value, ast.Constant)
                ):
                    found[field.target.id] = plain(str(after.value.value))  # type: ignore[union-attr]
    return found


def _type(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(one) for one in inner if one is not type(None))
    if origin is list:
        return f"a list of {_type(inner[0])}"
    if origin is dict:
        return "a table"
    return {int: "integer", float: "number", bool: "`true`, `false`", str: "text"}.get(
        kind, getattr(kind, "__name__", str(kind))
    )
