"""What pages are called, and whether one is younger than what it is of."""

from __future__ import annotations

from pathlib import Path

from ..rundir.ledger import NAME as LEDGER

PAGE = "report.html"
_SOURCES = ("manifest.json", LEDGER, "results.json", "remarks.json", "orca/*.out", "*.json")


def default_page(path: Path) -> Path:
    """Where the page of ``path`` goes unless someone says otherwise: into the folder, or beside the file."""
    return path / PAGE if path.is_dir() else path.with_name(f"{path.stem}.{PAGE}")


def up_to_date(page: Path, run: Path) -> bool:
    """Whether a page and its values are there, and nothing in the run directory is younger."""
    values = page.with_suffix(".json")
    if not page.is_file() or not values.is_file():
        return False
    made = page.stat().st_mtime_ns
    sources = {path for pattern in _SOURCES for path in run.glob(pattern)} - {values}
    return all(path.stat().st_mtime_ns <= made for path in sources)
