"""Clusters: many structures in one struct of arrays, the population that flows through the funnel."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import remaining, renamed
from .errors import FileFormatError, InputError, LevelError
from .storage import write_atomic
from .text.charges import CHARGE_KEYS, stated_charge
from .text.files import no_pipe

if TYPE_CHECKING:
    import ase
    from numpy.typing import ArrayLike

_FORMAT = "sampler-clusters-1"
_SEAL = b"crc32:"
_ARRAYS = ("positions", "numbers", "ptr", "charge", "ids", "energy", "forces")


@dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """B structures of N atoms in all.

    ``len``, iteration and indexing are over structures; two are equal when all their arrays are.

    >>> water = Clusters.make([[[0, 0, 0], [0, 0.76, 0.59], [0, -0.76, 0.59]]] * 200, [[8, 1, 1]] * 200)
    >>> water
    Clusters(200 structures of H2O, charge 0, no energies)
    >>> water[["0007", "0003"]].ids.tolist()
    ['0007', '0003']
    >>> water[:2] == water[["0000", "0001"]]
    True

    Attributes:
        positions: (N, 3) float64, Å.
        numbers: (N,) int64, atomic numbers.
        ptr: (B + 1,) int64; structure i has the atoms ``ptr[i]:ptr[i+1]``.
        charge: (B,) int64, total charges in e.
        ids: (B,) str, a name for each structure.
        energy: (B,) float64, eV; NaN where there is none.
        forces: (N, 3) float64, eV/Å, or None.
        level: the level of theory of ``energy`` and ``forces``; '' when there are no energies.
        columns: further per-structure arrays of length B (seed, parent, converged, …); no objects.
    """

    positions: np.ndarray
    numbers: np.ndarray
    ptr: np.ndarray
    charge: np.ndarray
    ids: np.ndarray
    energy: np.ndarray
    forces: np.ndarray | None = None
    level: str = ""
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        n, b = len(self.numbers), len(self.ptr) - 1
        if self.positions.shape != (n, 3):
            raise InputError(f"positions have shape {self.positions.shape}, expected {(n, 3)}")
        if self.ptr[0] != 0 or self.ptr[-1] != n or np.any(np.diff(self.ptr) < 0):
            raise InputError(f"ptr must ascend from 0 to the number of atoms {n}; it is {self.ptr}")
        per_structure = {"charge": self.charge, "ids": self.ids, "energy": self.energy, **self.columns}
        for name, array in per_structure.items():
            if len(array) != b:
                raise InputError(f"{name} has {len(array)} entries for {b} structures")
            if array.dtype == object:
                raise InputError(f"column {name} holds Python objects; only numbers and strings can be stored")
        if self.forces is not None and self.forces.shape != (n, 3):
            raise InputError(f"forces have shape {self.forces.shape}, expected {(n, 3)}")

    # ---- making ----------------------------------------------------------------------------------

    @classmethod
    def make(
        cls,
        positions: Sequence[ArrayLike] | np.ndarray,
        numbers: Sequence[Sequence[int] | np.ndarray],
        *,
        charge: int | Sequence[int] | np.ndarray = 0,
        ids: Sequence[str] | np.ndarray | None = None,
        energy: Sequence[float] | np.ndarray | None = None,
        forces: Sequence[ArrayLike] | None = None,
        level: str = "",
        columns: dict[str, Any] | None = None,
    ) -> Clusters:
        """From one (n_i, 3) position array and one (n_i,) number array per structure; see the class for units."""
        b = len(numbers)
        if len(positions) != b:
            raise InputError(f"{len(positions)} position arrays for {b} number arrays")
        sizes = [len(z) for z in numbers]
        stack = lambda parts, tail: (  # noqa: E731
            np.concatenate([np.asarray(p, float).reshape(-1, *tail) for p in parts]) if b else np.zeros((0, *tail))
        )
        return cls(
            positions=stack(positions, (3,)),
            numbers=np.concatenate([np.asarray(z, np.int64) for z in numbers]) if b else np.zeros(0, np.int64),
            ptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            charge=np.broadcast_to(np.asarray(charge, np.int64), (b,)).copy(),
            ids=np.asarray(ids if ids is not None else [f"{i:04d}" for i in range(b)], dtype=np.str_).reshape(b),
            energy=np.full(b, np.nan) if energy is None else np.asarray(energy, float).reshape(b),
            forces=None if forces is None else stack(forces, (3,)),
            level=level,
            columns={k: np.asarray(v) for k, v in (columns or {}).items()},
        )

    @classmethod
    def empty(cls) -> Clusters:
        return cls.make([], [])

    @classmethod
    def concatenate(cls, parts: Sequence[Clusters]) -> Clusters:
        """One population from several. Columns that a part lacks are filled with NaN, -1, False or ''; so are forces of
        parts that have no energies either. Forces that another part lacks are left out for all.

        Raises:
            LevelError: the parts hold energies of different levels of theory.
        """
        parts = [p for p in parts if len(p)]
        if not parts:
            return cls.empty()
        levels = sorted({p.level for p in parts if np.isfinite(p.energy).any()})
        if len(levels) > 1:
            raise LevelError(f"energies of different levels of theory cannot be joined: {', '.join(levels)}")
        names = list(dict.fromkeys(k for p in parts for k in p.columns))
        columns = {}
        for name in names:
            kinds = [p.columns[name].dtype for p in parts if name in p.columns]
            columns[name] = np.concatenate([p.columns.get(name, _blank(kinds[0], len(p))) for p in parts])
        blank = [p.forces is None and not np.isfinite(p.energy).any() for p in parts]
        with_forces = not all(blank) and all(b or p.forces is not None for b, p in zip(blank, parts))
        sizes = np.concatenate([p.natoms for p in parts])
        return cls(
            positions=np.concatenate([p.positions for p in parts]),
            numbers=np.concatenate([p.numbers for p in parts]),
            ptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            charge=np.concatenate([p.charge for p in parts]),
            ids=np.concatenate([p.ids for p in parts]),
            energy=np.concatenate([p.energy for p in parts]),
            forces=(
                np.concatenate([np.full(p.positions.shape, np.nan) if b else p.forces for b, p in zip(blank, parts)])
                if with_forces
                else None
            ),
            level=levels[0] if levels else "",
            columns=columns,
        )

    def replace(self, **changes: Any) -> Clusters:
        """A copy with some attributes exchanged (see the class); lists become arrays.

        Columns that derive from what changes go (:mod:`sampler.columns`): with other positions, energies or another
        level, a binding energy or a rank would be of something else. ``columns``, if given, are taken as they are.
        """
        arrays: dict[str, Any] = {k: np.asarray(v) if isinstance(v, list | tuple) else v for k, v in changes.items()}
        new = dataclasses.replace(self, **arrays)
        if "columns" in changes or not self.columns:
            return new
        moved = not np.array_equal(self.positions, new.positions, equal_nan=True)
        other = bool(self.level and new.level) and self.level != new.level
        judged = other or not np.array_equal(self.energy, new.energy, equal_nan=True)
        kept = remaining(self.columns, moved=moved, judged=judged)
        return new if len(kept) == len(self.columns) else dataclasses.replace(new, columns=kept)

    def without_energies(self) -> Clusters:
        """A copy without energies, forces and level, for structures that have none at the level of the others."""
        return self.replace(energy=np.full(len(self), np.nan), forces=None, level="")

    def with_columns(self, **columns: Any) -> Clusters:
        """A copy with columns added or exchanged; a scalar is repeated for every structure."""
        new = {k: np.broadcast_to(np.asarray(v), (len(self),)).copy() for k, v in columns.items()}
        return self.replace(columns={**self.columns, **new})

    # ---- looking ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def natoms(self) -> np.ndarray:
        """(B,) number of atoms of each structure."""
        return np.diff(self.ptr)

    @property
    def structure_of_atom(self) -> np.ndarray:
        """(N,) index of the structure that each atom belongs to."""
        return np.repeat(np.arange(len(self)), self.natoms)

    def all_finite(self, values: np.ndarray) -> np.ndarray:
        """(B,) whether the rows of ``values`` (N, k) of all atoms of a structure are finite."""
        found = np.ones(len(self), bool)
        np.logical_and.at(found, self.structure_of_atom, np.isfinite(values).all(1))
        return found

    def atoms_of(self, i: int | np.integer) -> slice:
        """The slice of the atom arrays that holds structure ``i``."""
        return slice(int(self.ptr[i]), int(self.ptr[i + 1]))

    def __eq__(self, other: object) -> bool:
        """Whether ids, atoms, charges, energies, forces, level and columns are all the same; NaN equals NaN."""
        if not isinstance(other, Clusters):
            return NotImplemented
        if self.level != other.level or self.columns.keys() != other.columns.keys():
            return False
        pairs = [(getattr(self, name), getattr(other, name)) for name in _ARRAYS]
        return all(_equal(a, b) for a, b in [*pairs, *((v, other.columns[k]) for k, v in self.columns.items())])

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def __repr__(self) -> str:
        from .text.population import in_words

        return in_words(self)

    def _repr_html_(self) -> str:
        from .text.population import as_table

        return as_table(self)

    @property
    def formulas(self) -> np.ndarray:
        """(B,) str, the formula of each structure, e.g. ``H2O``."""
        from .text.population import formulas

        return formulas(self)

    def __getitem__(self, key: Any) -> Clusters:
        """A sub-population, by slice, boolean mask, index array or a single index; or by id, or a list of ids.

        Raises:
            InputError: no structure has the id.
        """
        ids = np.asarray(key) if isinstance(key, str | list | tuple | np.ndarray) else None
        if ids is not None and ids.dtype.kind == "U":
            chosen = self._at(ids.reshape(-1).tolist())
        else:
            chosen = np.atleast_1d(np.arange(len(self))[key])
        sizes = self.natoms[chosen]
        ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        atoms = np.arange(ptr[-1]) - np.repeat(ptr[:-1], sizes) + np.repeat(self.ptr[:-1][chosen], sizes)
        return Clusters(
            positions=self.positions[atoms],
            numbers=self.numbers[atoms],
            ptr=ptr,
            charge=self.charge[chosen],
            ids=self.ids[chosen],
            energy=self.energy[chosen],
            forces=None if self.forces is None else self.forces[atoms],
            level=self.level,
            columns={k: v[chosen] for k, v in self.columns.items()},
        )

    def _at(self, ids: Sequence[str]) -> np.ndarray:
        """The places of structures with these ids, in the order of ``ids``; several that share an id are all taken."""
        places: dict[str, list[int]] = {}
        for i, one in enumerate(self.ids.tolist()):
            places.setdefault(one, []).append(i)
        if missing := [one for one in ids if one not in places]:
            have = ", ".join(list(places)[:3]) + (", …" if len(places) > 3 else "")
            raise InputError(f"no structure has the id {missing[0]!r}; the ids here are {have or 'none'}")
        return np.array([i for one in ids for i in places[one]], np.int64)

    def __iter__(self) -> Iterator[Clusters]:
        return (self[i] for i in range(len(self)))

    def lowest_first(self) -> Clusters:
        """In ascending energy, equal energies by id; structures without an energy last."""
        return self[np.lexsort((self.ids, self.energy))]

    def chunks(self, size: int) -> list[Clusters]:
        """Consecutive sub-populations of at most ``size`` structures."""
        return [self[i : i + size] for i in range(0, len(self), size)]

    # ---- exchange --------------------------------------------------------------------------------

    def to_ase(self) -> list[ase.Atoms]:
        """One ``ase.Atoms`` per structure, with energy (eV) and forces (eV/Å) where ASE finds them.

        ``get_potential_energy()`` and ``get_forces()`` give those of the level in ``info['level']``; without an energy
        they raise ASE's error, as they do once the atoms were moved. ``info`` also has id, charge, ``energy_eV`` and the
        columns.
        """
        from ase import Atoms
        from ase.calculators.singlepoint import SinglePointCalculator

        frames = []
        for i in range(len(self)):
            atoms = self.atoms_of(i)
            frame = Atoms(self.numbers[atoms], self.positions[atoms])
            frame.info = {k: v[i].item() for k, v in self.columns.items()}
            frame.info |= {"id": str(self.ids[i]), "charge": int(self.charge[i])}
            known: dict[str, Any] = {}
            if np.isfinite(self.energy[i]):
                known["energy"] = float(self.energy[i])
                frame.info["energy_eV"] = known["energy"]
            if self.forces is not None and np.isfinite(self.forces[atoms]).all():
                known["forces"] = self.forces[atoms].copy()
            if known:
                frame.info["level"] = self.level
                frame.calc = SinglePointCalculator(frame, **known)
                frame.calc.name = self.level or "unknown"
            frames.append(frame)
        return frames

    @classmethod
    def from_ase(cls, frames: Sequence[ase.Atoms], *, charge: int | None = None) -> Clusters:
        """From ASE frames: geometry, the charge (``charge``, else ``info['charge']`` or the sum of the initial charges),
        ``info['id']`` (or ``info['name']``).

        Energies and forces are read back where :meth:`to_ase` left them, as long as they are those of the atoms: not
        once the atoms were moved, or got another calculator; columns that derive from them go likewise. Foreign
        energies are not taken, since nothing says their level of theory.
        """
        infos = [frame.info for frame in frames]
        results = [_results(frame) for frame in frames]
        levels = {str(i["level"]) for i, r in zip(infos, results) if "energy" in r}
        if len(levels) > 1:
            raise LevelError(f"frames hold energies of different levels of theory: {', '.join(sorted(levels))}")
        reserved = {"id", "name", "energy_eV", "level", *(k for i in infos for k in i if k.lower() in CHARGE_KEYS)}
        charges = [stated_charge(i, f.arrays.get("initial_charges")) for i, f in zip(infos, frames)]
        doubt = next((n for n, c in enumerate(charges) if c.doubt), None)
        if charge is None and doubt is not None:
            raise InputError(f"frame {doubt}: {charges[doubt].doubt}; give the charge")
        shared = set.intersection(*(set(i) for i in infos)) - reserved if infos else set()
        columns = renamed({k: np.asarray([i[k] for i in infos]) for k in sorted(shared)})
        if any("energy_eV" in i and "energy" not in r for i, r in zip(infos, results)):
            columns = remaining(columns, moved=True, judged=True)
        blank = [np.full((len(f), 3), np.nan) for f in frames]
        return cls.make(
            [f.positions for f in frames],
            [f.numbers for f in frames],
            charge=[(c.charge or 0) if charge is None else charge for c in charges],
            ids=[str(i.get("id", i.get("name", f"{n:04d}"))) for n, i in enumerate(infos)],
            energy=[r.get("energy", np.nan) for r in results],
            forces=[r.get("forces", b) for r, b in zip(results, blank)]
            if any("forces" in r for r in results)
            else None,
            level=levels.pop() if levels else "",
            columns={k: v for k, v in columns.items() if v.ndim == 1 and v.dtype.kind in "biufU"},
        )

    def save(self, path: Path | str) -> None:
        """Write an npz file (no pickles inside), atomically; see :func:`sampler.storage.write_atomic`."""
        header = json.dumps({"format": _FORMAT, "level": self.level})
        arrays: dict[str, Any] = {f"column.{k}": v for k, v in self.columns.items()}
        for name in _ARRAYS:
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        buffer = io.BytesIO()
        np.savez(buffer, header=np.asarray(header), **arrays)
        content = _sealed(buffer.getvalue())
        write_atomic(path, lambda handle: handle.write(content))

    @classmethod
    def load(cls, path: Path | str) -> Clusters:
        """Read what :meth:`save` wrote.

        Raises:
            FileFormatError: the file is missing, empty, truncated, corrupted or not such a file.
        """
        path = no_pipe(path)
        try:
            content = path.read_bytes()
            _check_seal(content)
            with np.load(io.BytesIO(content), allow_pickle=False) as data:
                header = json.loads(str(data["header"]))
                if header.get("format") != _FORMAT:
                    raise FileFormatError(f"{path} has the format {header.get('format')!r}, expected {_FORMAT!r}")
                names = [k for k in data.files if k != "header"]
                arrays = {k: data[k] for k in names if not k.startswith("column.")}
                columns = {k.removeprefix("column."): data[k] for k in names if k.startswith("column.")}
            return cls(level=header["level"], columns=renamed(columns), **arrays)
        except FileNotFoundError as error:
            raise FileFormatError(f"{path} does not exist") from error
        except (
            ValueError,
            KeyError,
            OSError,
            EOFError,
            TypeError,
            AttributeError,
            InputError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise FileFormatError(f"{path} is empty, truncated or not a sampler clusters file: {error}") from error


def _results(frame: ase.Atoms) -> dict[str, Any]:
    """Energy (eV) and forces (eV/Å) of a stated level that a frame holds, if they are still those of its atoms."""
    written = frame.info.get("energy_eV")
    if "level" not in frame.info:
        return {}
    if frame.calc is None:  # earlier versions kept both beside the atoms
        forces = {"forces": frame.arrays["forces_eV_per_A"]} if "forces_eV_per_A" in frame.arrays else {}
        return forces if written is None else {"energy": float(written), **forces}
    from ase.calculators.singlepoint import SinglePointCalculator

    if not isinstance(frame.calc, SinglePointCalculator) or frame.calc.check_state(frame):
        return {}
    held = {k: frame.calc.results[k] for k in ("energy", "forces") if frame.calc.results.get(k) is not None}
    another = written is not None and abs(held.get("energy", np.inf) - written) > 1e-6
    return {} if another else held


def _sealed(archive: bytes) -> bytes:
    """A zip archive with a checksum of all of it in its comment: those of its members leave out their headers."""
    seal = _SEAL + b"%08x" % zlib.crc32(archive[:-2])
    return archive[:-2] + len(seal).to_bytes(2, "little") + seal


def _check_seal(content: bytes) -> None:
    """Raise ValueError if an archive is not what its comment says; files of earlier versions have none."""
    at = len(content) - len(_SEAL) - 8
    if content[at : at + len(_SEAL)] == _SEAL and _sealed(content[: at - 2] + b"\0\0") != content:
        raise ValueError("its checksum is wrong")


def _equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")


def _blank(dtype: np.dtype, n: int) -> np.ndarray:
    fill = {"f": np.nan, "i": -1, "u": 0, "b": False, "U": ""}[dtype.kind]
    return np.full(n, fill, dtype=dtype)
