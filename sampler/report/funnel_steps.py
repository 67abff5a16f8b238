"""The funnel of a run, step by step, and what its search saw: from the ledgers and what lies beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..rundir.directory import read_rounds, stage_seconds
from ..rundir.ledger import Ledger
from ..rundir.owner import SEARCHES

_WHAT = {
    "generate": "candidates", "relax": "relaxation", "identify": "which molecules each structure holds",
    "dedupe": "one of each minimum", "select": "the lowest go on", "hop": "search: moves and relaxation from the lowest",
    "anneal": "search: annealing from the lowest", "exchange": "search: replica exchange from the lowest",
    "grow": "candidates from smaller clusters", "refine": "better energies", "orca": "ORCA",
}  # fmt: skip


def steps(folder: Path, manifest: Mapping[str, Any], ledgers: Sequence[Ledger]) -> list[dict[str, Any]]:
    """One dict a stage: what it does, how many came in, went on and were dropped and why, wall seconds (None unknown)."""
    stages = manifest["protocol"]["stage"]
    return [
        {
            "stage": ledger.kind,
            "what": _what(stages[ledger.stage - 1] if ledger.stage <= len(stages) else {"kind": ledger.kind}),
            "came_in": ledger.came_in,
            "went_on": ledger.out,
            "dropped": dict(ledger.dropped),
            "seconds": stage_seconds(folder / "stages" / ledger.folder),
            "more": _more(ledger),
        }
        for ledger in ledgers
    ]


def _what(stage: Mapping[str, Any]) -> str:
    kind = str(stage["kind"])
    words = _WHAT.get(kind, kind)
    if kind == "generate":
        words += f" by {stage.get('method', 'packing')}"
    if "fmax" in stage and kind == "relax":
        words += f" to {stage['fmax']:g} eV/Å"
    if potential := stage.get("potential"):
        models = (stage.get("options") or {}).get("model") or []
        several = [models] if isinstance(models, str) else list(models)
        words += f", {potential}" + (f" ({several[0]}" if several else "")
        words += (f" and {len(several) - 1} more" if len(several) > 1 else "") + (")" if several else "")
    return words


def _more(ledger: Ledger) -> str:
    told = []
    if "ranking" in ledger:
        from ..similarity.rank_correlation import in_words

        told.append(in_words(ledger["ranking"]))
    if "confidence" in ledger:
        from ..funnel.stages.select import in_words as kept_in_words

        told.append(kept_in_words(ledger["confidence"]))
    if ledger.get("found"):
        told.append(f"{ledger['found']} found")
    told += [f"{ledger[key]:,} {key}" for key in ("rounds", "converged", "evaluations") if key in ledger]
    if "exchange" in ledger:
        told.append(_exchanges(ledger["exchange"]))
    if len(ledger.get("states", ())) > 1:
        told.append(f"{len(ledger['states'])} protonation states")
    return ", ".join(told)


def _exchanges(told: Mapping[str, Any]) -> str:
    kelvin, accepted, tried = told["temperatures_K"], sum(told["accepted"]), sum(told["tried"])
    share = f", {100 * accepted / tried:.0f} % of {tried:,} exchanges accepted" if tried else ""
    trips = told["round_trips"]
    return f"{len(kelvin)} temperatures from {kelvin[0]:.0f} to {kelvin[-1]:.0f} K{share}, {trips} round trip{'s' * (trips != 1)}"


def search(folder: Path, ledgers: Sequence[Ledger]) -> dict[str, Any] | None:
    """What the last search of a run saw, round by round; of a run without one what its candidates say, without rounds.

    None where nothing is known of what is unseen.
    """
    last = next((one for one in reversed(ledgers) if one.kind in SEARCHES), None)
    if last is None:
        last = next((one for one in reversed(ledgers) if "unseen_chao1" in one), None)
    if last is None:
        return None
    told = {
        "rounds": _rounds(folder, last.folder) if last.kind in SEARCHES else [],
        "stopped": str(last.get("stopped", "")),
        "window_kcalmol": last.get("watch_kcalmol"),
        "seen": last.get("seen"),
        "unseen": last.get("unseen_chao1"),
        "coverage": last.get("coverage"),
    }
    known = _known(told, last)
    ends = _ENDS.get(str(told["stopped"]), "")
    return told | {"known": known, "text": f"{known}; {ends}" if ends else known}


def _rounds(folder: Path, stage: str) -> list[dict[str, Any]]:
    """A damaged round is a gap in a curve, no reason for no report."""
    return [
        {
            "round": one["round"],
            "evaluations": one.get("evaluations_so_far"),
            "minima": one.get("seen"),
            "known": one.get("known"),
            "new": one.get("new"),
            "new_in_window": one.get("new_in_window"),
            "unseen": one.get("unseen_chao1"),
        }
        for one in read_rounds(folder, stage)
    ]


_ENDS = {
    "patience": "it ended when no new low minimum came any more",
    "rounds": "it ended with its last round, not because nothing new came",
    "budget": "it ended with its budget, not because nothing new came",
}


def _known(told: Mapping[str, Any], ledger: Ledger) -> str:
    what = "The search knows" if ledger.kind in SEARCHES else "The relaxed candidates hold"
    seen = f"{told['seen']} {'minimum' if told['seen'] == 1 else 'minima'}"
    words = f"{what} {seen} within {told['window_kcalmol']:g} kcal/mol of the lowest"
    if told["unseen"] is not None:
        more = round(told["unseen"])
        words += f" and by an estimate (Chao) {f'about {more} more are' if more else 'no more is'} unseen"
    return words
