"""Potentials by name.

``get_potential("gfn1-xtb")`` and so on; the names are listed by :func:`available`. No engine is imported
before the first evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ..errors import PotentialError
from ..text.nearest import did_you_mean
from .base import Evaluation, Potential
from .xtb_parameters import BASE, file_of, method_of

__all__ = ["Evaluation", "Potential", "SamplerCalculator", "available", "check_potential", "get_potential"]

_LATER = {"SamplerCalculator": "calculator", "check_potential": "check"}
"""What is imported when it is asked for: ASE takes a while."""


def __getattr__(name: str):
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# name -> (module, callable, keyword arguments, what it is)
_REGISTRY: dict[str, tuple[str, str, dict, str]] = {
    "gfn1-xtb": ("xtb", "XTBPotential", {"method": "GFN1-xTB"}, "GFN1-xTB through tblite"),
    "gfn2-xtb": ("xtb", "XTBPotential", {"method": "GFN2-xTB"}, "GFN2-xTB through tblite"),
    "xtb-python:gfn1-xtb": ("xtb", "XTBPythonPotential", {"method": "GFN1-xTB"}, "GFN1-xTB through xtb-python"),
    "xtb-python:gfn2-xtb": ("xtb", "XTBPythonPotential", {"method": "GFN2-xTB"}, "GFN2-xTB through xtb-python"),
    "b97-3c": ("composite", "CompositePotential", {"method": "b97-3c"}, "B97-3c through PySCF (extra dft)"),
    "r2scan-3c": ("composite", "CompositePotential", {"method": "r2scan-3c"}, "r2SCAN-3c through PySCF (extra dft)"),
    "wb97x-d": (
        "composite",
        "CompositePotential",
        {"method": "wb97x-d"},
        "wB97X-D/6-31++G(d,p) through PySCF (extra dft)",
    ),
    "painn": (
        "trained",
        "painn",
        {},
        "a trained PaiNN: model = NAME of a shipped model, a folder, or a list (committee)",
    ),
    "lennard-jones": ("lennard_jones", "LennardJones", {}, "a toy for tests: the same 12-6 for every pair"),
}


def available() -> dict[str, str]:
    """Name -> description of every built-in potential; ``ase:NAME`` adds those found by entry point."""
    return {name: entry[3] for name, entry in _REGISTRY.items()}


def is_known(name: str) -> bool:
    """Whether :func:`get_potential` may know a name; whether what it stands for is there, shows when it is made."""
    return method_of(name) in _REGISTRY or name.lower().startswith("ase:")


def get_potential(name: str, **options) -> Potential:
    """The potential called ``name``; ``ase:NAME`` takes a calculator from the entry points ``sampler.calculators``.

    >>> from sampler import get_potential
    >>> get_potential("gfn1-xtb").level
    'gfn1-xtb'

    Args:
        name: one of :func:`available`, ``ase:NAME``, or the level of a file of ``sampler refit-xtb`` in a folder of
            ``SAMPLER_LEVELS``; case does not matter.
        options: passed on to the potential.

    Raises:
        PotentialError: no such potential, or an option it does not know.
    """
    key = name.lower()
    if key.startswith("ase:"):
        from .ase_adapter import from_entry_point

        return from_entry_point(name[4:], **options)
    if parameters := file_of(key):
        key, options = BASE, {"parameters": parameters} | options
    if key not in _REGISTRY:
        known, near = ", ".join([*_REGISTRY, "ase:NAME"]), did_you_mean(name, _REGISTRY)
        raise PotentialError(f"no potential is called {name!r}; {near + ' ' if near else ''}those known: {known}")
    module, attribute, fixed, _ = _REGISTRY[key]
    make: Callable = getattr(import_module(f".{module}", __name__), attribute)
    try:
        return make(**fixed, **options)
    except TypeError as error:
        raise PotentialError(f"{name} does not take these options: {options} ({error})") from error
