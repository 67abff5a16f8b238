"""sampler: configurational sampling of atmospheric molecular clusters.

One population of clusters flows through one funnel: generate, relax, identify, dedupe, select, export.
Importing this package loads no heavy library: each of the names below is imported when it is first used.

>>> import sampler
>>> water = sampler.MonomerLibrary.load()["w"]
>>> sampler.identify(sampler.Clusters.make([water.conformers[0].positions], [water.numbers])).columns["state"].tolist()
['1 H2O']

Three of them (``relax``, ``identify``, ``screen``) are rooms of the package, too: ``sampler.relax(…)`` is the function and
``sampler.relax.RelaxParams`` what is in the room, whatever was imported before.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from inspect import Signature

    from .api.energies import binding_energy, evaluate, relax
    from .api.merging import merge
    from .api.run_result import RunResult, read_run
    from .api.running import run
    from .api.screening import ScreenResult, screen
    from .api.structures import dedupe, identify, read, select, write
    from .api.thermo import thermochemistry
    from .clusters import Clusters
    from .composition import Composition
    from .errors import SamplerError
    from .monomers import MonomerLibrary
    from .potentials import get_potential
    from .potentials.calculator import SamplerCalculator as calculator

__all__ = [
    "Clusters",
    "Composition",
    "MonomerLibrary",
    "RunResult",
    "SamplerError",
    "ScreenResult",
    "__version__",
    "binding_energy",
    "calculator",
    "dedupe",
    "evaluate",
    "get_potential",
    "identify",
    "merge",
    "read",
    "read_run",
    "relax",
    "run",
    "screen",
    "select",
    "thermochemistry",
    "write",
]

_WHERE = {
    "Clusters": "clusters",
    "Composition": "composition",
    "MonomerLibrary": "monomers",
    "RunResult": "api.run_result",
    "SamplerError": "errors",
    "ScreenResult": "api.screening",
    "binding_energy": "api.energies",
    "calculator": "potentials.calculator:SamplerCalculator",
    "dedupe": "api.structures",
    "evaluate": "api.energies",
    "get_potential": "potentials",
    "identify": "api.structures",
    "merge": "api.merging",
    "read": "api.structures",
    "read_run": "api.run_result",
    "relax": "api.energies",
    "run": "api.running",
    "screen": "api.screening",
    "select": "api.structures",
    "thermochemistry": "api.thermo",
    "write": "api.structures",
}
"""Name -> the module that has it, and what it is called there if otherwise."""
_ROOMS = ("identify", "relax", "screen")
"""Names that are packages as well."""


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)  # which sets it, too
    if name in _WHERE:
        return _found(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def _found(name: str) -> Any:
    module, _, called = _WHERE[name].partition(":")
    return getattr(import_module(f".{module}", __name__), called or name)


class _Importable(ModuleType):
    """A module that is sent to other processes by its name, as a plain one is."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return import_module, (self.__name__,)


class _Room(_Importable):
    """A package that is the public function of its name when it is called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _found(self.__name__.rpartition(".")[2])(*args, **kwargs)

    @property
    def __signature__(self) -> Signature:
        """What editors and ``inspect.signature`` show."""
        from inspect import signature

        return signature(_found(self.__name__.rpartition(".")[2]))


class _Face(_Importable):
    """This package: the rooms that have the name of a public function become callable as they are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ROOMS and type(value) is ModuleType:
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
