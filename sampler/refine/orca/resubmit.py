"""New inputs for failed ORCA jobs: from the last geometry, with what the failure calls for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from .folder import OrcaFolder, usable
from .inputs import file_names, input_text, spin_multiplicity, write_folder, write_many
from .outputs import OrcaResult
from .presets import PRESETS

_SLOWER = (("SlowConv", 500), ("VerySlowConv", 1500))
"""Added to the simple input and as ``%scf MaxIter`` when the SCF did not converge: damping, and time for it."""
_BLOCK = re.compile(r"%\s*(\w+)\b(.*?)(?=^\s*[%*!]|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Resubmission:
    """What was written: ``manifest`` (None if nothing), and for each failed job what was changed or why it was left."""

    manifest: Path | None
    written: dict[str, str]
    left: dict[str, str]


def resubmit(
    found: OrcaFolder,
    folder: Path | str,
    *,
    cores: int | None = None,
    memory_mb: int | None = None,
    hours: int = 72,
) -> Resubmission:
    """Write inputs for the jobs of ``found`` that failed, into a new folder.

    Each starts from the last geometry of its output. SCF not converged: ``SlowConv`` with 500 iterations, at the second
    time ``VerySlowConv`` with 1500, after that the job is left. Optimisation not converged: its cycles start again.
    Out of memory: ``%maxcore`` as ORCA asks, or doubled. Aborted or truncated: again as it was. Jobs that ORCA could
    not read, that have no geometry, or whose input has blocks that cannot be carried over are left, and it says why.

    Args:
        folder: not the one of the outputs.
        cores, memory_mb: instead of those of the failed job; memory per core.

    Raises:
        InputError: ``folder`` is the folder of the outputs.
    """
    folder = Path(folder)
    if folder.resolve() == found.folder.resolve():
        raise InputError(f"{folder} holds the outputs; write the new inputs to another folder")
    jobs = {job["name"]: job for job in (found.manifest or {}).get("jobs", ())}
    partial = bool(found.manifest and found.manifest.get("partial"))
    written, left, entries, texts = {}, {}, [], {}
    for result in found.results:
        if usable(result, partial):
            continue
        remedy = _remedy(result, found.folder, cores, memory_mb)
        if isinstance(remedy, str):
            left[result.name] = remedy
            continue
        assert result.charge is not None  # its input could not be written again without
        text, what, keywords, spin, memory = remedy
        job = jobs.get(result.name, {})
        name = file_names(np.array([result.name]))[0]
        written[name], texts[name] = what, text
        entries.append(
            {
                **{"id": result.name, "preset": "", "energy_eV": None, "level": ""},
                **job,
                "name": name,
                "input": f"{name}.inp",
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "atoms": len(result.last_numbers),
                "charge": result.charge,
                "multiplicity": spin,
                "keywords": keywords,
                "attempt": int(job.get("attempt", 1)) + 1,
                "failure_before": result.status,
                "memory_mb_per_core": memory,
            }
        )
    for name in found.missing:
        left[name] = "has not been run yet"
    if not entries:
        return Resubmission(None, written, left)
    write_many(folder, {f"{name}.inp": text for name, text in texts.items()})
    first = found.manifest or {}
    manifest = write_folder(
        folder,
        entries,
        cores=max(cores or r.cores for r in found.results if r.name in written),
        memory_mb=max(e["memory_mb_per_core"] for e in entries),
        hours=hours,
        kind=PRESETS.get(first.get("preset", "")),
        keywords=first.get("keywords", ""),
    )
    return Resubmission(manifest, written, left)


def _remedy(result: OrcaResult, home: Path, cores: int | None, memory_mb: int | None):
    """(input, what was changed, keywords, multiplicity, memory), or why there is no remedy."""
    if result.status in ("input_error", "foreign", "no_energy", "damaged"):
        return f"{result.status}: {result.message}; needs a person"
    source = _source(result, home)
    keywords = _keywords(source)
    if not keywords or not len(result.last_numbers):
        return "its input or its geometry is not in the output"
    if result.chained:
        return f"it is job {result.job} of several in {result.path.name}; write the new input by hand"
    if result.charge is None:
        return "its charge is not in the output"
    strange = _strange_blocks(source) or _strange_atoms(source)
    if strange:
        return f"its input has {strange}, which is not carried over; write the new input by hand"
    memory = memory_mb or _maxcore(source)
    scf_iterations, what = _setting(source, "scf"), ["again from the last geometry"]
    if result.status in ("scf_not_converged",):
        lower = [k.lower() for k in keywords]
        step = 2 if "veryslowconv" in lower else 1 if "slowconv" in lower else 0
        if step == 2:
            return "the SCF does not converge with VerySlowConv either; look at the structure"
        keywords = [k for k in keywords if k.lower() not in ("slowconv", "veryslowconv")] + [_SLOWER[step][0]]
        scf_iterations = _SLOWER[step][1]
        what.append(f"{_SLOWER[step][0]}, at most {scf_iterations} SCF cycles")
    elif result.status == "cc_not_converged":
        return "the coupled cluster iterations do not converge; look at the wavefunction"
    elif result.status == "out_of_memory":
        asked = re.search(r"increase MaxCore to more than:\s*(\d+)", _text(result.path))
        memory = memory_mb or (int(int(asked[1]) * 1.25) + 1 if asked else 2 * memory)
        what.append(f"%maxcore {memory}")
    spin = result.multiplicity or 1
    try:
        spin_multiplicity(result.last_numbers, result.charge, spin, result.name)
    except InputError as error:
        return str(error)
    line = " ".join(keywords)
    text = input_text(
        result.last_numbers,
        result.last_positions,
        charge=result.charge,
        multiplicity=spin,
        keywords=line,
        cores=cores or result.cores,
        memory_mb=memory,
        maxiter=_setting(source, "geom"),
        scf_maxiter=scf_iterations,
        title=result.name,
    )
    return text, ", ".join(what), line, spin, memory


def _source(result: OrcaResult, home: Path) -> str:
    """The input: as ORCA echoed it, else the file beside the output."""
    if result.input_text:
        return _without_comments(result.input_text)
    beside = result.path.with_suffix(".inp")
    return _without_comments(_text(beside)) if beside.is_file() else ""


def _without_comments(text: str) -> str:
    return re.sub(r"#[^\n#]*(#|$)", "", text, flags=re.MULTILINE)


def _keywords(source: str) -> list[str]:
    lines: Sequence[str] = [line.strip() for line in source.splitlines()]
    words = [w for line in lines if line.startswith("!") for w in line.lstrip("!").split()]
    # the number of processes is written as a block
    return [w for w in words if not re.fullmatch(r"pal\d+", w, re.IGNORECASE)]


def _strange_blocks(source: str) -> str:
    """The first block with settings that :func:`input_text` does not write, '' if there is none."""
    for name, body in _BLOCK.findall(source):
        words = [w for w in body.lower().split() if w != "end"]
        if name.lower() in ("maxcore", "pal"):
            continue
        if name.lower() in ("geom", "scf") and (not words or (words[0] == "maxiter" and len(words) == 2)):
            continue
        return f"the block %{name} {' '.join(words)[:60]}".strip()
    return ""


def _strange_atoms(source: str) -> str:
    """What of the atoms of an input :func:`input_text` does not write: isotopes, ghosts, embedding; '' if nothing."""
    for pattern, name in (
        (r"^[ \t]*[A-Z][a-z]?\b[^\n*%!]*\bM[ \t]*=[ \t]*[\d.]+", "masses of isotopes"),
        (r"^[ \t]*[A-Z][a-z]?[ \t]*:[ \t]+[-\d]", "ghost atoms"),
        (r"^[ \t]*(?:[A-Z][a-z]?>|Q)[ \t]+[-\d]", "embedding centres"),
    ):
        if re.search(pattern, source, re.MULTILINE):
            return name
    return ""


def _setting(source: str, block: str) -> int | None:
    match = re.search(rf"%\s*{block}\b(?:(?!\bend\b).)*?\bmaxiter\s+(\d+)", source, re.IGNORECASE | re.DOTALL)
    return int(match[1]) if match else None


def _maxcore(source: str) -> int:
    match = re.search(r"%\s*maxcore\s+(\d+)", source, re.IGNORECASE)
    return int(match[1]) if match else 4096


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
