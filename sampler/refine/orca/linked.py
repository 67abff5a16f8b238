"""Jobs of one output that belong together: which are of one structure, and what is then known of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from . import naming
from .result import OrcaResult

_SAME = 2e-3
"""Å, between interatomic distances: a geometry handed from one job to the next loses some decimals."""
_NEARBY = 0.3
"""Å, likewise: a run that broke off goes on from a step that it may not have printed."""

_PLACES = ("first_positions", "last_positions", "last_numbers")


def structures(jobs: list[OrcaResult]) -> list[list[OrcaResult]]:
    """Jobs in groups, one for each structure: a job that starts from a geometry of the one before is of its structure.

    A job that came to no geometry is counted to the structure before it.
    """
    groups: list[list[OrcaResult]] = []
    for job in jobs:
        if groups and _continues(groups[-1], job):
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def joined(group: list[OrcaResult]) -> OrcaResult:
    """What the jobs of one structure say together: the result of the last one."""
    taken, earlier = group[-1], group[:-1]
    if not earlier:
        return taken
    if not taken.geometries:
        before = next((j for j in reversed(earlier) if len(j.last_positions)), None)
        said = taken.message or "; ".join(taken.remarks) or taken.status
        taken = dataclasses.replace(taken, message=f"job {taken.job} of the file: {said}")
        # where a new attempt starts; an energy without its geometry gets none
        return taken if before is None else dataclasses.replace(taken, **{k: getattr(before, k) for k in _PLACES})
    if taken.optimised is not None or not taken.finished:
        return taken
    taken = _with_geometry_of(taken, earlier)
    return taken if len(taken.frequencies) else _with_vibrations_of(taken, earlier)


def _continues(group: list[OrcaResult], job: OrcaResult) -> bool:
    if not job.geometries:
        return True
    known = [j for j in group if len(j.last_positions)]
    if not known:
        return False
    last = known[-1]
    if not _same_molecule(last, job):
        return False
    start = job.first_positions
    broken_off = not last.finished and last.status != "optimization_not_converged"
    tolerance = _NEARBY if broken_off else _SAME
    return any(_alike(start, p, tolerance) for p in (last.last_positions, last.positions, last.first_positions))


def _same_molecule(a: OrcaResult, b: OrcaResult) -> bool:
    same = np.array_equal(a.last_numbers, b.last_numbers) and (
        a.charge is None or b.charge is None or a.charge == b.charge
    )
    return same and (a.multiplicity is None or b.multiplicity is None or a.multiplicity == b.multiplicity)


def _alike(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    """Whether two geometries agree in all distances; where they stand in space does not matter."""
    if a.shape != b.shape or not len(a):
        return False
    distances = [np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (a, b)]
    return bool(np.abs(distances[0] - distances[1]).max() < tolerance)


def _with_geometry_of(taken: OrcaResult, earlier: list[OrcaResult]) -> OrcaResult:
    """A single point on the geometry of an optimisation: its success, and its level behind ``//``."""
    before = next((j for j in reversed(earlier) if j.optimised is not None), None)
    if before is None or not _alike(before.last_positions, taken.positions, _SAME):
        return taken
    if before.optimised is False:
        words = f"its geometry is that of job {before.job} of the file: {before.message or before.status}"
        taken = dataclasses.replace(taken, status=before.status, message=words)
    return dataclasses.replace(taken, optimised=before.optimised, level=naming.linked(taken.level, before.level))


def _with_vibrations_of(taken: OrcaResult, earlier: list[OrcaResult]) -> OrcaResult:
    """The frequencies of an earlier job at the same geometry, its thermal parts on top of the energy of ``taken``."""
    before = next((j for j in reversed(earlier) if j.finished and len(j.frequencies)), None)
    if before is None or not _alike(before.positions, taken.positions, _SAME):
        return taken
    shift = taken.energy - before.energy
    remark = (
        f"energy of job {taken.job} of the file ({taken.level.split('//')[0] or 'level not known'}), frequencies and "
        f"thermal parts of job {before.job} ({before.level or 'level not known'})"
    )
    return dataclasses.replace(
        taken,
        level=naming.linked(taken.level.split("//")[0], before.level),
        frequencies=before.frequencies,
        frequency_scaling=before.frequency_scaling,
        masses=before.masses if before.masses is not None else taken.masses,
        thermochemistry=tuple(
            dataclasses.replace(
                t, thermal_energy=t.thermal_energy + shift, enthalpy=t.enthalpy + shift, gibbs=t.gibbs + shift
            )
            for t in before.thermochemistry
        ),
        remarks=(*taken.remarks, remark),
    )
