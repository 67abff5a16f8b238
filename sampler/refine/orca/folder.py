"""A folder of ORCA outputs as a population of clusters, with the provenance that went out with the inputs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...columns import ENERGY_BEFORE, ISOTOPES, LEVEL_BEFORE, of_geometry
from ...errors import FileFormatError, InputError, LevelError
from ...units import BOHR, DEBYE
from .coordinates import isotopes
from .inputs import read_manifest
from .outputs import OrcaResult, read_outputs


@dataclass(frozen=True)
class OrcaFolder:
    """What a folder of ORCA jobs holds.

    Attributes:
        folder: the folder. manifest: what :func:`~sampler.refine.orca.write_inputs` noted, or None.
        results: one for each output, sorted by name, failed ones included.
        missing: names of jobs of the manifest that have no output yet.
        ignored: ``*.out`` files that are no ORCA outputs (of a batch system, for example).
        clusters: the usable structures: finished jobs, and partial optimisations that used up their cycles, which is
            what they are for. Energies and forces are ORCA's, ``level`` says so.
    """

    folder: Path
    manifest: dict[str, Any] | None
    results: tuple[OrcaResult, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]
    clusters: Clusters

    @property
    def failed(self) -> tuple[OrcaResult, ...]:
        """Results that gave no usable structure."""
        return tuple(r for r in self.results if not usable(r, _partial(self.manifest)))

    def rows(self) -> list[dict[str, Any]]:
        """One row for each job, for a table or JSON; the unit is in every name."""
        rows = [_row(r, usable(r, _partial(self.manifest))) for r in self.results]
        return rows + [{"name": name, "status": "missing", "message": "no output"} for name in self.missing]


def read_folder(folder: Path | str, *, level: str | None = None) -> OrcaFolder:
    """Read all ``*.out`` files in and below a folder.

    Args:
        level: take outputs of this level of theory only (``b97-3c@orca5``); needed where there are several.

    Raises:
        InputError: the folder does not exist or holds no ORCA output.
        LevelError: the outputs are of several levels of theory, and none was chosen.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    manifest = read_manifest(folder)
    jobs = {job["name"]: job for job in (manifest or {}).get("jobs", ())}
    results, ignored = [], []
    for path in sorted(folder.rglob("*.out")):
        try:
            results += [_checked(result, jobs) for result in read_outputs(path)]
        except FileFormatError:
            ignored.append(str(path.relative_to(folder)))
    if not results and not jobs:
        packed = next(folder.rglob("*.out.*z*"), None)
        more = f"; {packed} looks compressed: unpack it first" if packed else ""
        raise InputError(f"{folder} holds no ORCA output (*.out){more}")
    twice = [n for n, k in Counter(r.name for r in results).items() if k > 1]
    if twice:
        first, second = [r.path for r in results if r.name == twice[0]][:2]
        raise InputError(f"{first} and {second} would both be called {twice[0]}; import one folder at a time")
    return OrcaFolder(
        folder=folder,
        manifest=manifest,
        results=tuple(results),
        missing=tuple(n for n in jobs if n not in {r.path.stem for r in results}),
        ignored=tuple(ignored),
        clusters=_population([r for r in results if usable(r, _partial(manifest))], jobs, level, folder),
    )


def usable(result: OrcaResult, partial: bool) -> bool:
    """Whether geometry and energy of a result may go on: it is finished, or a partial optimisation ran its course."""
    whole = result.finished or (partial and result.status == "optimization_not_converged")
    return whole and bool(np.isfinite(result.energy)) and len(result.numbers) > 0 and result.charge is not None


def _partial(manifest: dict[str, Any] | None) -> bool:
    return bool(manifest and manifest.get("partial"))


def _checked(result: OrcaResult, jobs: dict[str, dict]) -> OrcaResult:
    """Status ``foreign`` where an output does not belong to the input of that name."""
    job = jobs.get(result.name)
    if not job:
        return result
    for what, mine, theirs in (
        ("charge", job["charge"], result.charge),
        ("multiplicity", job["multiplicity"], result.multiplicity),
        ("number of atoms", job["atoms"], len(result.numbers) or None),
    ):
        if theirs is not None and mine != theirs:
            text = f"the {what} is {theirs}, the manifest says {mine}: the output of another input"
            return dataclasses.replace(result, status="foreign", message=text)
    return result


def _population(results: list[OrcaResult], jobs: dict[str, dict], level: str | None, folder: Path) -> Clusters:
    levels = Counter(r.level for r in results)
    if level is not None:
        if level not in levels:
            raise LevelError(f"no usable output in {folder} is of the level {level!r}; there are: {_list(levels)}")
        results = [r for r in results if r.level == level]
    elif len(levels) > 1:
        raise LevelError(f"{folder} holds outputs of several levels of theory: {_list(levels)}; choose one with level")
    if not results:
        return Clusters.empty()
    forces = [r.forces for r in results if r.forces is not None]
    columns = {k: np.array([v(r) for r in results]) for k, v in _COLUMNS.items()}
    if not any(columns[ISOTOPES]):
        del columns[ISOTOPES]
    known = [jobs.get(r.name, {}) for r in results]
    for key in dict.fromkeys(k for job in known for k in job):
        # what derives from the geometry and the energy before is theirs; the state is compared
        if key not in _NOT_COLUMNS and key not in columns and (key == "state" or not of_geometry(key)):
            columns[key] = _column([job.get(key) for job in known])
    if any(jobs):
        columns[ENERGY_BEFORE] = np.array([_float(job.get("energy_eV")) for job in known])
        columns[LEVEL_BEFORE] = np.array([str(job.get("level") or "") for job in known])
    return Clusters.make(
        [r.positions for r in results],
        [r.numbers for r in results],
        charge=[r.charge for r in results if r.charge is not None],  # all have one: see usable
        ids=[str(job.get("id", r.name)) for r, job in zip(results, known)],
        energy=[r.energy for r in results],
        forces=forces if len(forces) == len(results) else None,
        level=results[0].level,
        columns=columns,
    )


def _first(result: OrcaResult, name: str) -> float:
    return getattr(result.thermochemistry[0], name) if result.thermochemistry else np.nan


def _vector(value: np.ndarray | None, i: int) -> float:
    return float(value[i]) if value is not None else np.nan


_COLUMNS = {
    "orca_status": lambda r: r.status,
    "orca_version": lambda r: r.version,
    "imaginary_modes": lambda r: r.imaginary_modes if len(r.frequencies) else -1,
    "lowest_frequency_cm1": lambda r: float(r.frequencies.min()) if len(r.frequencies) else np.nan,
    "temperature_K": lambda r: _first(r, "temperature"),
    "zero_point_eV": lambda r: _first(r, "zero_point"),
    "enthalpy_eV": lambda r: _first(r, "enthalpy"),
    "gibbs_eV": lambda r: _first(r, "gibbs"),
    "entropy_eV_per_K": lambda r: _first(r, "entropy"),
    "dipole_debye": lambda r: float(np.linalg.norm(r.dipole)) / DEBYE if r.dipole is not None else np.nan,
    "polarizability_bohr3": lambda r: r.polarizability / BOHR**3,
    "rotational_a_cm1": lambda r: _vector(r.rotational_constants, 0),
    "rotational_b_cm1": lambda r: _vector(r.rotational_constants, 1),
    "rotational_c_cm1": lambda r: _vector(r.rotational_constants, 2),
    "isotopes": lambda r: isotopes(r.numbers, r.masses),
    "cycles": lambda r: r.cycles,
    "seconds": lambda r: r.seconds,
}
_NOT_COLUMNS = {"name", "input", "id", "sha256", "atoms", "charge", "energy_eV", "level", "keywords", "preset"}


def _row(result: OrcaResult, good: bool) -> dict[str, Any]:
    because = result.message or ("" if good else "; ".join(result.remarks) or _lacking(result))
    row = {"name": result.name, "status": result.status, "usable": good, "message": because}
    row |= {"level": result.level, "energy_eV": result.energy, "atoms": len(result.numbers), "charge": result.charge}
    row |= {k: v(result) for k, v in _COLUMNS.items() if k != "orca_status"}
    return row | {"optimised": result.optimised, "job": result.job, "remarks": list(result.remarks)}


def _lacking(result: OrcaResult) -> str:
    """What a finished job must have and has not."""
    lacking = (
        ("energy", not np.isfinite(result.energy)),
        ("geometry", not len(result.numbers)),
        ("charge", result.charge is None),
    )
    return " and ".join(f"no {what}" for what, absent in lacking if absent)


def _column(values: list[Any]) -> np.ndarray:
    if all(isinstance(v, bool) for v in values):
        return np.array(values)
    if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return np.array(values, np.int64)
    if all(v is None or (isinstance(v, (int, float)) and not isinstance(v, bool)) for v in values):
        return np.array([_float(v) for v in values])
    return np.array(["" if v is None else str(v) for v in values])


def _float(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _list(levels: Counter) -> str:
    return ", ".join(f"{k or '(not recognised)'} ({n})" for k, n in sorted(levels.items())) or "none"
