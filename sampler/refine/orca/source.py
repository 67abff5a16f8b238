"""What an ORCA input says: its keywords, its blocks, its charge and multiplicity."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"#[^\n#]*(?:#|$)", re.MULTILINE)
_WORD = re.compile(r"[^\s()!]*\([^)\n]*\)[^\s()!]*|[^\s!]+")
_ATOMS = re.compile(
    r"^[ \t]*\*[ \t]*(?:xyz|int|internal|gzmt)\b(?!file)[^\n]*\n.*?^[ \t]*\*[ \t]*$", re.M | re.S | re.I
)
_XYZ = re.compile(r"^[ \t]*\*[ \t]*xyz\b(?!file)[^\n]*\n(.*?)^[ \t]*\*", re.M | re.S | re.I)
_BLOCK = re.compile(r"(?<!\S)%[ \t]*([A-Za-z]\w*)(.*?)(?=(?<!\S)%[ \t]*[A-Za-z]|^[ \t]*[!*$]|\Z)", re.M | re.S)
_STAR = re.compile(r"^[ \t]*\*[ \t]*(?:xyz|int|internal|gzmt)(?:file)?[ \t]+(-?\d+)[ \t]+(\d+)", re.I | re.M)
_SETTING = r"^[^\n]*?\b{}[ \t=]+(-?\d+)"
_ONE_VALUE = {"maxcore", "base", "moinp", "pointcharges"}


def jobs_of(source: str) -> list[str]:
    """The inputs of the jobs that ``$new_job`` separates."""
    return [part.strip("\n") for part in re.split(r"^[ \t]*\$new_job\b[^\n]*$", source, flags=re.M | re.I)]


def keywords(source: str) -> tuple[str, ...]:
    """The words of the simple input lines, as given."""
    lines = _COMMENT.sub("", source).splitlines()
    return tuple(w for line in lines if line.strip().startswith("!") for w in _WORD.findall(line))


def blocks(source: str) -> list[tuple[str, str]]:
    """(name, content) of the ``%`` blocks, names in lower case, without the ``end`` that closes a block."""
    text = _ATOMS.sub("", _COMMENT.sub("", source))
    found = []
    for match in _BLOCK.finditer(text):
        name, body = match[1].lower(), match[2].strip()
        if name in _ONE_VALUE:
            body = " ".join(body.split()[:1])
        found.append((name, re.sub(r"\s*\bendd?\Z", "", body, flags=re.I)))
    return found


def atoms(source: str) -> list[str]:
    """The labels of the atoms that the input lists in Cartesian coordinates; none where it does otherwise."""
    listed = _XYZ.search(_COMMENT.sub("", source))
    lines = [line.split() for line in listed[1].splitlines() if line.strip()] if listed else []
    return [line[0] for line in lines] if all(len(line) >= 4 for line in lines) else []


def charge_and_multiplicity(source: str) -> tuple[int | None, int | None]:
    """Charge and 2S+1 of the input, None where it gives none."""
    text = _COMMENT.sub("", source)
    star = _STAR.search(text)
    if star:
        return int(star[1]), int(star[2])
    coords = next((body for name, body in blocks(source) if name == "coords"), "")
    charge = re.search(_SETTING.format("charge"), coords, re.I | re.M)
    spin = re.search(_SETTING.format("mult"), coords, re.I | re.M)
    return int(charge[1]) if charge else None, int(spin[1]) if spin else None
