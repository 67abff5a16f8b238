"""ASE databases (SQLite ``.db``)."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError, SamplerError
from ..storage import write_atomic
from ..text.charges import CHARGE_KEYS, StatedCharge, stated_charge
from . import schnetpack_db
from .cells import whole
from .imported import Population, column, counted, energy_column, rounded
from .isotopes import no_isotopes
from .sqlite import read_only, tables, told

_OWN = "sampler"
_ASE_TABLES = {"systems", "species", "keys", "text_key_values", "number_key_values"}


def read_ase_db(path: Path | str, energy_key: str | None = None) -> Population:
    """Read an ASE database, without changing it. Energies and forces are ASE's (eV, eV/Å); ``energy_key`` names another
    number of the rows, with its unit (``b973c_Eh``). Levels are read from a key ``level``, charges as
    :func:`sampler.text.charges.stated_charge` says. What a periodic cell has cut is made whole. Databases of SchNetPack
    state their units, and are converted (:mod:`.schnetpack_db`).

    Raises:
        FileFormatError: no such database, an empty or locked one, an SQLite database that is not ASE's, or isotopes.
        InputError: no such key.
    """
    path = Path(path)
    try:
        return _population(path, energy_key)
    except SamplerError:
        raise
    except Exception as error:  # values of a damaged row are of any kind
        raise FileFormatError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _population(path: Path, energy_key: str | None) -> Population:
    rows, labels = _rows(path)
    infos = [_info(row) for row in rows]
    forces = [np.array(row.forces) if "forces" in row else None for row in rows]
    where, notes = [f"row {row.id}" for row in rows], []
    named = labels.energy_name(energy_key) if labels else None
    if labels and named and (energy_key or not any("energy" in row for row in rows)):
        values = [schnetpack_db.value(row, named, path) for row in rows]
        notes += rounded(values, labels.energies[named])
        for value, info in zip(values, infos):
            info["energy"] = value * labels.energies[named]
        if not energy_key and labels.forces is not None:
            found = [schnetpack_db.forces(row) for row in rows]
            forces = [None if f is None else f * labels.forces for f in found]
    elif energy_key:
        energy_key, scale = energy_column(energy_key)
        for row, info in zip(rows, infos):
            if not isinstance(info.get(energy_key), (int, float)):
                raise InputError(f"{path}: row {row.id} has no number {energy_key!r}")
            info["energy"] = info[energy_key] * scale
    positions = []
    length = labels.length if labels else 1.0
    for row, place in zip(rows, where):
        if row.get("masses") is not None:
            no_isotopes(row.masses, row.numbers, f"{path}, {place}")
        placed, moved = whole(
            np.array(row.positions) * length, row.numbers, np.array(row.cell) * length, np.array(row.pbc)
        )
        positions.append(placed)
        notes += [moved] if moved else []
    with_forces = not energy_key and any(f is not None for f in forces)
    names = dict.fromkeys(k for i in infos for k in i["columns"] if k != energy_key)
    clusters = Clusters.make(
        positions,
        [row.numbers for row in rows],
        charge=[i["charge"].charge or 0 for i in infos],
        ids=[i["id"] for i in infos],
        energy=[i["energy"] for i in infos],
        forces=[np.full((row.natoms, 3), np.nan) if f is None else f for row, f in zip(rows, forces)]
        if with_forces else None,
        columns={k: column([i["columns"].get(k) for i in infos]) for k in names},
    )  # fmt: skip
    return Population(
        clusters,
        levels=np.array([i["level"] for i in infos], dtype=np.str_),
        charge_stated=np.array([i["charge"].charge is not None for i in infos]),
        source=str(path),
        where=np.array(where),
        notes=(*counted(notes), *(labels.notes(named) if labels else ())),
        doubts=tuple(i["charge"].doubt for i in infos),
    )


def _rows(path: Path) -> tuple[list, schnetpack_db.Labels | None]:
    """All rows, and the units of a database of SchNetPack; ASE is given the file only when it is known to be one of its own, and a connection that cannot write."""
    from ase.db import connect

    with read_only(path) as connection:
        found = tables(connection, path)
        lacking = _ASE_TABLES - set(found)
        if lacking:
            layout = "; ".join(f"{name} ({', '.join(some[:6])})" for name, some in list(found.items())[:4])
            raise FileFormatError(
                f"{path} is an SQLite database, but not ASE's: its tables are {layout or 'none'}. Export structures from "
                "the program that made it as extended XYZ"
            )
        try:
            database = connect(str(path), type="db", use_lock_file=False)
            database._connect = lambda: connection
            with database:
                rows = list(database.select())
                metadata = database.metadata if rows else {}
        except sqlite3.OperationalError as error:
            raise told(path, error) from error
        except Exception as error:  # whatever SQLite and ASE meet in a broken file
            raise FileFormatError(f"{path} is empty, truncated or not an ASE database: {error}") from error
    if not rows:
        raise FileFormatError(f"{path} holds no structures; it is an empty ASE database")
    return rows, schnetpack_db.labels(metadata, path)


def _in_data(row) -> dict:
    """Charges that a row keeps among its data, as Open Molecules' databases do, one number each."""
    data = row.data if isinstance(row.data, dict) else {}
    found = {k: np.asarray(v).ravel() for k, v in data.items() if isinstance(k, str) and k.lower() in CHARGE_KEYS}
    return {k: v[0].item() for k, v in found.items() if v.size == 1 and v.dtype.kind in "iufU"}


def _info(row) -> dict:
    pairs = dict(row.key_value_pairs)
    own = row.data.get(_OWN) if isinstance(row.data, dict) else None
    charge = stated_charge({**_in_data(row), **pairs}, row.get("initial_charges"))
    if own:
        stated = StatedCharge(int(own["charge"])) if "charge" in own else charge
        return {**pairs, **own, "charge": stated, "energy": float(row.get("energy", np.nan))}
    columns = {k: v for k, v in pairs.items() if k not in ("level", "name") and k.lower() not in CHARGE_KEYS}
    return {
        **pairs,
        "id": str(pairs.get("name", f"{row.id:04d}")),
        "charge": charge,
        "level": str(pairs.get("level", "")),
        "energy": float(row.get("energy", np.nan)),
        "columns": columns,
    }


def write_ase_db(clusters: Clusters, path: Path | str) -> None:
    """Write a new ASE database: energies and forces as ASE's; id, charge, level and columns in ``data['sampler']``,
    and level and charge as keys too, so that ``ase db FILE level=…`` finds them."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # SQLite writes where it likes; the finished file is then put in place whole
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        file = os.path.join(folder, "new.db")
        with connect(file, type="db", use_lock_file=False) as database:
            for i in range(len(clusters)):
                span, energy = clusters.atoms_of(i), float(clusters.energy[i])
                atoms = Atoms(clusters.numbers[span], clusters.positions[span])
                results: dict[str, Any] = {"energy": energy} if np.isfinite(energy) else {}
                if clusters.forces is not None and np.isfinite(clusters.forces[span]).any():
                    results["forces"] = clusters.forces[span]
                if results:
                    atoms.calc = SinglePointCalculator(atoms, **results)
                own = {
                    "id": str(clusters.ids[i]),
                    "charge": int(clusters.charge[i]),
                    "level": clusters.level if np.isfinite(energy) else "",
                    "columns": {k: v[i].item() for k, v in clusters.columns.items()},
                }
                keys = {"charge": own["charge"]} | ({"level": own["level"]} if own["level"] else {})
                database.write(atoms, key_value_pairs=keys, data={_OWN: own})
        content = Path(file).read_bytes()
    write_atomic(path, lambda handle: handle.write(content))
