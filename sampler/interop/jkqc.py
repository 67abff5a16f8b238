"""JKQC pickles (the databases of JKCS and JKML): pandas data frames with columns of two names.

Structures stand in ('xyz', 'structure') as ASE atoms, energies in ('log', 'electronic_energy') in Hartree, forces in
('extra', 'forces') in Hartree/Å, names in ('info', 'file_basename'). Every other column keeps its unit and becomes a
column called ``log:gibbs_free_energy``; lists become JSON text, ``log:vibrational_frequencies:json``.
"""

from __future__ import annotations

import contextlib
import copyreg
import io
import json
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..composition import split_name
from ..errors import CompositionError, FileFormatError, InputError, MissingDependency
from ..monomers import MonomerLibrary
from ..storage import write_atomic
from ..text.charges import stated_charge
from ..units import HARTREE
from . import dataframe, unpickle
from .imported import JSON, Population, column, rounded
from .isotopes import no_isotopes

STRUCTURE, ENERGY, FORCES = ("xyz", "structure"), ("log", "electronic_energy"), ("extra", "forces")
NAME, CHARGE, LEVEL = ("info", "file_basename"), ("log", "charge"), ("extra", "level")
_ADDED = ("extra", "sampler_added")
_OWN = "sampler"


def read_jkqc(path: Path | str, energy_key: str | None = None) -> Population:
    """Read a JKQC pickle without running it (:mod:`sampler.interop.unpickle`).

    Args:
        energy_key: another energy in Hartree, e.g. ``out:electronic_energy`` (the single point on top). Its level is
            read from the program and method of its own group.

    Raises:
        FileFormatError: no such pickle, or one that wants to run something. InputError: no such energy.
    """
    path = Path(path)
    content = unpickle.load(path)
    try:
        table, rows = dataframe.columns(content)
        known = [dataframe.atoms(v) for v in table.get(STRUCTURE, [None] * rows)]
    except dataframe.NotUnderstood as error:
        raise FileFormatError(f"{path} is no JKQC pickle that can be read: {error}") from error
    if STRUCTURE not in table:
        raise FileFormatError(f"{path} has no column ('xyz', 'structure'); it has {_told(table)}")
    if not rows:
        raise FileFormatError(f"{path} holds no structures; it is an empty table")
    chosen = tuple(energy_key.split(":")) if energy_key else ENERGY
    if energy_key and chosen not in table:
        raise InputError(f"{path} has no energy {energy_key!r}; it has {_told(table)}")
    structures = {i: a for i, a in enumerate(known) if a is not None and len(a[0])}
    with_atoms, atoms = list(structures), list(structures.values())
    if not with_atoms:
        raise FileFormatError(f"{path}: no row holds a structure")
    keep = {k: [v[i] for i in with_atoms] for k, v in table.items()}
    for i in with_atoms:
        if (masses := dataframe.masses(table[STRUCTURE][i])) is not None:
            no_isotopes(masses, structures[i][0], f"{path}, row {i}")
    ids = [str(v) if isinstance(v, str) else f"{i:04d}" for i, v in zip(with_atoms, keep.get(NAME, with_atoms))]
    charges = [stated_charge({"charge": v}) for v in keep.get(CHARGE, [None] * len(atoms))]
    # forces belong to the log; beside another energy they would be of another level
    forces = _forces(path, keep[FORCES], atoms, ids) if FORCES in keep and chosen == ENERGY else None
    columns, notes = _columns(keep, {STRUCTURE, NAME, CHARGE, LEVEL, _ADDED, chosen, *([FORCES] if forces else [])})
    clusters = Clusters.make(
        [p for _, p in atoms],
        [z for z, _ in atoms],
        charge=[q.charge or 0 for q in charges],
        ids=ids,
        energy=[np.nan if (e := _number(v)) is None else e * HARTREE for v in keep.get(chosen, [None] * len(atoms))],
        forces=forces,
        columns=columns,
    )
    notes += rounded([_number(v) for v in keep.get(chosen, [])], HARTREE)
    without = [str(table.get(NAME, range(rows))[i]) for i in range(rows) if i not in set(with_atoms)]
    if without:
        notes.append(f"{len(without)} row(s) without a structure are left out: {', '.join(without[:5])}")
    return Population(
        clusters,
        levels=np.array([_level(keep, chosen[0], i) for i in range(len(atoms))], dtype=np.str_),
        charge_stated=np.array([q.charge is not None for q in charges]),
        source=str(path),
        where=np.array([f"row {i} ({name})" for i, name in zip(with_atoms, ids)]),
        notes=tuple(notes),
        doubts=tuple(q.doubt for q in charges),
    )


def write_jkqc(clusters: Clusters, path: Path | str, library: MonomerLibrary | None = None) -> None:
    """Write a pickle that JKQC (with pandas 1.1 or later) reads; columns that it does not know stand under ('sampler', …).

    Raises:
        MissingDependency: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependency("pandas", "writing JKQC pickles", "jkqc") from error
    table = _table(clusters)
    added = _derived(clusters, table, library or MonomerLibrary.load())
    table |= added
    table[_ADDED] = [",".join(":".join(k) for k in added)] * len(clusters)
    option = ("future.infer_string", False) if hasattr(pd.options.future, "infer_string") else ()
    with pd.option_context(*option) if option else contextlib.nullcontext():  # older pandas has no such strings
        frame = pd.DataFrame({k: _series(pd, v) for k, v in table.items()})
        frame.columns = pd.MultiIndex.from_tuples(list(table))
        buffer = io.BytesIO()
        _OldPandas(buffer, protocol=2).dump(frame)  # module names stand in plain text in protocol 2
    content = _old_numpy(buffer.getvalue())
    write_atomic(path, lambda handle: handle.write(content))


class _OldPandas(pickle.Pickler):
    """Writes data frames in the layout of pandas 0.25 to 1.2, which later ones read too.

    JKQC's installer asks for pandas 1.3.4, which cannot read the layout of 1.4 and later.
    """

    def reducer_override(self, obj: Any) -> Any:
        if type(obj).__name__ != "BlockManager":
            return NotImplemented
        axes, blocks = list(obj.axes), obj.blocks
        values, items = [b.values for b in blocks], [axes[0][b.mgr_locs.indexer] for b in blocks]
        layout = [{"values": b.values, "mgr_locs": b.mgr_locs.indexer} for b in blocks]
        state = (axes, values, items, {"0.14.1": {"axes": axes, "blocks": layout}})
        return copyreg.__newobj__, (type(obj),), state  # type: ignore[attr-defined]  # typeshed leaves it out


def _told(table: dict) -> str:
    return ", ".join(":".join(map(str, k)) for k in list(table)[:30])


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and value == value:
        return float(value)
    return None


def _forces(path: Path, values: list, atoms: list, ids: list[str]) -> list[np.ndarray] | None:
    """Hartree/Å -> eV/Å; NaN where a row has none, None where no row has any."""
    forces = []
    for value, (z, _), name in zip(values, atoms, ids):
        if not isinstance(value, (list, tuple, np.ndarray)):
            forces.append(np.full((len(z), 3), np.nan))
            continue
        try:
            forces.append(np.asarray(value, float).reshape(len(z), 3) * HARTREE)
        except ValueError as error:
            raise FileFormatError(f"{path}: the forces of {name} are not {len(z)} times three numbers") from error
    return forces if any(np.isfinite(f).any() for f in forces) else None


def _columns(keep: dict, skip: set) -> tuple[dict[str, np.ndarray], list[str]]:
    dropped = {tuple(k.split(":")) for v in keep.get(_ADDED, [])[:1] if isinstance(v, str) for k in v.split(",")}
    columns, notes, lost = {}, [], []
    for key, values in keep.items():
        if key in skip or key in dropped:
            continue
        values = [None if v is None or (isinstance(v, float) and v != v) else v for v in values]
        name = key[1] if key[0] == _OWN and len(key) == 2 else ":".join(map(str, key))
        try:
            made = column(values)
        except TypeError:  # objects that are no numbers, strings or lists of these
            lost.append(name)
            continue
        if any(isinstance(v, unpickle.Standin) for v in values):
            lost.append(name)
            continue
        listed = made.dtype.kind == "U" and any(isinstance(v, (list, dict, tuple, np.ndarray)) for v in values)
        columns[name + JSON if listed else name] = made
    if lost:
        notes.append(f"columns that hold objects are not kept: {', '.join(lost)}")
    return columns, notes


def _level(keep: dict, group: str, i: int) -> str:
    """The level of theory of an energy, from what JKQC notes of program and method; '' where that does not tell."""
    from ..refine.orca.presets import level

    own = keep.get(LEVEL, [None] * (i + 1))[i]
    if isinstance(own, str) and own:
        return own
    program = keep.get((group, "program"), [None] * (i + 1))[i]
    method = keep.get((group, "method"), [None] * (i + 1))[i]
    if not isinstance(program, str) or not isinstance(method, str):
        return ""
    if program.upper().startswith("ORCA_"):
        return level([w for w in method.split("_") if w and w != "!"], program[5:])
    if program.upper().startswith("XTB") and re.fullmatch(r"gfn[12]-xtb", method.lower()):
        return method.lower()
    return f"{method}@{program}".lower().replace(" ", "_")


# ---- writing --------------------------------------------------------------------------------------------


def _table(clusters: Clusters) -> dict[tuple[str, ...], list]:
    from ase import Atoms

    spans = [clusters.atoms_of(i) for i in range(len(clusters))]
    table: dict[tuple[str, ...], list] = {
        NAME: [str(v) for v in clusters.ids],
        STRUCTURE: [Atoms(clusters.numbers[s], clusters.positions[s]) for s in spans],
        ENERGY: [float(e) / HARTREE for e in clusters.energy],
        CHARGE: [int(q) for q in clusters.charge],
        LEVEL: [clusters.level if np.isfinite(e) else "" for e in clusters.energy],
    }
    if clusters.forces is not None:
        rows = [clusters.forces[s] / HARTREE for s in spans]
        table[FORCES] = [list(f) if np.isfinite(f).any() else np.nan for f in rows]
    for name, values in clusters.columns.items():
        listed = name.endswith(JSON)
        parts = tuple(name.removesuffix(JSON).split(":"))
        foreign = len(parts) == 2 and all(parts)
        key = parts if foreign else (_OWN, name)
        plain = [v.item() for v in values]
        if foreign and listed:
            plain = [json.loads(v) if v else np.nan for v in plain]
        elif foreign:
            plain = [np.nan if v == "" else v for v in plain]
        if key in table:
            raise InputError(f"the column {name} would stand twice in a JKQC pickle; rename it")
        table[key] = plain
    return table


def _derived(clusters: Clusters, table: dict, library: MonomerLibrary) -> dict[tuple[str, ...], list]:
    """What JKQC expects besides, where the clusters do not bring it."""
    from ..version import __version__

    kinds = [_cluster_type(str(v), library) for v in clusters.ids]
    made: dict[tuple[str, ...], list] = {
        ("info", "folder_path"): ["./"] * len(clusters),
        ("info", "cluster_type"): [k[0] for k in kinds],
        ("info", "components"): [k[1] for k in kinds],
        ("info", "component_ratio"): [k[2] for k in kinds],
        ("log", "program"): [f"sampler_{__version__}"] * len(clusters),
        ("log", "method"): [clusters.level or np.nan] * len(clusters),
        ("log", "NAtoms"): [int(n) for n in clusters.natoms],
    }
    return {k: v for k, v in made.items() if k not in table}


def _cluster_type(name: str, library: MonomerLibrary) -> tuple[Any, Any, Any]:
    """JKQC's name of what a cluster is made of, molecules in alphabetical order: 4sa4am-7 -> 4am4sa."""
    head = re.split("[-_]", name)[0]
    try:
        pairs = split_name(head, library)
    except CompositionError:  # a molecule of somebody else's library
        whole = re.fullmatch(r"(\d+[a-z]+)+", head)
        pairs = [(int(n), m) for n, m in re.findall(r"(\d+)([a-z]+)", head)] if whole else []
    if not pairs:
        return np.nan, np.nan, np.nan
    kind = "".join(f"{n}{m}" for n, m in sorted(pairs, key=lambda p: p[1]) if n)
    return kind, [m for _, m in pairs], [n for n, _ in pairs]


def _series(pd: Any, values: list) -> Any:
    if all(isinstance(v, (bool, int, float)) for v in values):
        return pd.Series(values)
    made = np.empty(len(values), object)
    for i, value in enumerate(values):
        made[i] = value
    return pd.Series(made, dtype=object)


def _old_numpy(content: bytes) -> bytes:
    """The same pickle with the module names of numpy 1, which numpy 2 knows too."""
    out, last = [], 0
    for opcode, argument, position in pickletools.genops(content):
        if opcode.name == "GLOBAL" and position is not None and str(argument).startswith("numpy._core"):
            out += [content[last:position], b"cnumpy.core"]
            last = position + len(b"cnumpy._core")
    return b"".join(out) + content[last:]
