"""Loading the engines of xTB: what is wrong with an installation is said in one line."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import MissingDependency, PotentialError


def import_tblite() -> Any:
    """``tblite.interface``.

    Raises:
        MissingDependency: it is not installed. PotentialError: its library does not load.
    """
    try:
        import tblite.interface as interface
    except ModuleNotFoundError as error:
        raise MissingDependency("tblite", "xTB") from error
    except ImportError as error:
        raise PotentialError(_load_error("tblite", error)) from error
    return interface


def import_xtb_python() -> Any:
    """``xtb.interface``; raises as :func:`import_tblite`."""
    try:
        import xtb.interface as interface
    except ModuleNotFoundError as error:
        raise MissingDependency("xtb", "the engine xtb-python (wheels exist up to Python 3.11)") from error
    except ImportError as error:
        raise PotentialError(_load_error("xtb", error)) from error
    return interface


def _load_error(package: str, error: ImportError) -> str:
    """Why the engine's library does not load; torch brings an older libgomp that tblite cannot live with."""
    root: BaseException = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    message = f"the library of {package} does not load: {root}"
    if "torch" in sys.modules:
        message += (
            f"; torch was imported first and brings an older libgomp: import {package}.interface before torch "
            "(sampler's own commands and workers do)"
        )
    return message
