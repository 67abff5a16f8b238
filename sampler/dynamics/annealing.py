"""Simulated annealing of a batch: heated and cooled along a schedule (Kirkpatrick, Gelatt & Vecchi 1983,
doi:10.1126/science.220.4598.671)."""

from __future__ import annotations

import numpy as np

from .schedule import Schedule
from .visiting import Frames, Replicas


def anneal(replicas: Replicas, schedule: Schedule, steps: int, every: int) -> Frames:
    """Run the whole schedule in ``steps`` steps; a frame of each replica every so many of them, and the last one."""
    count, parts = len(replicas.clusters), []
    while replicas.steps < steps:
        due = min(every, steps - replicas.steps)
        lost, there = replicas.go(due, lambda step: np.full(count, schedule.at(step, steps)))
        parts.append(Frames(there, np.arange(count), np.full(count, schedule.at(replicas.steps, steps)), lost))
    return Frames.join(parts)
