"""Frames of XYZ text: plain, CREST-style (an energy in Hartree first in the comment) and extended XYZ.

Own code, because ASE writes eight decimals and turns an id such as 0007_0123 into the number 70123.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, InputError
from ..storage import write_text
from ..units import HARTREE
from .population import Population, column, energy_scale, forces_scale

_PAIR = re.compile(r'("(?:\\.|[^"\\])*"|[^\s="]+)\s*=\s*("(?:\\.|[^"\\])*"|\{[^}]*\}|\[[^\]]*\]|[^\s"]+)')
_XTB = re.compile(r"^\s*energy:\s*(\S+)")
_OWN = ("id", "charge", "energy", "energy_eV", "level", "Properties", "pbc", "Lattice")
_NAMES = ("energy_eV", "energy"), ("forces_eV_per_A", "forces")


@dataclass
class _Frame:
    line: int
    symbols: list[str]
    positions: np.ndarray
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    hartree: float | None = None


def read_xyz(path: Path | str, energy_key: str | None = None, forces_key: str | None = None) -> Population:
    """Read any of the three kinds; see :func:`sampler.interop.read_any`.

    ``energy`` and ``forces`` of extended XYZ are in eV and eV/Å (ASE's convention); other keys must be named, and say
    their unit.

    Raises:
        FileFormatError: empty, truncated, or a line that cannot be read. InputError: an unknown key or unit.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} cannot be read as text: {error}") from error
    frames = list(_frames(path, text.split("\n")))
    if not frames:
        raise FileFormatError(f"{path} is empty; it should hold XYZ frames")
    return _population(path, frames, energy_key, forces_key)


def _frames(path: Path, lines: list[str]) -> Iterator[_Frame]:
    from ase.data import atomic_numbers

    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        first = lines[at].split()
        if len(first) != 1 or not first[0].isdigit():
            raise FileFormatError(
                f"{path}, line {at + 1}: expected a number of atoms, found {lines[at].strip()[:60]!r}"
            )
        n, body = int(first[0]), lines[at + 2 : at + 2 + int(first[0])]
        if len(body) < n or at + 1 >= len(lines) or (n and not body[-1].strip()):
            got = sum(bool(line.strip()) for line in body)
            raise FileFormatError(
                f"{path}, line {at + 1}: the frame ends after {got} of {n} atoms; the file is truncated, copy it again"
            )
        comment = lines[at + 1]
        info, layout = _comment(comment), [("species", 1), ("pos", 3)]
        if "Properties" in info:
            layout = _layout(path, at + 2, str(info["Properties"]))
        frame = _Frame(at + 1, [], np.empty((n, 3)), info=info)
        table = _table(path, at + 3, body, layout)
        for symbol in table["species"]:
            symbol = symbol.capitalize()
            if symbol.isdigit():
                symbol = next((s for s, z in atomic_numbers.items() if z == int(symbol)), symbol)
            if symbol not in atomic_numbers:
                line = at + 3 + len(frame.symbols)
                raise FileFormatError(f"{path}, line {line}: {symbol!r} is no chemical element")
            frame.symbols.append(symbol)
        frame.positions = table["pos"].reshape(n, 3)
        frame.arrays = {k: v for k, v in table.items() if k not in ("species", "pos")}
        if "Properties" not in info:
            match = _XTB.match(comment)
            word = match[1] if match else (comment.split() or [""])[0]
            # "4 waters" is a remark; a total energy is negative and has decimals
            frame.hartree = _float(word) if re.fullmatch(r"-\d+\.\d*([eE][-+]?\d+)?", word) else None
        yield frame
        at += 2 + n


def _comment(text: str) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for key, value in _PAIR.findall(text):
        key = _unquoted(key)
        info[key] = value if key in ("id", "name") and not value.startswith('"') else _value(value)
    return info


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text[1:-1])


def _value(text: str) -> Any:
    if text.startswith('"'):
        return _unquoted(text)
    if text in ("T", "True", "F", "False"):
        return text[0] == "T"
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    number = _float(text)
    return text if number is None else number


def _float(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # Python reads 1_0 as ten
    except ValueError:
        return None


def _layout(path: Path, line: int, text: str) -> list[tuple[str, int]]:
    parts = text.split(":")
    try:
        layout = [(parts[i], int(parts[i + 2])) for i in range(0, len(parts), 3)]
    except (IndexError, ValueError) as error:
        raise FileFormatError(f"{path}, line {line}: cannot read Properties={text}") from error
    if not {"species", "pos"} <= {name for name, _ in layout}:
        raise FileFormatError(f"{path}, line {line}: Properties={text} names no species and pos")
    return layout


def _table(path: Path, line: int, body: list[str], layout: list[tuple[str, int]]) -> dict[str, Any]:
    """Columns of the atom lines: species as a list of words, the others as (n, width) arrays or, if words, left out."""
    width = sum(w for _, w in layout)
    rows = [text.split() for text in body]
    for i, row in enumerate(rows):
        if len(row) < width:
            raise FileFormatError(
                f"{path}, line {line + i}: {len(row)} entries, expected {width}: {body[i].strip()[:60]!r}"
            )
    table, start = {}, 0
    for name, w in layout:
        words = [row[start : start + w] for row in rows]
        start += w
        if name == "species":
            table[name] = [word[0] for word in words]
            continue
        try:
            table[name] = np.array(words, float).reshape(len(rows), w)
        except ValueError:
            if name == "pos":
                i = next(i for i, row in enumerate(words) if any(_float(word) is None for word in row))
                raise FileFormatError(
                    f"{path}, line {line + i}: not three coordinates: {' '.join(words[i])!r}"
                ) from None
    return table


def _population(path: Path, frames: list[_Frame], energy_key: str | None, forces_key: str | None) -> Population:
    from ase.data import atomic_numbers

    infos = [f.info for f in frames]
    energy, used = _energies(path, frames, energy_key)
    forces, taken = _forces(path, frames, forces_key, energy_key)
    others = sorted({k for f in frames for k in f.arrays} - {taken})
    names = dict.fromkeys(k for i in infos for k in i)
    with_id = all("id" in i for i in infos)
    skip = {*_OWN, used} | (set() if with_id else {"name"})
    clusters = Clusters.make(
        [f.positions for f in frames],
        [[atomic_numbers[s] for s in f.symbols] for f in frames],
        charge=[i["charge"] if isinstance(i.get("charge"), int) else 0 for i in infos],
        ids=[str(i.get("id", i.get("name", f"{n:04d}"))) for n, i in enumerate(infos)],
        energy=energy,
        forces=forces,
        columns={k: column([i.get(k) for i in infos]) for k in names if k not in skip},
    )
    return Population(
        clusters,
        levels=np.array([str(i.get("level", "")) for i in infos], dtype=np.str_),
        charge_stated=np.array([isinstance(i.get("charge"), int) for i in infos]),
        source=str(path),
        where=np.array([f"frame {n + 1} (line {f.line})" for n, f in enumerate(frames)]),
        notes=(f"columns per atom that are not kept: {', '.join(others)}",) if others else (),
    )


def _energies(path: Path, frames: list[_Frame], key: str | None) -> tuple[list[float], str]:
    if key is not None:
        scale = energy_scale(key)
        for n, frame in enumerate(frames):
            if not isinstance(frame.info.get(key), (int, float)):
                known = ", ".join(k for k, v in frame.info.items() if isinstance(v, float)) or "none"
                raise InputError(f"{path}: frame {n + 1} has no number {key!r}; numbers it has: {known}")
        return [frame.info[key] * scale for frame in frames], key
    found = []
    for frame in frames:
        values = [frame.info[k] for k in _NAMES[0] if isinstance(frame.info.get(k), (int, float))]
        if frame.hartree is not None:
            values.append(frame.hartree * HARTREE)
        found.append(float(values[0]) if values else np.nan)
    return found, ""


def _forces(path: Path, frames: list[_Frame], key: str | None, energy_key: str | None) -> tuple[list | None, str]:
    if key is not None:
        scale = forces_scale(key)
        missing = [n for n, f in enumerate(frames) if key not in f.arrays or f.arrays[key].shape[1] != 3]
        if missing:
            raise InputError(f"{path}: frame {missing[0] + 1} has no three columns {key!r}")
        return [f.arrays[key] * scale for f in frames], key
    if energy_key is not None:  # forces of another level must not slip in beside a chosen energy
        return None, ""
    for name in _NAMES[1]:
        if any(name in f.arrays and f.arrays[name].shape[1] == 3 for f in frames):
            blank = [np.full((len(f.symbols), 3), np.nan) for f in frames]
            return [f.arrays.get(name, b) for f, b in zip(frames, blank)], name
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

    clash = set(clusters.columns) & set(_OWN)
    if clash:
        raise InputError(f"a column cannot be called {', '.join(sorted(clash))} in an XYZ file; rename it")
    lines = []
    for i in range(len(clusters)):
        atoms, energy = clusters.atoms_of(i), float(clusters.energy[i])
        forces = None if clusters.forces is None else clusters.forces[atoms]
        if forces is not None and np.isnan(forces).all():
            forces = None
        start = head.format("" if forces is None else ":forces:R:3") if keys else f"{energy / HARTREE!r}"
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


def _key(name: str) -> str:
    return name if re.fullmatch(r'[^\s="]+', name) else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return _quoted(value) if isinstance(value, str) else repr(value)
