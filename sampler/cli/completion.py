"""What a shell offers after Tab: molecules of a composition, protocols, models, runs. No heavy import: Tab must not wait."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

_EXAMPLES = ("1sa1am", "2sa2am", "3sa3am", "4sa4am")


def compositions(incomplete: str) -> list[str]:
    """``2sa2`` goes on with each molecule; nothing yet, with examples; runs that are here are offered, too."""
    if not incomplete:
        return [*runs(""), *_EXAMPLES]
    if not (found := re.fullmatch(r"((?:.*[a-z])?\d+)([a-z]*)", incomplete.lower())):
        return []
    before, begun = incomplete[: found.end(1)], found[2]
    whole = [f"{before}{name}" for name in molecules(begun)]
    return list(dict.fromkeys([*runs(incomplete), *whole]))


def axes(incomplete: str) -> list[str]:
    """``1-4s`` is a range of sulfuric acids."""
    if found := re.fullmatch(r"(\d+-\d+)([a-z]*)", incomplete.lower()):
        return [f"{found[1]}{name}" for name in molecules(found[2])]
    return compositions(incomplete) if incomplete else ["1-4sa", "0-4am", "am=sa±2"]


def molecules(incomplete: str) -> list[str]:
    """Names of molecules, the shipped ones and the user's; aliases only where nothing else begins so."""
    from .. import resources

    files = [*resources.path("data", "monomers").glob("*.toml"), *resources.user_folder().glob("*.toml")]
    names: dict[str, None] = {}
    aliases: list[str] = []
    for file in sorted(files):
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            names[str(table["name"])] = None
            aliases += map(str, table.get("aliases", ()))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # said where the molecules are used
    near = [name for name in names if name.startswith(incomplete)]
    return near or [alias for alias in aliases if alias.startswith(incomplete)]


def protocols(incomplete: str) -> list[str]:
    """Those that ship, and files."""
    from .. import resources

    shipped = sorted(p.stem for p in resources.path("protocols").glob("*.toml"))
    return [*(name for name in shipped if name.startswith(incomplete)), *_files(incomplete, (".toml",))]


def models(incomplete: str) -> list[str]:
    """Short names, those of the folders that ship, and other folders of models."""
    from .. import resources

    folder = resources.path("data", "models")
    short = tomllib.loads((folder / "names.toml").read_text(encoding="utf-8"))
    names = [*short, *sorted(p.name for p in folder.iterdir() if p.is_dir())]
    return [*(name for name in names if name.startswith(incomplete)), *_folders(incomplete, "card.toml")]


def runs(incomplete: str) -> list[str]:
    """Run directories and screens."""
    return _folders(incomplete, "manifest.json", "screen.csv")


def inputs(incomplete: str) -> list[str]:
    """Run directories, screens, and files of structures or results."""
    return [*runs(incomplete), *_files(incomplete, (".npz", ".xyz", ".extxyz", ".db", ".pkl", ".json", ".out", ".csv"))]


def models_and_data(incomplete: str) -> list[str]:
    """What ``sampler evaluate`` takes: models, and a data set."""
    return [*models(incomplete), *_files(incomplete, (".npz",))]


def levels(incomplete: str) -> list[str]:
    """Levels that a run ends at."""
    return [level for level in ("auto", "b97-3c", "gfn1-xtb") if level.startswith(incomplete)]


def _below(incomplete: str) -> Iterator[tuple[str, Path]]:
    """What is in the folder that is being typed: (as it would be typed, path)."""
    typed, _, begun = incomplete.rpartition("/")
    folder = Path(typed or ("/" if incomplete.startswith("/") else ".")).expanduser()
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return
    for name in entries:
        if name.startswith(begun) and (begun or not name.startswith(".")):
            yield (f"{typed}/{name}" if "/" in incomplete else name), folder / name


def _folders(incomplete: str, *marks: str) -> list[str]:
    """Folders that hold one of these files."""
    return [text for text, path in _below(incomplete) if any((path / mark).is_file() for mark in marks)]


def _files(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    return [text for text, path in _below(incomplete) if path.suffix in endings and path.is_file()]
