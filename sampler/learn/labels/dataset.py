"""Labelled structures on disk, small enough to ship: coordinates and forces in single precision, compressed.

Positions are rounded to single precision (1e-6 Å), a thousand times finer than the labels need. Energies stay in double.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...columns import COMPOSITION
from ...composition import Composition
from ...errors import FileFormatError, InputError, LevelError
from ...levels import cheapest_reference
from ...monomers import MonomerLibrary
from ...random_keys import numbered_key
from ...storage import write_atomic
from ...text.files import no_pipe
from .engine_names import SEPARATOR, different_engines

FORMAT = "sampler-labels-1"
SAME_MONOMER = 1e-5
"""eV; energies of a monomer that differ by more belong to different reference sets."""


@dataclass(frozen=True)
class LabelSet:
    """Structures with energies and forces of one level, and that level's monomers.

    Attributes:
        clusters: with ``energy`` (B,) eV, ``forces`` (N, 3) eV/Å and ``level``; column ``composition`` (B,) str.
        references: monomer name -> energy of its minimum at the same level and engine, eV.
        engine: the program that made the labels, with its version ('' if unknown).
        origin: where the set was taken from and how (see :func:`sampler.learn.split.split`); empty where it is nobody's part.
    """

    clusters: Clusters
    references: dict[str, float]
    engine: str = ""
    origin: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if not self.clusters.level:
            raise LevelError("labels without a level of theory; say which method made them")
        if COMPOSITION not in self.clusters.columns:
            raise InputError("labelled structures need the column 'composition' (such as 2sa2am)")

    @property
    def level(self) -> str:
        return self.clusters.level

    def __len__(self) -> int:
        return len(self.clusters)

    @property
    def compositions(self) -> np.ndarray:
        """(B,) str."""
        return self.clusters.columns[COMPOSITION]

    def subset(self, key) -> LabelSet:
        return LabelSet(self.clusters[key], self.references, self.engine, self.origin)

    def digest(self) -> str:
        """sha256 over elements, single-precision positions, energies and forces, in this order of structures."""
        c, h = self.clusters, hashlib.sha256(self.level.encode())
        for array, kind in ((c.ptr, "<i8"), (c.numbers, "<i8"), (c.positions, "<f4"), (c.energy, "<f8")):
            h.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        if c.forces is not None:
            h.update(np.ascontiguousarray(c.forces, dtype="<f4").tobytes())
        return h.hexdigest()

    def save(self, path: Path | str) -> None:
        """Write ``path`` (.npz, no pickle), atomically."""
        c = self.clusters
        header = {"format": FORMAT, "level": c.level, "references": self.references, "engine": self.engine}
        header |= {"origin": self.origin} if self.origin else {}
        arrays: dict[str, Any] = {
            "positions": c.positions.astype(np.float32),
            "numbers": c.numbers.astype(np.uint8),
            "natoms": c.natoms.astype(np.int32),
            "charge": c.charge.astype(np.int8),
            "energy": c.energy,
            "ids": c.ids,
            **{f"column.{k}": v for k, v in c.columns.items()},
        }
        if c.forces is not None:
            arrays["forces"] = c.forces.astype(np.float32)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, header=np.asarray(json.dumps(header)), **arrays)
        write_atomic(path, lambda handle: handle.write(buffer.getbuffer()))

    @classmethod
    def load(cls, path: Path | str) -> LabelSet:
        """Read what :meth:`save` wrote.

        Raises:
            FileFormatError: missing, truncated or not such a file.
        """
        path = Path(path)
        if no_pipe(path).exists() and not zipfile.is_zipfile(path):
            raise FileFormatError(
                f"{path} is empty, truncated or not a data set of labels (.npz), as sampler data collect and import "
                "make them"
            )
        try:
            with np.load(path, allow_pickle=False) as data:
                header = json.loads(str(data["header"]))
                if header.get("format") != FORMAT:
                    raise FileFormatError(
                        f"{path} has the format {header.get('format')!r}, expected {FORMAT!r}; "
                        "make a data set from labelled structures with: sampler data collect"
                    )
                clusters = Clusters(
                    positions=data["positions"].astype(np.float64),
                    numbers=data["numbers"].astype(np.int64),
                    ptr=np.concatenate([[0], np.cumsum(data["natoms"])]).astype(np.int64),
                    charge=data["charge"].astype(np.int64),
                    ids=data["ids"],
                    energy=data["energy"],
                    forces=data["forces"].astype(np.float64) if "forces" in data.files else None,
                    level=header["level"],
                    columns={k.removeprefix("column."): data[k] for k in data.files if k.startswith("column.")},
                )
            return cls(clusters, dict(header["references"]), header.get("engine", ""), dict(header.get("origin", {})))
        except FileNotFoundError as error:
            raise FileFormatError(f"{path} does not exist") from error
        except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise FileFormatError(f"{path} is empty, truncated or not a data set of labels: {error}") from error

    @classmethod
    def join(cls, parts: list[LabelSet], mix_engines: bool = False) -> LabelSet:
        """All structures of several sets of one level, one engine and one set of monomers.

        Args:
            mix_engines: take labels of several engines together, whose numbers are known to agree. A set that does not
                say what made it goes with any.

        Raises:
            LevelError: different levels, engines, or monomer references that differ by more than 1e-5 eV.
        """
        parts = [p for p in parts if len(p)]
        if not parts:
            raise InputError("no labelled structures")
        levels = sorted({p.level for p in parts})
        if len(levels) > 1:
            raise LevelError(f"labels of different levels cannot be joined: {', '.join(levels)}")
        references: dict[str, float] = {}
        for part in parts:
            for name, value in part.references.items():
                if abs(references.setdefault(name, value) - value) > SAME_MONOMER:
                    raise LevelError(
                        f"two reference energies of {name} at {part.level}: {references[name]:.6f} and {value:.6f} eV; "
                        "binding energies compare only within one set of monomers, so label them alike"
                    )
        engines = sorted({e for p in parts for e in p.engine.split(SEPARATOR) if e})
        made = cls(Clusters.concatenate([p.clusters for p in parts]), references, SEPARATOR.join(engines))
        if not mix_engines:
            made.require_one_engine()
        return made

    def require_one_engine(self) -> None:
        """
        Raises:
            LevelError: the labels come from several engines.
        """
        several = different_engines([self.engine])
        if len(several) > 1:
            raise LevelError(
                f"labels of {self.level} by different engines: {' and '.join(several)}; their numbers need not agree, so "
                "label all structures with one; where you know that they do: --mix-engines"
            )


def atom_references(references: Mapping[str, float], atoms: Mapping[str, Mapping[int, int]]) -> np.ndarray:
    """Energies per element whose sum over any cluster of neutral monomers is the sum of the monomers' energies.

    A network that learns what is left then predicts binding energies ΔE = E(cluster) − Σ E(monomer), and its total
    energies are exact at separation. The least-squares solution of smallest norm; exact while the monomers'
    formulas are linearly independent (SA, AM, W are; an homologous series of amines is not, and the network then
    learns what remains).

    Args:
        references: monomer -> eV. atoms: monomer -> {atomic number: count}.

    Returns:
        (100,) eV, indexed by atomic number.
    """
    names = sorted(references)
    elements = sorted({z for name in names for z in atoms[name]})
    matrix = np.array([[atoms[name].get(z, 0) for z in elements] for name in names], float)
    solution = np.linalg.lstsq(matrix, np.array([references[n] for n in names]), rcond=None)[0]
    table = np.zeros(100)
    table[elements] = solution
    return table


def binding_energies(
    energy: np.ndarray, compositions: np.ndarray, references: Mapping[str, float], library: MonomerLibrary
) -> np.ndarray:
    """(B,) eV, E(cluster) − Σ E(monomer); ions against the cheapest choice of monomers that carries the charge.

    Args:
        energy: (B,) eV. compositions: (B,) str, names such as ``2sa2am``.
        references: monomer -> eV, of the level and engine of ``energy``.

    Raises:
        LevelError: a monomer of a composition has no reference energy.
    """
    found = {
        name: cheapest_reference(Composition.parse(name, library), references, library)
        for name in sorted(set(compositions.tolist()))
    }
    return energy - np.array([found[name] for name in compositions.tolist()])


def split(count: int, fraction: float, seed: int, known: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indices for training and validation: a random ``fraction`` (at least one structure) is for validation.

    Args:
        known: (count,) bool, structures that the starting weights were trained on: validated on only where there is no
            other.
    """
    order = np.random.default_rng(numbered_key(seed, 7919)).permutation(count)
    held = max(1, round(count * fraction)) if count > 1 else 0
    if known is not None and not known.all():
        held = min(held, int((~known).sum()))
        order = np.concatenate([order[~known[order]], order[known[order]]])
    return np.sort(order[held:]), np.sort(order[:held])
