"""Files of XYZ frames: plain, as CREST and its like write them (an energy in the comment line), and extended XYZ."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError
from ..storage import write_text
from ..text.charges import CHARGE_KEYS, frame_charge
from ..text.files import read_text
from ..text.xyz import Frame, frames
from ..text.xyz_comment import number
from ..units import HARTREE
from .cells import whole
from .energies import energy_of, plausible, unit_scale
from .imported import Population, column, counted, energy_column, forces_column
from .isotopes import no_isotopes

_OWN = ("id", "charge", "energy", "energy_eV", "level", "Properties", "pbc", "Lattice")
_UNIT_KEYS = ("energy_unit", "energy_units", "unit_energy", "units_energy")
_NAMES = ("energy_eV", "energy"), ("forces_eV_per_A", "forces")


def read_xyz(path: Path | str, energy_key: str | None = None, forces_key: str | None = None) -> Population:
    """Read any of the three kinds; see :func:`sampler.interop.read_any`.

    ``energy`` and ``forces`` of extended XYZ are in eV and eV/Å (ASE's convention); other keys must be named, and say
    their unit. For energies in plain comment lines see :func:`.energies.energy_of`, for charges
    :func:`sampler.text.charges.stated_charge`. What a periodic cell has cut is made whole.

    Raises:
        FileFormatError: empty, truncated, or a line that cannot be read; isotopes. InputError: an unknown key or unit.
    """
    path = Path(path)
    return _population(path, read_frames(path), energy_key, forces_key)


def read_frames(path: Path | str) -> list[Frame]:
    """The frames of a file, made whole where a periodic cell has cut them.

    Raises:
        FileFormatError: as :func:`read_xyz`.
    """
    found = list(frames(path, read_text(path)))
    if not found:
        raise FileFormatError(f"{path} is empty; it should hold XYZ frames")
    for n, frame in enumerate(found):
        masses = frame.arrays.pop("masses", None)
        if masses is not None:
            no_isotopes(masses[:, 0], frame.numbers, f"{path}, {_place(n, frame)}")
        cell, pbc = _cell(frame)
        frame.positions, moved = whole(frame.positions, frame.numbers, cell, pbc)
        frame.notes += [moved] if moved else []
    return found


def _place(n: int, frame: Frame) -> str:
    return f"frame {n + 1} (line {frame.line})"


def _population(path: Path, found: list[Frame], energy_key: str | None, forces_key: str | None) -> Population:
    infos = [f.info for f in found]
    where = [_place(n, f) for n, f in enumerate(found)]
    energy, used, told = _energies(path, found, energy_key)
    forces, taken = _forces(path, found, forces_key, energy_key)
    charges = [frame_charge(f) for f in found]
    others = sorted({k for f in found for k in f.arrays} - {taken, "initial_charges"})
    names = dict.fromkeys(k for i in infos for k in i)
    with_id = all("id" in i for i in infos)
    skip = {*_OWN, used} | (set() if with_id else {"name"})
    clusters = Clusters.make(
        [f.positions for f in found],
        [f.numbers for f in found],
        charge=[c.charge or 0 for c in charges],
        ids=[str(i.get("id", i.get("name", f"{n:04d}"))) for n, i in enumerate(infos)],
        energy=energy,
        forces=forces,
        columns={
            k: column([i.get(k) for i in infos])
            for k in names
            if k not in skip and k.lower() not in (*CHARGE_KEYS, *_UNIT_KEYS)
        },
    )
    return Population(
        clusters,
        levels=np.array([str(i.get("level", "")) for i in infos], dtype=np.str_),
        charge_stated=np.array([c.charge is not None for c in charges]),
        source=str(path),
        where=np.array(where),
        notes=(
            *((f"columns per atom that are not kept: {', '.join(others)}",) if others else ()),
            *counted([note for f in found for note in f.notes] + told),
        ),
        doubts=tuple(c.doubt for c in charges),
    )


def _cell(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) Å and (3,) bool; ASE's habit: a cell without ``pbc`` is periodic. Zeros where there is none."""
    none = np.zeros((3, 3)), np.zeros(3, bool)
    try:
        cell = np.array(str(frame.info["Lattice"]).strip("[]{}").replace(",", " ").split(), float)
        words = str(frame.info.get("pbc", "T T T")).strip("[]{}").replace(",", " ").split()
    except (KeyError, ValueError):
        return none
    if cell.shape == (3,):
        cell = np.diag(cell).ravel()
    pbc = np.array([w[:1].upper() in ("T", "1") for w in (words * 3 if len(words) == 1 else words)])
    return (cell.reshape(3, 3), pbc) if cell.shape == (9,) and pbc.shape == (3,) else none


def _energies(path: Path, found: list[Frame], key: str | None) -> tuple[list[float], str, list[str]]:
    """eV, the key that was used, and what is to be said."""
    if key is not None:
        key, scale = energy_column(key)
        values = [_number(frame.info.get(key)) for frame in found]
        if None in values:
            n = values.index(None)
            known = ", ".join(k for k, v in found[n].info.items() if isinstance(v, float)) or "none"
            raise InputError(f"{path}: frame {n + 1} has no number {key!r}; numbers it has: {known}")
        return [v * scale for v in values if v is not None], key, []
    energies, told = [], []
    for frame in found:
        keys = _NAMES[0] if frame.extended else _NAMES[0][:1]
        value = next((v for k in keys if (v := _number(frame.info.get(k))) is not None), None)
        if value is not None:
            scale, note = _stated_unit(frame.info)
            energies.append(value * scale)
            told += [note] if note else []
            told += _doubtful(energies[-1], frame) if "level" not in frame.info and scale == scale else []
            continue
        if frame.extended:
            energies.append(np.nan)
            told += _others(frame)
            continue
        value, note = energy_of(frame.comment, frame.numbers, ours={"id", "charge"} <= set(frame.info))
        energies.append(value)
        told += [note] if note else []
    return energies, "", told


def _stated_unit(info: dict[str, Any]) -> tuple[float, str]:
    """eV per unit of a frame's ``energy``: ASE's eV unless a key says otherwise; NaN for a unit that is not known."""
    key = next((k for k in info if k.lower() in _UNIT_KEYS), None)
    if key is None:
        return 1.0, ""
    scale = unit_scale(str(info[key]))
    if scale is None:
        return np.nan, f"energies are not taken: their unit, {key}={info[key]}, is not known"
    return scale, "" if scale == 1.0 else f"energies are in {info[key]}, as {key} says, and converted to eV"


def _number(value: Any) -> float | None:
    """A number, in quotes too: ASE reads both alike."""
    if isinstance(value, str):
        return number(value.strip())
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _doubtful(energy: float, frame: Frame) -> list[str]:
    """What is to be said of an energy in eV that no method can give for these atoms. (Formation energies are such.)"""
    if plausible(energy / HARTREE, frame.numbers):
        return []
    hint = "; in Hartree it could be one: name it with its unit (--energy energy:Eh)"
    return [
        f"an energy cannot be the total energy of its atoms in eV{hint if plausible(energy, frame.numbers) else ''}"
    ]


def _others(frame: Frame) -> list[str]:
    """Energies under other names, of which one may be meant."""
    known = [k for k, v in frame.info.items() if "energy" in k.lower() and _number(v) is not None]
    if not known:
        return []
    return [
        f"not taken as energies, because their unit is not known: {', '.join(known)} (--energy {known[0]}:eV, for one)"
    ]


def _forces(path: Path, found: list[Frame], key: str | None, energy_key: str | None) -> tuple[list | None, str]:
    if key is not None:
        key, scale = forces_column(key)
        missing = [n for n, f in enumerate(found) if key not in f.arrays or f.arrays[key].shape[1] != 3]
        if missing:
            raise InputError(f"{path}: frame {missing[0] + 1} has no three columns {key!r}")
        return [f.arrays[key] * scale for f in found], key
    if energy_key is not None:  # forces of another level must not slip in beside a chosen energy
        return None, ""
    for name in _NAMES[1]:
        if any(name in f.arrays and f.arrays[name].shape[1] == 3 for f in found):
            blank = [np.full((len(f.numbers), 3), np.nan) for f in found]
            return [f.arrays.get(name, b) for f, b in zip(found, blank)], name
    return None, ""


# ---- writing --------------------------------------------------------------------------------------------


def write_extxyz(clusters: Clusters, path: Path | str) -> None:
    """Extended XYZ with all digits: ``energy`` in eV, ``forces`` in eV/Å, id, charge, level and all columns."""
    write_text(path, extxyz_text(clusters))


def extxyz_text(clusters: Clusters, keys: tuple[str, ...] = ("energy",)) -> str:
    """What :func:`write_extxyz` writes; ``keys`` of the energy: ``energy``, where ASE looks for it, and ``energy_eV``."""
    return _text(clusters, 'Properties=species:S:1:pos:R:3{} pbc="F F F"', keys)


def write_crest(clusters: Clusters, path: Path | str) -> None:
    """An ensemble as CREST writes it: the energy in Hartree opens the comment line; id, charge, level, columns follow.

    Raises:
        InputError: there are forces, which this format cannot hold.
    """
    if clusters.forces is not None:
        raise InputError(f"{path}: a CREST ensemble cannot hold forces; write .extxyz, or leave them out (--no-forces)")
    write_text(path, _text(clusters, "", ()))


def _text(clusters: Clusters, head: str, keys: tuple[str, ...]) -> str:
    """All frames; without keys the energy, in Hartree, opens the comment line. A frame without forces has no such columns."""
    from ase.data import chemical_symbols

    clash = {k for k in clusters.columns if k in _OWN or k.lower() in CHARGE_KEYS}
    if clash:
        raise InputError(f"a column cannot be called {', '.join(sorted(clash))} in an XYZ file; rename it")
    lines = []
    for i in range(len(clusters)):
        atoms, energy = clusters.atoms_of(i), float(clusters.energy[i])
        forces = None if clusters.forces is None else clusters.forces[atoms]
        if forces is not None and np.isnan(forces).all():
            forces = None
        start = head.format("" if forces is None else ":forces:R:3") if keys else _crest_energy(energy)
        pairs = {"id": str(clusters.ids[i]), "charge": int(clusters.charge[i])}
        if np.isfinite(energy):
            pairs |= dict.fromkeys(keys, energy)
            pairs |= {"level": clusters.level} if clusters.level else {}
        pairs |= {k: v[i].item() for k, v in clusters.columns.items()}
        lines += [str(clusters.natoms[i]), " ".join([start, *(f"{_key(k)}={_written(v)}" for k, v in pairs.items())])]
        numbers = clusters.positions[atoms]
        if forces is not None:
            numbers = np.hstack([numbers, forces])
        for z, row in zip(clusters.numbers[atoms], numbers):
            lines.append(" ".join([chemical_symbols[z], *(repr(float(x)) for x in row)]))
    return "\n".join(lines) + "\n"


def _crest_energy(energy: float) -> str:
    return f"{energy / HARTREE!r} Eh" if np.isfinite(energy) else "nan"


def _key(name: str) -> str:
    return name if re.fullmatch(r'[^\s="]+', name) else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return _quoted(value) if isinstance(value, str) else repr(value)
