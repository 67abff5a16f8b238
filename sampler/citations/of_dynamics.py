"""What to cite for a folder of ``sampler md``: its potential, and what moved the atoms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..dynamics.simulate import MANIFEST, read_manifest
from .used import APPROACH, Citations, Cited, add_potential, of_level

_ENSEMBLES: dict[str, tuple[Cited, ...]] = {
    "nve": (("swope1982", "velocity Verlet"),),
    "langevin": (("leimkuhler2013", "Langevin dynamics (BAOAB)"),),
    "nose-hoover": (("martyna1992", "Nosé–Hoover chains"), ("martyna1996", "integration of Nosé–Hoover chains")),
    "rescaling": (("bussi2007", "stochastic velocity rescaling"),),
}


def is_dynamics(folder: Path) -> bool:
    """Whether a folder is one of ``sampler md``; looks at names alone."""
    return (folder / MANIFEST).is_file()


def citations_of_dynamics(folder: Path) -> Citations:
    """What to cite for a simulation, finished or not, and for the levels that it was validated at.

    Raises:
        RunError: the folder is no simulation.
    """
    manifest, found = read_manifest(folder), Citations()
    potential = manifest["potential"]
    named = list(potential.get("named") or [manifest["level"]])
    found.add([APPROACH])
    trained = str(potential["engine"]["engine"]).startswith("model ")
    add_potential({"potential": "painn", "options": {"model": named}} if trained else {"potential": named[0]}, found)
    found.add(_ENSEMBLES[manifest["ensemble"]["name"]])
    for level in _levels(folder):
        found.add(of_level(level, found, "in the validation"))
    return found


def _levels(folder: Path) -> Iterator[str]:
    """At which frames were computed again; a level's folder has no slash."""
    for summary in sorted(folder.glob("validation/*/summary.json")):
        yield summary.parent.name
