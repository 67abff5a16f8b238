"""Which structures a model has seen: a small file beside its weights, so that a test on them can be told from one.

For each structure the formula with its charge (hashed) and a sketch: the first terms of the cosine transform of the sorted
distances that :func:`sampler.learn.sampling.near_duplicates.fingerprint` gives. The transform is orthonormal, so no two sketches are farther apart than
the fingerprints: a copy, turned, mirrored or with its atoms in another order, is always found. Two unlike structures have
one sketch by a coincidence of 24 numbers.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...errors import ModelError
from ...storage import write_atomic
from ..sampling.near_duplicates import fingerprint, formulas

FILE = "trained_on.npz"
FORMAT = "sampler-trained-on-1"
COPY = 0.001
"""Å; structures whose sorted distances differ by less, RMS, are one: files with three decimals are found, neighbouring
steps of dynamics or of an optimisation are not."""
VALIDATED, TRAINED = 1, 2
_TERMS = 24


@dataclass(frozen=True)
class TrainedOn:
    """
    Attributes:
        key: (M,) uint64, of formula and charge. sketch: (M, 24) Å. use: (M,) uint8, VALIDATED or TRAINED.
        complete: False where the weights began as those of a model that does not say what it was trained on.
    """

    key: np.ndarray
    sketch: np.ndarray
    use: np.ndarray
    complete: bool = True

    @classmethod
    def make(cls, clusters: Clusters, use: np.ndarray, complete: bool = True) -> TrainedOn:
        """Of structures that were trained on or only validated on (``use``, (B,))."""
        return cls(*_sketches(clusters), np.asarray(use, np.uint8), complete)

    @classmethod
    def join(cls, parts: Sequence[TrainedOn]) -> TrainedOn:
        """What several trainings, one after the other, have seen."""
        key, sketch, use = (np.concatenate([getattr(p, name) for p in parts]) for name in ("key", "sketch", "use"))
        return cls(key, sketch, use, all(p.complete for p in parts))

    def use_of(self, clusters: Clusters) -> np.ndarray:
        """(B,) uint8: TRAINED or VALIDATED for a structure within :data:`COPY` of one that was; else 0."""
        from scipy.spatial import cKDTree

        found = np.zeros(len(clusters), np.uint8)
        keys, sketches = _sketches(clusters)
        for key in np.intersect1d(keys, self.key):
            mine, seen = np.flatnonzero(keys == key), np.flatnonzero(self.key == key)
            near = cKDTree(self.sketch[seen]).query_ball_point(sketches[mine], COPY)
            for i, others in zip(mine, near):
                found[i] = self.use[seen[others]].max(initial=0)
        return found

    def save(self, folder: Path | str) -> None:
        """Write ``folder/trained_on.npz``, atomically."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, format=np.asarray(FORMAT), key=self.key, sketch=self.sketch.astype(np.float32), use=self.use,
            complete=np.asarray(self.complete),
        )  # fmt: skip
        write_atomic(Path(folder) / FILE, lambda handle: handle.write(buffer.getbuffer()))

    @classmethod
    def of(cls, folder: Path | str) -> TrainedOn | None:
        """What the model in ``folder`` has seen; None where its folder does not say.

        Raises:
            ModelError: a damaged file.
        """
        file = Path(folder) / FILE
        if not file.exists():
            return None
        try:
            with np.load(file, allow_pickle=False) as data:
                if str(data["format"]) != FORMAT:
                    raise ValueError(f"its format is {str(data['format'])!r}")
                return cls(data["key"], data["sketch"].astype(float), data["use"], bool(data["complete"]))
        except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(
                f"{file} is damaged ({error}); fetch the model again, or remove the file: what the model was trained on is "
                "then not known"
            ) from error


def _sketches(clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
    """(B,) keys and (B, 24) sketches."""
    keys, sketches = np.zeros(len(clusters), np.uint64), np.zeros((len(clusters), _TERMS))
    bases: dict[int, np.ndarray] = {}
    for i, formula in enumerate(formulas(clusters).tolist()):
        keys[i] = int.from_bytes(hashlib.sha256(formula.encode()).digest()[:8], "little")
        atoms = clusters.atoms_of(i)
        values = fingerprint(clusters.positions[atoms], clusters.numbers[atoms])
        if len(values) not in bases:
            bases[len(values)] = _cosines(len(values))
        sketches[i, : min(_TERMS, len(values))] = bases[len(values)] @ values
    return keys, sketches


def _cosines(length: int) -> np.ndarray:
    """(k, length) the first rows of the orthonormal cosine transform."""
    k, j = np.arange(min(_TERMS, length))[:, None], np.arange(length)[None]
    rows = np.sqrt(2.0 / max(length, 1)) * np.cos(np.pi * k * (j + 0.5) / max(length, 1))
    if len(rows):
        rows[0] /= np.sqrt(2.0)
    return rows
