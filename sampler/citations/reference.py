"""The references that sampler knows (``data/citations.toml``), as text and as BibTeX."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass

from .. import resources

_OTHERS = "others"
_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "Δ": r"{$\Delta$}", "–": "--", "—": "---", "“": "``", "”": "''"}


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes:
        key: for BibTeX. authors: "Family, Given", the last "others" where there are more. journal: or proceedings.
        doi: '' where there is none.
    """

    key: str
    title: str
    authors: tuple[str, ...]
    journal: str
    year: int
    pages: str
    volume: str = ""
    doi: str = ""
    type: str = "article"

    @property
    def url(self) -> str:
        """Where it is; '' without a DOI."""
        return f"https://doi.org/{self.doi}" if self.doi else ""

    def __str__(self) -> str:
        names = [_short(name) for name in self.authors if name != _OTHERS]
        who = ", ".join(names) + (" et al." if _OTHERS in self.authors else "")
        where = ", ".join(filter(None, [f"{self.journal} {self.year}", self.volume, self.pages]))
        return " ".join(filter(None, [f"{who}: {self.title}. {where}.", self.url]))

    def bibtex(self) -> str:
        """An entry in UTF-8, which BibTeX, biber and reference managers read."""
        place = "journal" if self.type == "article" else "booktitle"
        fields = {
            "author": " and ".join(self.authors), "title": f"{{{self.title}}}", place: self.journal, "year": str(self.year),
            "volume": self.volume, "pages": self.pages,
        }  # fmt: skip
        lines = [f"  {name} = {{{_latex(value)}}}" for name, value in fields.items() if value]
        lines += [f"  doi = {{{self.doi}}}"] if self.doi else []
        return f"@{self.type}{{{self.key},\n" + ",\n".join(lines) + "\n}\n"


@functools.cache
def references() -> dict[str, Reference]:
    """Key -> reference, of all that are known."""
    table = tomllib.loads(resources.path("data", "citations.toml").read_text(encoding="utf-8"))
    return {key: Reference(key, **{**entry, "authors": tuple(entry["authors"])}) for key, entry in table.items()}


def key_of(doi: str) -> str:
    """The key of the reference with this DOI; KeyError if none is known."""
    return {r.doi.lower(): key for key, r in references().items() if r.doi}[doi.lower()]


def _short(name: str) -> str:
    """``Wales, David J.`` -> ``D. J. Wales``."""
    family, _, given = name.partition(", ")
    return " ".join([*(f"{word[0]}." for word in given.split()), family])


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
