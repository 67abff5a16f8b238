"""``sampler protocols``: the shipped protocols, and checking one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from . import completion
from .common import DEFAULT_PROTOCOL, Json, print_json, print_table, width


def protocols(
    name: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.protocols, help="Show this protocol, shipped or a .toml file, with all defaults."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the shipped protocols, show one, or check your own.

    The mistakes of a file are all reported at once.

    \b
    Examples:
      sampler protocols
      sampler protocols standard
      sampler protocols my.toml
    """
    from ..funnel.protocols import protocol as module
    from ..text.table import wrapped

    if name is None:
        found = [module.load(n) for n in module.names()]
        if as_json:
            print_json([p.dump() for p in found])
            return
        for p in sorted(found, key=lambda p: p.name != DEFAULT_PROTOCOL):
            typer.echo(f"{p.name} (default)" if p.name == DEFAULT_PROTOCOL else p.name)
            for text in (p.description, *_outline(p)):
                typer.echo("\n".join(f"  {line}" for line in wrapped(text, width() - 2)))
            typer.echo()
        return
    chosen = module.load(name)
    if as_json:
        print_json(chosen.dump())
        return
    typer.echo(f"{chosen.name}: {' '.join(chosen.description.split())}")
    rows = _rows(chosen.stage, 1)
    for level, stages in chosen.end.items():
        rows += [["", f"end at {level}:", ""], *_rows(stages, len(chosen.stage) + 1)]
    rows.append(["", "export", ", ".join(f"{k} = {v}" for k, v in chosen.export.model_dump(exclude_none=True).items())])
    print_table("", ["stage", "kind", "parameters"], rows, wrap={2})


def _outline(protocol) -> list[str]:
    """The kinds of the stages, and of each end."""
    first, *ends = (" → ".join(s.kind for s in stages) for stages in (protocol.stage, *protocol.end.values()))
    return [first, *(f"then, to end at {level}: {end}" for level, end in zip(protocol.end, ends))]


def _rows(stages, first: int) -> list[list]:
    """Number, kind and parameters of stages."""
    rows = []
    for position, stage in enumerate(stages, start=first):
        values = stage.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        rows.append([position, stage.kind, ", ".join(f"{k} = {v}" for k, v in values.items())])
    return rows
