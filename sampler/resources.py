"""Where the files that ship with sampler lie: the only place that knows checkout from wheel."""

import os
from pathlib import Path

from .errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def path(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. ``path("data", "monomers")`` or ``path("protocols")``.

    A wheel holds ``data/`` and ``protocols/`` inside the package, a checkout beside it.

    Raises:
        InputError: no such file ships with sampler.
    """
    for base in (_PACKAGE, _PACKAGE.parent):
        candidate = base.joinpath(*parts)
        if candidate.exists():
            return candidate
    raise InputError(f"{'/'.join(parts)} does not ship with sampler (looked below {_PACKAGE} and beside it)")


def user_folder() -> Path:
    """Where ``sampler monomer add`` keeps the user's molecules: $SAMPLER_HOME/monomers or ~/.sampler/monomers."""
    return Path(os.environ.get("SAMPLER_HOME") or Path.home() / ".sampler") / "monomers"


def level_folders() -> list[Path]:
    """Where level files are looked for: those that ship first, then the folders of the variable ``SAMPLER_LEVELS``."""
    users = [Path(p) for p in os.environ.get("SAMPLER_LEVELS", "").split(os.pathsep) if p]
    return [path("data", "levels"), *users]


def level_files() -> list[Path]:
    """All level files, in this order of folders, each folder by name."""
    return [p for folder in level_folders() for p in sorted(folder.glob("*.toml"))]
