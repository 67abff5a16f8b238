"""The pages of the documentation, and the commands in them, as the tests of this folder see them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED = {
    DOCS / "reference" / f"{name}.md" for name in ("commands", "columns", "protocols", "monomers", "models", "python")
}
LOG = DOCS / "development-log.md"
PAGES = sorted(DOCS.rglob("*.md"))
WRITTEN = [page for page in PAGES if page not in GENERATED]
OUTSIDE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FENCE = re.compile(r"^ *```(\w*)$")
ENDS = {"&", "&&", "|", "||", ";", ">", ">>", "2>", "<"}
"""Words at which a command ends."""


@dataclass(frozen=True)
class Line:
    """A line of a page: its number, its text, and the language of the block of code that it is in (None: prose)."""

    number: int
    text: str
    block: str | None

    @property
    def table(self) -> bool:
        return self.block is None and self.text.lstrip().startswith("|")


def lines(page: Path) -> Iterator[Line]:
    block = None
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(text)
        if fence:
            block = None if block is not None else fence[1]
        else:
            yield Line(number, text, block)


def blocks(page: Path, *languages: str) -> list[str]:
    """The texts of the blocks of code in these languages, in order."""
    found, inside = [], None
    for text in page.read_text(encoding="utf-8").splitlines():
        fence = FENCE.match(text)
        if fence:
            if inside is not None:
                found.append((inside[0], "\n".join(inside[1])))
            inside = None if inside is not None else (fence[1], [])
        elif inside is not None:
            inside[1].append(text)
    return [text for language, text in found if language in languages]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each ``sampler …`` in the shell and console blocks of a page."""
    for text in blocks(page, "bash", "console"):
        joined = re.sub(r" *\\\n *", " ", text)
        for line in joined.splitlines():
            yield from in_line(re.sub(r"^(\w+)?\$ ", "", line))


def in_line(line: str) -> Iterator[list[str]]:
    try:
        words = [] if "[OPTIONS]" in line else shlex.split(line, comments=True)  # a synopsis is no command
    except ValueError:
        return  # printed output, not a command
    while "sampler" in words:
        words = words[words.index("sampler") :]
        end = next((i for i, word in enumerate(words) if word in ENDS), len(words))
        yield words[1:end]
        words = words[end:]


def inline(page: Path) -> Iterator[list[str]]:
    """The words of each `sampler …` in the prose and tables of a page, where nothing is left out of it with '…'."""
    prose = "\n".join(line.text for line in lines(page) if line.block is None)
    for code in re.findall(r"`(sampler [^`]+)`", prose):
        code = " ".join(code.replace("\\|", "|").split())
        if "…" not in code and "..." not in code and "|" not in code and not code.split()[1].isupper():  # COMMAND
            yield from in_line(code)
