"""What is wrong in a set of structures: said, not repaired."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..columns import IDENTITY, IDENTITY_DETAIL
from ..errors import FileFormatError, InputError, SamplerError
from ..identify import identify, recognise
from ..identify.radii import OVERLAP, covalent
from ..monomers import MonomerLibrary
from ..similarity import DedupeParams, dedupe
from ..units import HARTREE, KCAL_PER_MOL
from . import monomer_sets as references
from .imported import JSON, Population
from .molecules import strange_energies

CHECKS = {
    "unreadable": "a file cannot be read",
    "duplicate_id": "several structures have the same id",
    "not_finite": "coordinates or forces that are not numbers, or no energy although others have one",
    "clash": "two atoms closer than 0.65 of the sum of their covalent radii",
    "broken": "not whole: reacted, evaporated or exploded",
    "charge": "charge or multiplicity contradict the atoms or the molecules",
    "termination": "the computation did not end as it should",
    "imaginary": "imaginary vibrational modes: no minimum",
    "mixed_levels": "energies of several levels of theory",
    "same_geometry": "identical geometries with different energies",
    "energy_outlier": "an energy far from all others of the same atoms, or from those of the molecules at its level",
    "net_force": "forces that do not add up to zero",
    "monomer_reference": "monomer energies of different reference sets, or of none that is known",
}
"""Name of a check -> what it finds."""


@dataclass(frozen=True)
class Finding:
    """Something wrong.

    Attributes:
        check: one of ``CHECKS``. ids: the structures concerned. message: what, with values and units.
        source: the file, '' if none.
    """

    check: str
    ids: tuple[str, ...]
    message: str
    source: str = ""


@dataclass(frozen=True)
class AuditParams:
    """When a value counts as wrong.

    Attributes:
        same_rmsd: Å; geometries this near, over rotations, mirror images and permutations, are identical.
        same_energy: eV; energies of identical geometries may differ by this.
        outlier: eV from the median of the same atoms and charge.
        net_force: eV/Å; length of the sum of all forces.
        monomer: eV; a monomer energy is that of a reference set within this.
        imaginary: cm⁻¹; modes below minus this count.
    """

    same_rmsd: float = 1e-3
    same_energy: float = 0.05 * KCAL_PER_MOL
    outlier: float = 100 * KCAL_PER_MOL
    net_force: float = 0.1
    monomer: float = 1e-6 * HARTREE
    imaginary: float = 0.0


def audit(what: Clusters | Population, library: MonomerLibrary, params: AuditParams | None = None) -> list[Finding]:
    """Everything found wrong, in the order of ``CHECKS``.

    Structures of several compositions may be together. Columns are understood where their names are those of this
    package or of JKQC: frequencies, terminations, multiplicities, ORCA's status, binding energies.
    """
    population = what if isinstance(what, Population) else _as_population(what)
    params = params or AuditParams()
    if not len(population.clusters):
        return []
    sound = _sound(population.clusters)
    found: list[Finding] = []
    for check in (_ids, _finite, _clash, _broken, _charge, _termination, _imaginary, _levels, _same, _outlier, _net,
                  _monomers):  # fmt: skip
        found += [replace(f, source=population.source) for f in check(population, sound, library, params)]
    order = {name: i for i, name in enumerate(CHECKS)}
    return sorted(found, key=lambda f: order[f.check])


def audit_path(
    path: Path | str,
    library: MonomerLibrary,
    params: AuditParams | None = None,
    *,
    level: str | None = None,
    energy_key: str | None = None,
) -> tuple[list[Finding], int, list[str]]:
    """Audit a file, a run directory, a folder of ORCA outputs, or every file of a known format in a folder.

    Args:
        level: of energies for which a file states none. energy_key: see :func:`~sampler.interop.read_any`.

    Returns:
        The findings, the number of structures looked at, and the files.

    Raises:
        InputError: nothing to audit there.
    """
    from .formats import read_population

    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    found: list[Finding] = []
    structures, files = 0, []
    for one in _files(path):
        try:
            population = _orca(one) if one.suffix == ".out" else read_population(one, energy_key=energy_key)
        except SamplerError as error:
            found.append(Finding("unreadable", (), str(error), str(one)))
            files.append(str(one))
            continue
        if level is not None:
            bare = (population.levels == "") & np.isfinite(population.clusters.energy)
            population = replace(population, levels=np.where(bare, level, population.levels))
        found += audit(population, library, params)
        structures += len(population.clusters)
        files.append(str(one))
    if path.is_dir() and any(path.rglob("*.out")) and str(path) not in files:
        more, n, outputs = _audit_orca(path, library, params)
        found, structures, files = found + more, structures + n, files + outputs
    if not files:
        raise InputError(f"{path} holds no file that can be audited")
    return found, structures, files


# ---- what is read ---------------------------------------------------------------------------------------


def _files(path: Path) -> list[Path]:
    if not path.is_dir() or (path / "manifest.json").exists() and (path / "stages").is_dir():
        return [path]
    endings = (".npz", ".pkl", ".db", ".extxyz", ".xyz")
    return sorted(p for p in path.iterdir() if p.suffix.lower() in endings and not p.is_dir())


def _orca(path: Path) -> Population:
    raise FileFormatError(f"{path} is one ORCA output; audit its folder: sampler audit {path.parent}")


def _audit_orca(folder: Path, library: MonomerLibrary, params: AuditParams | None) -> tuple[list[Finding], int, list]:
    """Outputs that did not end well, then the usable structures of each level."""
    from ..refine.orca import read_outputs
    from ..refine.orca.folder import usable

    found, good, files = [], [], []
    for path in sorted(folder.rglob("*.out")):
        try:
            results = read_outputs(path)
        except FileFormatError:
            continue  # the output of a batch system, for example
        files.append(str(path))
        good += [result for result in results if usable(result, False)]
        for result in results:
            if not usable(result, False):
                why = result.message or "; ".join(result.remarks)
                message = f"{result.status}: {why}" if why else result.status
                found.append(Finding("termination", (result.name,), message, str(path)))
    if not good:
        return found, len(files), files
    forces = [r.forces if r.forces is not None else np.full(r.positions.shape, np.nan) for r in good]
    clusters = Clusters.make(
        [r.positions for r in good], [r.numbers for r in good], charge=[r.charge for r in good if r.charge is not None],
        ids=[r.name for r in good], energy=[r.energy for r in good],
        forces=forces if any(r.forces is not None for r in good) else None,
        columns={
            "multiplicity": np.array([r.multiplicity or 1 for r in good]),
            "lowest_frequency_cm1": np.array([float(r.frequencies.min()) if len(r.frequencies) else np.nan for r in good]),
        },
    )  # fmt: skip
    population = Population(
        clusters, np.array([r.level for r in good]), np.ones(len(good), bool), str(folder),
        np.array([str(r.path) for r in good]),
    )  # fmt: skip
    return found + audit(population, library, params), len(files), files


def _as_population(clusters: Clusters) -> Population:
    b = len(clusters)
    stated = np.where(np.isfinite(clusters.energy), clusters.level, "").astype(np.str_)
    return Population(
        clusters.replace(level=""), stated, np.ones(b, bool), "", np.array([f"structure {i}" for i in range(b)])
    )


# ---- checks: each yields findings; ``sound`` (B,) are structures whose geometry makes sense ------------------


def _sound(clusters: Clusters) -> np.ndarray:
    finite = np.isfinite(clusters.positions).all(axis=1)
    return np.array([finite[clusters.atoms_of(i)].all() and clusters.natoms[i] > 0 for i in range(len(clusters))])


def _ids(p: Population, *_) -> Iterator[Finding]:
    for name, n in Counter(map(str, p.clusters.ids)).items():
        if n > 1:
            yield Finding("duplicate_id", (name,), f"{n} structures are called {name}")


def _finite(p: Population, sound: np.ndarray, *_) -> Iterator[Finding]:
    c = p.clusters
    for i in np.flatnonzero(~sound):
        yield Finding("not_finite", _of(c, i), f"{p.where[i]}: coordinates that are not finite numbers, or no atoms")
    energies = np.isfinite(c.energy)
    if energies.any():
        for i in np.flatnonzero(~energies):
            yield Finding("not_finite", _of(c, i), f"{p.where[i]}: no energy")
    if c.forces is not None:
        for i in np.arange(len(c)):
            part = np.isfinite(c.forces[c.atoms_of(i)])
            if part.any() and not part.all():
                yield Finding(
                    "not_finite", _of(c, i), f"{p.where[i]}: {(~part).sum()} force components are not numbers"
                )


def _clash(p: Population, sound: np.ndarray, *_) -> Iterator[Finding]:
    from ase.data import chemical_symbols
    from scipy.spatial import cKDTree

    c, radii = p.clusters, covalent()
    for i in np.flatnonzero(sound):
        x, z = c.positions[c.atoms_of(i)], c.numbers[c.atoms_of(i)]
        a, b = cKDTree(x).query_pairs(2 * OVERLAP * radii[z].max(), output_type="ndarray").T
        ratio = np.linalg.norm(x[a] - x[b], axis=1) / (radii[z[a]] + radii[z[b]])
        if len(a) and ratio.min() < OVERLAP:
            k = int(ratio.argmin())
            pair = f"{chemical_symbols[z[a[k]]]}{a[k] + 1} and {chemical_symbols[z[b[k]]]}{b[k] + 1}"
            yield Finding("clash", _of(c, i), f"{pair} are {np.linalg.norm(x[a[k]] - x[b[k]]):.2f} Å apart")


def _broken(p: Population, sound: np.ndarray, library: MonomerLibrary, _) -> Iterator[Finding]:
    c = p.clusters[sound]
    if not len(c):
        return
    judged = identify(c, None, library).columns
    for i in np.flatnonzero(judged[IDENTITY] != "intact"):
        yield Finding("broken", _of(c, i), f"{judged[IDENTITY][i]}: {judged[IDENTITY_DETAIL][i]}")


def _charge(p: Population, sound: np.ndarray, library: MonomerLibrary, _) -> Iterator[Finding]:
    c = p.clusters
    multiplicity = _first(c, "multiplicity", "log:multiplicity")
    found = iter(recognise(c[sound], library))
    for i in range(len(c)):
        composition = next(found) if sound[i] else None
        if p.doubts and p.doubts[i]:
            yield Finding("charge", _of(c, i), p.doubts[i])
        if not p.charge_stated[i]:
            continue
        electrons = int(c.numbers[c.atoms_of(i)].sum() - c.charge[i])
        m = multiplicity[i] if multiplicity is not None and np.isfinite(multiplicity[i]) else 1
        if composition is not None and composition.charge != c.charge[i]:
            message = f"the charge is {c.charge[i]:+d}, but {composition.name(library)} has {composition.charge:+d}"
            yield Finding("charge", _of(c, i), message)
        elif (electrons + int(m)) % 2 == 0:
            yield Finding("charge", _of(c, i), f"{electrons} electrons cannot have the multiplicity {int(m)}")


def _termination(p: Population, *_) -> Iterator[Finding]:
    c = p.clusters
    ended = _first(c, "log:termination")
    if ended is not None:
        for i in np.flatnonzero(ended == 0):
            yield Finding("termination", _of(c, i), f"{p.where[i]}: the program did not terminate normally")
    for name, good in (("orca_status", "finished"), ("converged", True)):
        if name in c.columns:
            for i in np.flatnonzero(c.columns[name] != good):
                value = c.columns[name][i]
                yield Finding(
                    "termination", _of(c, i), str(value) if name != "converged" else "relaxation not converged"
                )


def _imaginary(p: Population, sound, library, params: AuditParams) -> Iterator[Finding]:
    c = p.clusters
    lowest = _first(c, "lowest_frequency_cm1")
    if lowest is None and (name := "log:vibrational_frequencies" + JSON) in c.columns:
        lists = [json.loads(text) if text else [] for text in c.columns[name]]
        lowest = np.array([min((float(v) for v in some), default=np.nan) for some in lists])
    modes = _first(c, "imaginary_modes")
    for i in range(len(c)):
        if lowest is not None and lowest[i] < -params.imaginary:
            yield Finding("imaginary", _of(c, i), f"a mode at {lowest[i]:.1f} cm⁻¹")
        elif modes is not None and modes[i] > 0 and (lowest is None or not np.isfinite(lowest[i])):
            yield Finding("imaginary", _of(c, i), f"{int(modes[i])} imaginary modes")


def _levels(p: Population, *_) -> Iterator[Finding]:
    energies = np.isfinite(p.clusters.energy)
    stated = Counter(str(v) for v in p.levels[energies])
    if len(stated) > 1:
        told = ", ".join(f"{k or 'not stated'} ({n})" for k, n in stated.most_common())
        few = stated.most_common()[-1][0]
        yield Finding("mixed_levels", _of(p.clusters, np.flatnonzero(energies & (p.levels == few))), told)
    for name in ("reference_set", "level_before"):
        if name in p.clusters.columns and len(several := sorted(set(map(str, p.clusters.columns[name])) - {""})) > 1:
            check = "monomer_reference" if name == "reference_set" else "mixed_levels"
            yield Finding(check, (), f"column {name} holds {', '.join(several)}")


def _same(p: Population, sound: np.ndarray, library, params: AuditParams) -> Iterator[Finding]:
    for level in sorted(set(p.levels)):
        rows = np.flatnonzero(sound & (p.levels == level) & np.isfinite(p.clusters.energy))
        if len(rows) < 2:
            continue
        c = p.clusters[rows].replace(columns={})
        near = DedupeParams(rmsd=params.same_rmsd, max_displacement=10 * params.same_rmsd, energy_window=None)
        groups = defaultdict(list)
        for i, g in enumerate(dedupe(c, near).group):
            groups[int(g)].append(i)
        for members in groups.values():
            spread = np.ptp(c.energy[members])
            if len(members) > 1 and spread > params.same_energy:
                yield Finding(
                    "same_geometry", _of(c, members), f"energies differ by {spread / KCAL_PER_MOL:.3f} kcal/mol"
                )


def _outlier(p: Population, sound, library, params: AuditParams) -> Iterator[Finding]:
    c = p.clusters
    for i, text in strange_energies(c, p.levels, library).items():
        yield Finding("energy_outlier", _of(c, i), f"{text}: not an energy of {p.levels[i]}")
    for rows in references.alike(p).values():
        if len(rows) < 3:
            continue
        away = c.energy[rows] - np.median(c.energy[rows])
        for i, d in zip(rows, away):
            if abs(d) > params.outlier:
                message = (
                    f"{d / KCAL_PER_MOL:+.1f} kcal/mol from the median of {len(rows)} structures with the same atoms"
                )
                yield Finding("energy_outlier", _of(c, i), message)


def _net(p: Population, sound, library, params: AuditParams) -> Iterator[Finding]:
    c = p.clusters
    if c.forces is None:
        return
    for i in range(len(c)):
        net = np.linalg.norm(c.forces[c.atoms_of(i)].sum(axis=0))
        if net > params.net_force:
            yield Finding("net_force", _of(c, i), f"the forces add up to {net:.2f} eV/Å")


def _monomers(p: Population, sound: np.ndarray, library: MonomerLibrary, params: AuditParams) -> Iterator[Finding]:
    for ids, message in (
        *references.monomers(p, sound, library, params.monomer),
        *references.binding(p, sound, library),
    ):
        yield Finding("monomer_reference", ids, message)


# ---- small things ---------------------------------------------------------------------------------------


def _of(c: Clusters, rows: int | np.integer | Sequence[int] | np.ndarray) -> tuple[str, ...]:
    return tuple(str(v) for v in c.ids[np.atleast_1d(rows)])


def _first(c: Clusters, *names: str) -> np.ndarray | None:
    return next(
        (c.columns[n].astype(float) for n in names if n in c.columns and c.columns[n].dtype.kind in "iufb"), None
    )
