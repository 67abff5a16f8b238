"""What the commands of ``sampler study`` share: options, lists of words, and how they tell numbers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import number

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the study.")]
Plan = Annotated[bool, typer.Option("--plan", help="Say what it will cost on this machine, and start nothing.")]
Keep = Annotated[bool, typer.Option("--keep-models", help="Keep every model in OUT/models. Default: none.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting: NAME=VALUE, e.g. n_atom_basis=64 (may be repeated)."),
]
MixCharges = Annotated[bool, typer.Option("--mix-charges", help="Neutral and charged clusters together.")]


def network_settings(recipe: str, settings: list[str] | None, epochs: int | None):
    """Settings of a network from the options of a command."""
    from ..errors import InputError
    from ..learn.training.settings import RECIPES
    from ..text.nearest import suggested
    from .train import changes

    if recipe not in RECIPES:
        raise InputError(f"no recipe is called {recipe!r}; {suggested(recipe, RECIPES)}known: {', '.join(RECIPES)}")
    wanted = changes(settings or []) | ({"epochs": epochs} if epochs else {})
    if "seed" in wanted:
        raise InputError("the seed of a study is given with --seed; that of each repeat follows from it")
    return RECIPES[recipe].replace(**wanted)


def numbers(text: str) -> tuple[int, ...]:
    """``100,200,1k,16k`` as numbers.

    Raises:
        InputError: something else.
    """
    from ..errors import InputError

    found = []
    for word in filter(None, (w.strip() for w in text.split(","))):
        digits, factor = (word[:-1], 1000) if word[-1:].lower() == "k" else (word, 1)
        try:
            found.append(round(float(digits) * factor))
        except (ValueError, OverflowError) as error:
            raise InputError(f"{word!r} is no number of structures; give numbers such as 100,200,1k") from error
    if not found:
        raise InputError("no sizes are given; give numbers such as 100,200,1k")
    return tuple(dict.fromkeys(found))


def named(text: str, known: Collection[str], kind: str) -> tuple[str, ...]:
    """The words of ``a,b``, in the order of ``known``.

    Raises:
        InputError: a word that is not known, or none.
    """
    from ..errors import InputError
    from ..text.nearest import suggested

    words = [w for w in (w.strip() for w in text.split(",")) if w]
    for word in words or [text]:
        if word not in known:
            raise InputError(f"no {kind} is called {word!r}; {suggested(word, known)}known: {', '.join(known)}")
    return tuple(w for w in known if w in words)


def seed_numbers(text: str) -> tuple[int, ...]:
    """``7,42,69`` as numbers.

    Raises:
        InputError: something else.
    """
    from ..errors import InputError

    words = [w for w in (w.strip() for w in text.split(",")) if w]
    for word in words:
        if not word.isdecimal():
            raise InputError(f"{word!r} is no seed; give numbers such as 7,42,69")
    return tuple(map(int, words))


def mean_of_repeats(found: dict[str, Any] | None) -> str:
    """Mean and standard deviation, as a cell of a table."""
    if found is None:
        return "–"
    return number(found["mean"], 3) + (f" ± {found['std']:.3f}" if found["std"] is not None else "")


def sum_of_cost(trainings: int, seconds: float, workers: str | None) -> str:
    """What a study takes, of one core and shared by workers."""
    from ..workers.progress import duration

    shared = int(workers) if workers and workers.isdecimal() else 1
    text = f"{trainings} trainings, {duration(seconds)} of one core"
    return text + (f", {duration(seconds / shared)} with {shared} workers" if shared > 1 else "")


def this_command() -> str:
    """What the user typed, less how it should answer."""
    import shlex
    import sys

    return shlex.join(["sampler", *(w for w in sys.argv[1:] if w not in ("--json", "--quiet", "-q"))])
