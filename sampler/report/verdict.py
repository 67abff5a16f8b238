"""The verdict on a run in two sentences: what was found at which level; how sure that is, and what is next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .orca_results import FINISHED, WRITTEN, OrcaResults
from .uncertainty import Uncertainty

NEAR = 1.0
"""kcal/mol; structures this close to the lowest are counted."""
_UNSEEN = 0.2
"""Share of the low minima that may be unseen before more search comes before better energies."""


def verdict(
    structures: Sequence[Mapping[str, Any]],
    of: int,
    level: str,
    search: Mapping[str, Any] | None,
    error: Uncertainty,
    orca: OrcaResults,
    folder: Path,
    kept: Mapping[str, Any] | None = None,
) -> list[str]:
    """Two sentences.

    Args:
        structures: of the report, lowest first. of: how many the result has. level: of the energies, in words.
        search: of :func:`sampler.report.funnel_steps.search`. kept: what a selection by confidence says, if there was one.
    """
    return [_found(structures, of, level), _sure(structures, search, error, kept) + "; " + _next(search, orca, folder)]


def _found(structures: Sequence[Mapping[str, Any]], of: int, level: str) -> str:
    lowest = structures[0]
    if lowest["relative_energy_kcalmol"] is None:
        states = len({s["state_label"] for s in structures})
        return f"{of} structures were found, in {states} protonation state{'s' * (states != 1)}; none of them has an energy."
    words = f"The lowest of {of} structures is " if of > 1 else "The one structure found is "
    words += lowest["state_label"] or lowest["id"]
    if lowest["binding_energy_kcalmol"] is not None:
        words += f", bound by {-lowest['binding_energy_kcalmol']:.1f} kcal/mol"
    words += f" at {level}" if level else ""
    words += _in_free_energy(structures)
    near = _within(NEAR, structures)
    if of > 1:
        words += (
            f"; {near or 'no'} other{'s' * (near != 1)} {'lies' if near == 1 else 'lie'} within {NEAR:g} kcal/mol of it"
        )
    return words + "."


def _within(window: float, structures: Sequence[Mapping[str, Any]]) -> int:
    """How many others lie so close to the lowest, kcal/mol."""
    above = [s["relative_energy_kcalmol"] for s in structures[1:]]
    return sum(value is not None and value <= window for value in above)


def _in_free_energy(structures: Sequence[Mapping[str, Any]]) -> str:
    """What free energies say of the lowest structure, where they are known."""
    known = [s for s in structures if s["relative_gibbs_kcalmol"] is not None]
    if not known:
        return ""
    best = min(known, key=lambda s: (s["relative_gibbs_kcalmol"], s["rank"]))
    bound = "" if best["gibbs_kcalmol"] is None else f" (ΔG {best['gibbs_kcalmol']:.1f} kcal/mol)".replace("-", "−")
    which = "it" if best is structures[0] else f"number {best['rank']} ({best['state_label'] or best['id']})"
    return f", and {which} is lowest in free energy{bound}"


def _sure(
    structures: Sequence[Mapping[str, Any]],
    search: Mapping[str, Any] | None,
    error: Uncertainty,
    kept: Mapping[str, Any] | None,
) -> str:
    parts = [search["known"] if search else "No search has looked for more, so nothing is known of what is unseen"]
    if kept:
        parts.append(
            f"what was kept holds the B97-3c minimum of what was seen with a probability of {kept['probability']:.0%}"
        )
    if error.kcalmol is None:
        parts.append("how far off its energies are is not known")
    else:
        open_ = _within(error.kcalmol, structures)
        order = f", within which {open_ + 1} structures lie" if open_ else ""
        parts.append(f"relative energies are off by about {error.kcalmol:.2g} kcal/mol{order}")
    return "; ".join(parts)


def _next(search: Mapping[str, Any] | None, orca: OrcaResults, folder: Path) -> str:
    jobs, waiting = len(orca.status), orca.counts.get(WRITTEN, 0)
    finished = orca.counts.get(FINISHED, 0)
    inputs = folder / orca.folder
    if finished and finished == jobs:
        verb = "free energies, " if orca.frequencies else ""
        return f"next: {verb}sampler thermo {inputs} and the monomers, for all {jobs} ORCA jobs have finished."
    if finished:
        return f"next: the other {jobs - finished} of {jobs} ORCA jobs in {inputs}, then sampler import orca {inputs}."
    if more := _more_search(search):
        return f"next: {more}, before the {waiting} ORCA inputs in {inputs}." if waiting else f"next: {more}."
    if waiting:
        return f"next: run the {waiting} ORCA inputs in {inputs}, then sampler import orca {inputs}."
    return f"next: inputs for better energies, sampler export orca {folder}."


def _more_search(search: Mapping[str, Any] | None) -> str:
    """What to do for more minima, '' where there is no need."""
    if search is None:
        return "a search, with --protocol standard"
    unseen, seen = search.get("unseen"), search.get("seen") or 0
    if unseen is not None and unseen >= max(1.0, _UNSEEN * seen):
        how = "--patience or another --seed" if search["rounds"] else "--protocol standard"
        return f"more search, with {how}"
    if search["stopped"] in ("rounds", "budget"):
        return "more search: it had not come to an end"
    return ""
