"""Free energies of a run's structures, from the frequencies that ``sampler thermo --out`` has kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SamplerError
from ..refine.thermo.left import RESULT
from ..refine.thermo.rrho import Conditions
from ..refine.thermo.sources import load
from ..refine.thermo.study import Cluster, study
from ..units import KCAL_PER_MOL
from .asked import Asked

_MARK = b"sampler-thermo-1"


@dataclass
class FreeEnergies:
    """Of the structures of a run, by id.

    Attributes:
        binding_kcalmol: free energy of binding, where the monomers have frequencies, too. gibbs: eV.
        level: of them. source: name of the file. remarks: what could not be used.
    """

    binding_kcalmol: dict[str, float] = field(default_factory=dict)
    gibbs: dict[str, float] = field(default_factory=dict)
    level: str = ""
    source: str = ""
    remarks: list[str] = field(default_factory=list)


def free_energies(run: Path, composition: str, result: str, asked: Asked) -> FreeEnergies:
    """What the files of ``asked.thermo``, or those in the run directory, say of the structures of ``composition``.

    Args:
        result: sha256 of the run's result; frequencies that say they are of another one are left out.

    Raises:
        SamplerError: a file that was asked for cannot be read, or says nothing of the run.
    """
    if asked.thermo:
        made = _of(asked.thermo, run, composition, result, asked)
        if not made.gibbs:
            names = ", ".join(map(str, asked.thermo))
            made.remarks.append(f"{names} has no frequencies of structures of this run ({composition})")
        return made
    beside = [path for path in sorted(run.glob("*.json")) if is_kept(path)]
    if not beside:
        return FreeEnergies()
    try:
        return _of(beside, run, composition, result, asked)
    except SamplerError as error:
        return FreeEnergies(remarks=[f"free energies are left out: {error}"])


def is_kept(path: Path) -> bool:
    """Whether a file is one of frequencies, as ``sampler thermo --out`` writes it."""
    try:
        with open(path, "rb") as handle:
            return _MARK in handle.read(200)
    except OSError:
        return False


def _of(files: Sequence[Path], run: Path, composition: str, result: str, asked: Asked) -> FreeEnergies:
    everything = [one for path in files for one in load(path)]
    species = [one for one in everything if one.columns.get(RESULT, result) == result]
    found = FreeEnergies(source=", ".join(path.name for path in files))
    if len(species) < len(everything):
        found.remarks.append(
            f"{found.source} has frequencies of an earlier result of this run, which are left out; new ones: sampler thermo "
            f"{run}"
        )
    if not species:
        return found
    made = study(species, asked.library, Conditions(asked.temperature), needs_monomers=False)
    found.level = made.level
    for cluster in made.clusters:
        if cluster.name == composition:
            _add(cluster, run.resolve().name, found)
    return found


def _add(cluster: Cluster, run: str, found: FreeEnergies) -> None:
    for one, thermo, binding in zip(cluster.species, cluster.thermo, cluster.per_conformer):
        folder, _, name = one.id.rpartition("/")
        if thermo.failure or folder not in ("", run):
            continue
        found.gibbs[name] = float(thermo.gibbs)
        if binding is not None:
            found.binding_kcalmol[name] = float(binding.gibbs / KCAL_PER_MOL)
