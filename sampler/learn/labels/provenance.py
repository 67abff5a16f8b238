"""Which program makes the numbers of a potential: its name and version, the settings that matter, and the device."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ...potentials import Potential
from ...potentials.composite import CompositePotential
from ...potentials.composite.methods import METHODS
from ...potentials.composite.orca import OrcaPotential
from ...potentials.xtb import XTBPotential, XTBPythonPotential
from .engine_names import ON_GPU as _ON_GPU
from .engine_names import programs

_TEMPERATURE = {"electronic_temperature": "300 K"}


def describe(potential: Potential) -> dict[str, Any]:
    """Identifier, method, engine and settings of a potential, as a level file has them.

    A trained model is its own engine, ``model LEVEL SHA256`` (:func:`.teach.engine_of`); of an unknown potential the
    engine is the name of its class.
    """
    method, engine, settings = potential.level, type(potential).__name__, {}
    if isinstance(potential, CompositePotential):
        chosen = METHODS[potential.method]
        d4 = chosen.dispersion.startswith("d4")
        method, settings = chosen.name, chosen.settings
        engine = _installed("pyscf", *["dftd3"] * bool(chosen.counterpoise), *["dftd4"] * d4)
    elif isinstance(potential, OrcaPotential):
        method, engine = potential.method.lower(), f"orca {potential.version}"
    elif isinstance(potential, XTBPotential):
        engine, settings = _installed("tblite"), _TEMPERATURE
    elif isinstance(potential, XTBPythonPotential):
        engine, settings = _installed("xtb").replace("xtb", "xtb-python", 1), _TEMPERATURE
    elif potential.models:
        from .teach import engine_of

        engine = engine_of(potential)
    return {"id": potential.level, "method": method, "engine": engine, "settings": dict(settings)}


def content(potential: Potential) -> str:
    """What the numbers of a potential depend on: the weights of a model wherever it lies, else level and programs."""
    engine = describe(potential)["engine"]
    return engine if engine.startswith("model ") else f"{potential.level} {' '.join(sorted(programs(engine)))}"


def made_by(potential: Potential) -> dict[str, str]:
    """The columns ``engine`` and ``device`` (``cpu`` or ``gpu``) of what ``potential`` computes in this process."""
    engine = describe(potential)["engine"]
    if potential.on_gpu and isinstance(potential, CompositePotential):
        engine += f", {_installed(_ON_GPU)}"
    return {"engine": engine, "device": "gpu" if potential.on_gpu else "cpu"}


def _installed(*packages: str) -> str:
    """``pyscf 2.14.0, dftd3 1.7.0``; without a version what is not installed here (but on a worker's machine)."""
    return ", ".join(f"{p} {v}" if (v := _version(p)) else p for p in packages)


def _version(package: str) -> str:
    # gpu4pyscf's distributions carry the version of CUDA in their names
    for name in [package, *(f"{package}-cuda{n}x" for n in (11, 12, 13) if package == _ON_GPU)]:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
