"""Errors of models against the size of clusters, beyond the sizes that they were trained on.

Each model predicts each test set in chunks, a file each, so that a killed study goes on. A row is what a model's errors are at
the structures of one number of molecules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import FAILURE
from ..errors import InputError
from ..learn.evaluate import Evaluated, compared, references_of
from ..learn.labels.dataset import LabelSet
from ..learn.metrics import energy_metrics, force_metrics
from ..learn.planned_chunks import do_chunks
from ..monomers import MonomerLibrary
from ..potentials import Evaluation, Potential
from ..potentials.catalogue import molecules_in
from ..units import KCAL_PER_MOL
from .extrapolate_data import ExtrapolationData, Subject, TestSet
from .folder import Study

PREDICTIONS = "predictions"
COLUMNS = (
    "model", "test", "molecules", "compositions", "atoms", "structures", "failed", "trained_structures", "beyond_training",
    "mean_error_kcal_mol", "std_error_kcal_mol", "mae_kcal_mol", "std_abs_error_kcal_mol", "rmse_kcal_mol", "max_kcal_mol",
    "relative_mae_kcal_mol", "mae_kcal_mol_atom", "std_abs_error_kcal_mol_atom",
    "forces_mae_kcal_mol_A", "forces_std_abs_error_kcal_mol_A", "forces_rmse_kcal_mol_A", "forces_max_kcal_mol_A",
)  # fmt: skip
"""Of ``errors.csv``. Errors of binding energies, predicted minus label, are of a cluster, or divided by its number of atoms;
those of forces are of components. ``std`` is the sample's (n - 1), empty for one structure. ``relative``: the mean error of a
composition taken off. ``trained_structures`` is what the cards name of this number of molecules; ``beyond_training`` is 1 above
the largest one; both are empty where no card says."""

_MOST = {True: 100, False: 10}
"""Structures of a chunk, where a potential likes them together, and where it takes them one by one."""


def study_of(folder: Path, data: ExtrapolationData, parameters: dict[str, Any]) -> Study:
    largest = max(molecules(t.labels).max() for t in data.tests)
    question = f"How do the errors of {len(data.subjects)} model(s) grow with the size of a cluster, up to {largest} molecules?"
    judged = {"models": [s.about() for s in data.subjects]}
    return Study(folder, "extrapolate", question, data.level, data.files, judged | parameters)


def molecules(labels: LabelSet) -> np.ndarray:
    """(B,) number of molecules in each structure."""
    return np.array([molecules_in(n) for n in labels.compositions.tolist()], int)


def predict(
    folder: Path,
    data: ExtrapolationData,
    library: MonomerLibrary,
    workers: int = 1,
    advance: Callable[[int, bool], None] = lambda n, found: None,
) -> Iterator[tuple[Subject, TestSet, Evaluated]]:
    """All that the models say, in files of ``folder``; what is there is not computed again.

    Args:
        advance: called with how many structures are done, and whether an earlier run had done them.

    Raises:
        InputError: a model failed on every structure of a set. LevelError: monomers without a reference.
    """
    pairs = [(i, s, j, t) for i, s in enumerate(data.subjects) for j, t in enumerate(data.tests)]
    for _, s, _, t in pairs:
        references_of(s.potential, t.labels, library)
    pairs.sort(key=lambda p: bool(p[1].potential.models))  # methods first: tblite must load before torch
    found = {}
    for i, s, j, t in pairs:
        stem = folder / PREDICTIONS / f"{i}-{file_name(s.name)}" / f"{j}-{file_name(t.name)}"
        chunks = list(_chunks(s.potential, t.labels.clusters.without_energies(), stem))
        for _, count, done in do_chunks(_predicted, chunks, workers):
            advance(count, done)
        found[i, j] = _evaluated(s, t, [file for file, _ in chunks], library)
    for i, s in enumerate(data.subjects):
        for j, t in enumerate(data.tests):
            yield s, t, found[i, j]


def file_name(name: str) -> str:
    """What a file may be called by the name of a model or a set."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[-60:]


def _chunks(potential: Potential, clusters: Clusters, stem: Path) -> Iterator[tuple[Path, tuple[Potential, Clusters]]]:
    size = _MOST[bool(potential.batch_atoms)]
    for k, start in enumerate(range(0, len(clusters), size)):
        rows = np.arange(start, min(start + size, len(clusters)))
        yield stem.with_name(f"{stem.name}-{k:05d}.npz"), (potential, clusters[rows])


def _predicted(task: tuple[Potential, Clusters]) -> Clusters:
    potential, clusters = task
    found = potential.evaluate(clusters, potential.gives_forces)
    made = clusters.replace(energy=found.energy, forces=found.forces, level=potential.level)
    return made.with_columns(**{FAILURE: found.failure})


def _evaluated(subject: Subject, test: TestSet, files: list[Path], library: MonomerLibrary) -> Evaluated:
    made = Clusters.concatenate([Clusters.load(f) for f in files])
    found = Evaluation(made.energy, made.forces, made.columns[FAILURE])
    try:
        return compared(subject.potential, test.labels, library, found)
    except InputError as error:
        raise InputError(f"{subject.name}, {test.name}: {error}") from error


def rows_of(subject: Subject, test: TestSet, found: Evaluated) -> list[dict[str, Any]]:
    """A row for each number of molecules, in ascending order; see :data:`COLUMNS`."""
    asked, done = molecules(test.labels), molecules(found.labels)
    return [
        {
            "model": subject.name, "test": test.name, "molecules": int(size), **_about(found, done == size),
            "failed": int((asked == size).sum() - (done == size).sum()), **_trained(subject, int(size)),
            **_energies(found, done == size), **_forces(found, done == size),
        }
        for size in np.unique(done)
    ]  # fmt: skip


def _about(found: Evaluated, chosen: np.ndarray) -> dict[str, Any]:
    names = found.labels.compositions[chosen]
    atoms = found.labels.clusters.natoms[chosen]
    return {
        "compositions": " ".join(sorted(set(names.tolist()))), "atoms": float(atoms.mean()), "structures": int(chosen.sum()),
    }  # fmt: skip


def _trained(subject: Subject, size: int) -> dict[str, Any]:
    if subject.largest is None:
        return {"trained_structures": None, "beyond_training": None}
    return {"trained_structures": subject.trained.get(size, 0), "beyond_training": int(size > subject.largest)}


def _energies(found: Evaluated, chosen: np.ndarray) -> dict[str, float | None]:
    told = energy_metrics(found.predicted[chosen], found.wanted[chosen])
    error = (found.predicted - found.wanted)[chosen] / KCAL_PER_MOL
    names, atoms = found.labels.compositions[chosen], found.labels.clusters.natoms[chosen]
    mean = {n: error[names == n].mean() for n in set(names.tolist())}
    several = np.array([(names == n).sum() > 1 for n in names.tolist()])
    relative = (error - np.array([mean[n] for n in names.tolist()]))[several]
    return {
        "mean_error_kcal_mol": told["mean_kcal_mol"], "std_error_kcal_mol": _std(error),
        "std_abs_error_kcal_mol": _std(np.abs(error)), **{k: told[k] for k in ("mae_kcal_mol", "rmse_kcal_mol", "max_kcal_mol")},
        "relative_mae_kcal_mol": float(np.abs(relative).mean()) if several.any() else None,
        "mae_kcal_mol_atom": float(np.abs(error / atoms).mean()),
        "std_abs_error_kcal_mol_atom": _std(np.abs(error / atoms)),
    }  # fmt: skip


def _forces(found: Evaluated, chosen: np.ndarray) -> dict[str, float | None]:
    c = found.labels.clusters
    if c.forces is None or found.forces is None:
        return {k: None for k in COLUMNS if k.startswith("forces_")}
    atoms = chosen[c.structure_of_atom]
    told = force_metrics(found.forces[atoms], c.forces[atoms])
    error = np.abs(found.forces - c.forces)[atoms].ravel() / KCAL_PER_MOL
    return {f"forces_{k}_kcal_mol_A": told[f"{k}_kcal_mol_A"] for k in ("mae", "rmse", "max")} | {
        "forces_std_abs_error_kcal_mol_A": _std(error)
    }


def _std(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None
