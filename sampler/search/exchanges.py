"""The temperatures of a round's ladders, from what the rounds before have seen, and what their exchanges came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import EXCHANGES
from ..dynamics.exchange import Tally, ladder, shape_seen

_HARMONIC = 3
"""Degrees of freedom of an atom; half of them are the shape of a harmonic cluster's distribution of energies."""
_TRIES = 10
"""Exchanges of a pair that it takes to say as much as the harmonic cluster does."""


def kelvin_of(text: str) -> np.ndarray:
    """The temperatures in a column ``ladder``."""
    return np.array([float(word) for word in text.split()])


def next_ladder(
    atoms: int, history: Sequence[Mapping[str, Any]], lowest: float, highest: float, most: int, wanted: float
) -> str:
    """Temperatures for the next round: geometric at first, as for a harmonic cluster, then by the acceptance of the
    rounds before, pair by pair."""
    shapes = [0.5 * _HARMONIC * atoms] * (most - 1)
    rounds = [record["exchange"] for record in history if "exchange" in record]
    for pair in range(most - 1):
        seen = [(one["tried"][pair], one["temperatures_K"][pair : pair + 2], one["acceptance"][pair])
                for one in rounds if pair < len(one["tried"]) and one["tried"][pair]]  # fmt: skip
        if seen:
            weights = [_TRIES, *(tried for tried, _, _ in seen)]
            found = [shapes[pair], *(shape_seen(high / low, accepted) for _, (low, high), accepted in seen)]
            shapes[pair] = float(np.average(found, weights=weights))
        elif pair:
            shapes[pair] = shapes[pair - 1]
    return " ".join(f"{k:g}" for k in ladder(lowest, highest, most, wanted, shapes))


def tallied(made: Clusters, text: str) -> dict[str, Any]:
    """What a round's ledger says of its exchanges.

    Args:
        made: its children with the column ``exchanges``. text: its temperatures.
    """
    total = Tally.of(len(kelvin_of(text)))
    told = [str(one) for one in made.columns[EXCHANGES] if one]
    for one in told:
        e = json.loads(one)
        tried, accepted, probability = (np.array(e[name]) for name in ("tried", "accepted", "probability"))
        total = total.plus(Tally(tried, accepted, probability, e["round_trips"]))
    return _told(kelvin_of(text).tolist(), total, len(told))


def summed(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a stage's ledger says of the exchanges of all its rounds, pair by pair, with the temperatures of the last one."""
    rounds = [record["exchange"] for record in history if "exchange" in record]
    if not rounds:
        return {}
    last = rounds[-1]["temperatures_K"]
    total = Tally.of(len(last))
    for one in rounds:  # ladders may have had other heights
        tried = np.array(one["tried"])
        counts = tried, np.array(one["accepted"]), tried * np.array(one["acceptance"])
        a, b, c = (np.append(count, np.zeros(len(last)))[: len(last) - 1] for count in counts)
        total = total.plus(Tally(a, b, c, one["round_trips"]))
    return {"exchange": _told(last, total, sum(one["ladders"] for one in rounds))}


def _told(kelvin: Sequence[float], total: Tally, ladders: int) -> dict[str, Any]:
    return {
        "temperatures_K": list(kelvin),
        "tried": total.tried.astype(int).tolist(),
        "accepted": total.accepted.astype(int).tolist(),
        "acceptance": np.round(total.probability / np.maximum(total.tried, 1), 4).tolist(),
        "ladders": ladders,
        "round_trips": total.round_trips,
    }


def in_words(record: Mapping[str, Any]) -> str:
    """``exchanges accepted 0.31 0.29 at 300 351 412 K, 3 round trips in 16 ladders``."""
    accepted = " ".join(f"{value:.2f}" for value in record["acceptance"])
    kelvin = " ".join(f"{value:.0f}" for value in record["temperatures_K"])
    return f"exchanges accepted {accepted} at {kelvin} K, {record['round_trips']} round trips in {record['ladders']} ladders"
