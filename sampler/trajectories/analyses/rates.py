"""How often what happens that ends a cluster, from all replicas."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ...dynamics.events import Kind
from ..averages import event_rate
from ..folder import Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Watcher

_GONE = re.compile(r"^(?:\d+ parts, .*?: )?(.*?)(?: [\d.]+ Å away)?$")


class Rates(Watcher):
    """Needs no frames, only what the guards wrote down."""

    def found(self) -> Found:
        replicas = self.group.replicas
        rows = [_row(replicas, Kind.EVAPORATED, "evaporation", None)]
        gone = sorted({_who(e) for r in replicas if (e := _first(r, Kind.EVAPORATED))})
        if len(gone) > 1 or rows[0][1]:
            rows += [_row(replicas, Kind.EVAPORATED, f"evaporation of {who}", who) for who in gone]
        rows.append(_row(replicas, Kind.REACTED, "reaction", None))
        rows.append(_protons(replicas))
        steps = _survival(replicas)
        whole = f"{steps.y[-1]:.0%} of the replicas are whole at the end" if len(steps.y) else ""
        return Found(
            "evaporation", "Evaporation and reaction", _COLUMNS, rows,
            [Figure(Axis("time", "ps"), Axis("share of replicas that are whole"), [steps], f"{whole}.", "steps")],
            ["Rates are events over the time in which they could have happened, until a replica ended for whatever reason; the "
             "interval is that of Poisson's law with 95 %, and one-sided, an upper bound, where nothing happened. "
             f"{len(replicas)} replicas were watched; a thermostat and the lack of a gas around them belong to these rates."],
        )  # fmt: skip


_COLUMNS = (
    Column("event", "event", kind="text"), Column("events", "events", digits=0),
    Column("watched_ns", "watched", "ns", digits=4), Column("rate_per_ns", "rate", "1/ns", digits=3),
    Column("low_per_ns", "from", "1/ns", digits=3), Column("high_per_ns", "to", "1/ns", digits=3),
)  # fmt: skip


def _first(replica: Replica, kind: Kind) -> dict[str, Any] | None:
    """The first such event, unless something else spoiled the trajectory before."""
    found = next((e for e in replica.events if e["kind"] == kind.value), None)
    return found if found and found["time_fs"] <= replica.whole_until_fs else None


def _who(event: dict[str, Any]) -> str:
    found = _GONE.match(str(event["detail"]))
    return found[1] if found else str(event["detail"])


def _watched(replica: Replica) -> float:
    return min(replica.time_fs, replica.whole_until_fs)


def _row(replicas, kind: Kind, name: str, who: str | None) -> list:
    hit = [e for r in replicas if (e := _first(r, kind)) and (who is None or _who(e) == who)]
    return _told(name, np.array([_watched(r) for r in replicas]), len(hit))


def _protons(replicas) -> list:
    count = sum(e["kind"] == Kind.PROTON.value and e["time_fs"] < r.whole_until_fs for r in replicas for e in r.events)
    return _told("proton to another molecule", np.array([_watched(r) for r in replicas]), count)


def _told(name: str, watched: np.ndarray, count: int) -> list:
    rate = event_rate(watched, count)
    return [name, rate.events, rate.observed_ns, rate.per_ns, rate.low, rate.high]


def _survival(replicas) -> Series:
    """The estimate of Kaplan and Meier (1958, doi:10.1080/01621459.1958.10501452): those that stopped whole leave without harm."""
    times = np.array([_watched(r) for r in replicas])
    lost = np.array(
        [_first(r, Kind.EVAPORATED) is not None or _first(r, Kind.REACTED) is not None for r in replicas], bool
    )
    x, y, share = [0.0], [1.0], 1.0
    for t in np.unique(times[lost]).tolist():
        share *= 1.0 - float((lost & (times == t)).sum()) / float((times >= t).sum())
        x.append(t / 1000.0)
        y.append(share)
    if len(times):
        x.append(float(times.max()) / 1000.0)
        y.append(share)
    return Series("whole", np.array(x), np.array(y))
