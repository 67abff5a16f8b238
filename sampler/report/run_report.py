"""The report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import RunError
from ..funnel import results
from ..funnel.protocols.own_model import remarks_of
from ..identify.hydrogen_bonds import HYDROGEN_BOND
from ..rundir.directory import read_ledgers, read_manifest, read_result
from ..rundir.finished import complete
from . import commands, funnel_steps, provenance
from .asked import Asked
from .free_energies import FreeEnergies, free_energies
from .geometry import RMSD
from .orca_results import orca_results
from .structures import add_orca, add_weights, entries
from .uncertainty import of_run as uncertainty_of
from .verdict import verdict


def build(folder: Path, asked: Asked) -> dict[str, Any]:
    """What there is to tell of a finished run; see :mod:`sampler.report` for the keys.

    Raises:
        RunError: no run directory, one without a result, or one that is damaged.
        CompositionError: it was made with molecules that are not in the library.
    """
    manifest, ledgers = read_manifest(folder), read_ledgers(folder)
    try:
        return _build(folder, manifest, ledgers, asked)
    except (LookupError, TypeError, AttributeError) as error:  # of a file that is JSON, but not what we wrote
        raise RunError(
            f"{folder}: its manifest or ledger is damaged ({type(error).__name__}: {error}); run the same sampler run "
            "command again, it repairs it"
        ) from error


def _build(folder: Path, manifest: dict[str, Any], ledgers: list, asked: Asked) -> dict[str, Any]:
    library, clusters = asked.library, read_result(folder).lowest_first()
    composition = results.composition_of(folder, library)
    everything = results.ranking(clusters, composition, library)
    error = uncertainty_of(folder, manifest, composition, ledgers, clusters.level)
    orca = orca_results(folder)
    free = free_energies(folder, manifest["composition"], ledgers[-1].output_sha256, asked)
    shown = min(asked.structures, len(clusters))
    source = str((manifest.get("from") or {}).get("source", ""))
    found = entries(clusters[:shown], everything[:shown], composition, library, error, source)
    weights = add_weights(found, everything, free, orca, asked.temperature)
    search = funnel_steps.search(folder, ledgers)
    level = _level(manifest, clusters.level)
    cited, uncited = provenance.citations([folder])
    kept = next((one["confidence"] for one in reversed(ledgers) if "confidence" in one), None)
    return {
        "schema": 1,
        "kind": "run",
        "title": manifest["composition"],
        "formula": composition.formula(library),
        "verdict": verdict(found, len(clusters), level.partition(" (")[0], search, error, orca, folder, kept),
        "level": level,
        "temperature_K": asked.temperature,
        "made": provenance.made_now(),
        "structures": found,
        "cut": {"shown": shown, "of": len(clusters)},
        "weights": weights,
        "rmsd": RMSD,
        "hydrogen_bond": HYDROGEN_BOND,
        "orca": add_orca(found, orca),
        "error": {"text": error.text},
        "funnel": funnel_steps.steps(folder, manifest, ledgers),
        "search": search,
        "commands": commands.of_run(folder, manifest, composition, library, clusters.level),
        "versions": provenance.versions([manifest]),
        "seeds": {"seed": manifest["seed"]},
        "citations": cited,
        "remarks": [
            text
            for text in (
                "" if complete(folder) else "a run that was started later has not ended; this is the result before it",
                _other_level(free, clusters.level),
                results.no_binding(clusters.level, composition, library),
                *remarks_of(folder), *free.remarks, *orca.remarks, *uncited,
            )
            if text
        ],
    }  # fmt: skip


def _other_level(free: FreeEnergies, level: str) -> str:
    """What is to be said of free energies that are not of the ranking's level; '' where they are."""
    if not free.gibbs or free.level.partition("//")[0] == level:
        return ""
    return f"free energies are at {free.level} ({free.source}), while the ranking is by energies at {level}"


def _level(manifest: dict[str, Any], level: str) -> str:
    """The level of the energies, and what gives them where it is a network."""
    by = str((manifest.get("level") or {}).get("by", ""))
    return f"{level} by {by}" if by.startswith("PaiNN") else level
