"""What the generated pages share."""

import re

MADE_BY = "Made by `python .ci/pages` from {}; change that, not this page."


def head(title: str, source: str) -> list[str]:
    return [f"# {title}", "", MADE_BY.format(source), ""]


def table(columns: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table; what a cell must not hold is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines]


def plain(docstring: str) -> str:
    """A docstring's words as Markdown: roles and double backticks become code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", docstring)
    return re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split()))
