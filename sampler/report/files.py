"""A report as two files: one page that opens anywhere, and the same for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, SamplerError
from ..storage import write_text
from ..text.plain import plain
from .asked import Asked
from .kinds import kind_of
from .pages import default_page, up_to_date


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
        html, json: the files. report: what is in them.
    """

    html: Path
    json: Path
    report: dict[str, Any]


def write(
    path: Path,
    asked: Asked | None = None,
    out: Path | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Written:
    """Write the report of a run, a screen or a file of ``sampler thermo``.

    What it links to (the runs of a screen) gets reports of its own, where these are missing or out of date.

    Args:
        path: what it is of. asked: options. out: the page; the values go beside it, with the ending ``.json``. By default
            ``report.html`` in the folder of the run or screen, or beside the file, named like it.
        say: told what could not be linked.

    Raises:
        InputError: nothing that a report can be made of, or ``out`` is no name of a page. RunError: an unfinished or damaged
            run. StorageError: it cannot be written.
    """
    from .page import html

    kind, asked = kind_of(path), asked or Asked()
    page = out or default_page(path)
    beside = _beside(page, path)
    for part in kind.parts(path):
        _write_part(part, asked, say)
    report = plain(kind.build(path, asked))
    if path.is_dir():
        _relink(report, path, page.parent)
    write_text(page, html(report))
    write_text(beside, json.dumps(report, ensure_ascii=False, allow_nan=False) + "\n")
    return Written(page, beside, report)


def _write_part(path: Path, asked: Asked, say: Callable[[str], object]) -> None:
    if asked == Asked(asked.library) and up_to_date(default_page(path), path):
        return
    try:
        write(path, asked)
    except SamplerError as error:
        say(f"{path} has no report: {error}")


def _relink(report: dict[str, Any], folder: Path, there: Path) -> None:
    """Links from ``folder`` become those from where the page is."""
    if folder.resolve() == there.resolve():
        return
    way = Path(os.path.relpath(folder, there)).as_posix()
    moved = lambda href: f"{way}/{href}" if href else href  # noqa: E731
    if "table" in report:
        report["table"]["hrefs"] = [moved(href) for href in report["table"]["hrefs"]]
    for cell in (cell for plane in report.get("grid", ()) for cell in plane["cells"]):
        cell["href"] = moved(cell["href"])


def _beside(page: Path, path: Path) -> Path:
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out {page}: the page is HTML; give it a name that ends in .html")
    beside = page.with_suffix(".json")
    if path.is_file() and beside.resolve() == path.resolve():
        raise InputError(
            f"--out {page}: the values would go to {beside} and replace what the report is of; take another name"
        )
    return beside
