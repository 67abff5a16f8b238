"""The command that installs what is lacking, fit for how this package came here."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from urllib.parse import unquote, urlparse

_NAME = "cluster-sampler"


def install(extra: str) -> str:
    """The command that adds an extra to this installation, be it of a checkout, of a repository or of a package index.

    >>> install("dft").startswith("pip install ")
    True
    """
    from importlib import metadata

    here = Path(__file__).resolve().parents[1]
    if _is_checkout(here):
        return f"pip install -e {shlex.quote(f'{_short(here)}[{extra}]')}"
    try:
        told = json.loads(metadata.distribution(_NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        told = {}
    url, vcs = str(told.get("url", "")), told.get("vcs_info", {})
    if vcs:
        system = vcs.get("vcs", "git")
        at = f"@{vcs['requested_revision']}" if vcs.get("requested_revision") else ""
        return f"pip install {shlex.quote(f'{_NAME}[{extra}] @ {system}+{url}{at}')}"
    source = Path(unquote(urlparse(url).path)) if url.startswith("file:") else None
    if source is not None and (_is_checkout(source) or source.is_file()):  # a folder, or a wheel in one
        return f"pip install {shlex.quote(f'{_short(source)}[{extra}]')}"
    return f"pip install '{_NAME}[{extra}]'"


def _is_checkout(folder: Path) -> bool:
    try:
        return f'name = "{_NAME}"' in (folder / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return False


def _short(folder: Path) -> str:
    return "." if folder == Path.cwd() else str(folder)
