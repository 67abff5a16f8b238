"""How the commands read their words and show themselves: old spellings, whole first sentences, headings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from typer.core import TyperCommand, TyperGroup

RUN, RESULTS, CHEMISTRY, MODELS, SETUP = HEADINGS = ("Run", "Results", "Chemistry", "Models", "Setup")
"""The headings of ``sampler --help``, in their order."""


class Command(TyperCommand):
    """A command. ``old`` maps spellings that help does not show to those that it does."""

    old: ClassVar[Mapping[str, str]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with suggesting():
            return super().parse_args(ctx, self._in_new_spelling(args, not ctx.resilient_parsing))

    def get_short_help_str(self, limit: int = 0) -> str:
        return first_sentence(self.help)

    def _in_new_spelling(self, words: Sequence[str], tell: bool) -> list[str]:
        """Options in their present spelling; each old one is told once, on standard error."""
        if not self.old:
            return list(words)
        valued = {n for p in self.params if p.param_type_name == "option" and _takes_value(p) for n in p.opts}
        valued |= set(self.old)
        written: list[str] = []
        used: dict[str, None] = {}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                rest, written = [], [*written, word, *rest]
                break
            flags, name, value = _parts(word, valued)
            if name in self.old:
                used[name] = None
                written += [flags] * bool(flags) + [self.old[name]] + [value] * bool(value)
            else:
                written.append(word)
            if name in valued and not value and rest:
                written.append(rest.pop(0))  # a value, whatever it looks like
        for name in used if tell else ():
            _tell(f"{name} is now {self.old[name]}; the old spelling still works")
        return written


def _takes_value(option: Any) -> bool:
    return not getattr(option, "is_flag", False) and not getattr(option, "count", False)


def _parts(word: str, valued: Collection[str]) -> tuple[str, str, str]:
    """``-qn5`` as flags before, the option that takes a value, and the value in the same word: ("-q", "-n", "5")."""
    if word.startswith("--"):
        name, _, value = word.partition("=")
        return "", name, value
    for i in range(1, len(word)) if word.startswith("-") else ():
        if (name := f"-{word[i]}") in valued:
            return word[:i] if i > 1 else "", name, word[i + 1 :]
    return "", "", ""


def renamed(**old: str) -> type[Command]:
    """A command with old spellings: ``renamed(p="--preset", limit="--count")``."""
    return type("Renamed", (Command,), {"old": {f"-{k}" if len(k) == 1 else f"--{k}": v for k, v in old.items()}})


@contextmanager
def suggesting() -> Iterator[None]:
    """Mistyped options are told as mistyped commands are."""
    try:
        yield
    except Exception as error:
        if near := getattr(error, "possibilities", None):
            error.message = f"{str(error.message).rstrip('.')}. Did you mean {', '.join(map(repr, near))}?"  # type: ignore[attr-defined]
            error.possibilities = None  # type: ignore[attr-defined]
        raise


class Group(TyperGroup):
    """A group of commands; those of the root stand below their headings."""

    def get_short_help_str(self, limit: int = 0) -> str:
        return first_sentence(self.help)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        shown = {name: self.commands[name] for name in self.list_commands(ctx) if not self.commands[name].hidden}
        headings = list(dict.fromkeys((*HEADINGS, *map(_heading, shown.values()))))
        wide = max(map(len, shown), default=0)
        for heading in headings:
            rows = [(n.ljust(wide), c.get_short_help_str()) for n, c in shown.items() if _heading(c) == heading]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def by_default(command: str) -> type[Group]:
    """A group whose first word may be left out: words that begin with none of its commands are those of ``command``."""
    return type("ByDefault", (_ByDefault,), {"default": command})


class _ByDefault(Group):
    default: ClassVar[str] = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def _heading(command: Any) -> str:
    panel = getattr(command, "rich_help_panel", None)
    return panel if isinstance(panel, str) else "Commands"


def first_sentence(text: str | None) -> str:
    """The first sentence of a help text, whole."""
    paragraph = " ".join((text or "").strip().split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".")


def _tell(line: str) -> None:
    import typer

    typer.echo(f"sampler: {line}", err=True)
