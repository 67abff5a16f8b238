"""Where a report is from: versions, citations, and how each structure was made."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..citations.of_dynamics import citations_of_dynamics
from ..citations.reference import references
from ..citations.used import Citations, citations_of
from ..clusters import Clusters
from ..columns import GROWN, MOVE, ORIGIN, PARENT, SEED_CHUNK
from ..errors import SamplerError
from ..version import __version__

_PACKAGES = ("numpy", "ase", "numba", "tblite", "torch", "pyscf")


def made_now() -> dict[str, str]:
    """Version and time (UTC) of a report that is being written."""
    return {
        "version": __version__,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def versions(manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Of sampler when the runs were made, of their models, and of what is installed now."""
    runs = dict.fromkeys(str(m.get("sampler_version", "")) for m in manifests)
    found = {"sampler": ", ".join(v for v in runs if v)}
    for manifest in manifests:
        found |= dict(_models(manifest))
    found |= installed()
    return {name: text for name, text in found.items() if text}


def installed() -> dict[str, str]:
    """Of what is installed where the report is written."""
    found = {"Python (installed)": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[f"{name} (installed)"] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _models(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The models of a run, by the sha256 of their weights."""
    from ..potentials.painn.card import read_card
    from ..potentials.trained import model_folder

    for stage in manifest["protocol"]["stage"]:
        models = (stage.get("options") or {}).get("model") or ()
        for model in [models] if isinstance(models, str) else models:
            try:
                yield f"model {model}", f"weights sha256 {read_card(model_folder(model)).weights_sha256[:12]}"
            except SamplerError:
                yield f"model {model}", "cannot be read any more"


def citations(runs: Sequence[Path], low_modes: str = "") -> tuple[list[dict[str, str]], list[str]]:
    """What to cite for runs, and what has to be cited and is not known here."""
    found = citations_of(runs, low_modes)
    return _as_rows(found), found.remarks


def citations_of_simulation(folder: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The same for a folder of ``sampler md``."""
    found = citations_of_dynamics(folder)
    return _as_rows(found), found.remarks


def _as_rows(found: Citations) -> list[dict[str, str]]:
    known, rows = references(), []
    for key, reasons in found.used_for.items():
        one = known[key]
        text = str(one).removesuffix(one.url).strip() if one.url else str(one)
        rows.append({"text": text, "doi": one.doi, "for": "; ".join(reasons)})
    return rows


def origins(clusters: Clusters, source: str = "") -> list[str]:
    """How each structure was made, in words.

    Args:
        source: the file that the structures of a run came from, where they were not generated.
    """
    blank = np.full(len(clusters), "")
    text = {name: clusters.columns.get(name, blank) for name in (MOVE, PARENT, GROWN, ORIGIN)}
    chunk = clusters.columns.get(SEED_CHUNK, np.full(len(clusters), -1))
    made = []
    for i in range(len(clusters)):
        move, parent, grown, origin = (str(text[name][i]) for name in (MOVE, PARENT, GROWN, ORIGIN))
        if move:
            made.append(f"search: {move} from {parent}")
        elif grown:
            made.append(f"grown ({grown}) from {parent}")
        elif origin:
            made.append(origin)
        elif int(chunk[i]) >= 0:
            made.append(f"generated, chunk {int(chunk[i])}")
        else:
            made.append(f"from {source}" if source else "")
    return made
