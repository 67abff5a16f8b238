"""``sampler doctor``: what is installed and what works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, print_json, print_table

if TYPE_CHECKING:
    from ..workers.progress import Progress

_PACKAGES = [
    "ase", "torch", "schnetpack", "rdkit", "scikit-learn", "joblib", "tblite", "xtb", "irmsd", "numba", "numpy",
    "scipy", "pydantic", "typer", "safetensors", "pyscf", "dftd3", "dask",
]  # fmt: skip

_EXTRAS = {"pyscf": "dft", "dftd3": "dft", "dask": "dask"}
"""Package -> the extra that brings it."""


def doctor(
    as_json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 unless GFN1-xTB works.")] = False,
) -> None:
    """Check the installation: packages, engines, cores, memory, ORCA.

    Each engine does a real calculation on water. The first time on a machine, what runs need is compiled here, which
    the first run then need not do.

    \b
    Examples:
      sampler doctor
      sampler doctor --json
    """
    from ..workers.progress import choose

    progress = choose(as_json)
    try:
        found = examine(progress)
    finally:
        progress.close()
    if as_json:
        print_json(found)
    else:
        m = found["machine"]
        typer.echo(
            f"sampler {found['sampler']}, Python {m['python']}, {m['cores']} cores, {m['memory_GiB']} GiB memory"
        )
        typer.echo(f"ORCA: {found['orca'] or 'not found (not needed; inputs are written anyway)'}")
        gpu = found["gpu"]
        typer.echo(f"GPU for B97-3c: {'used' if gpu['used'] else 'not used (not needed): ' + gpu['detail']}")
        code = found["compiled"]
        typer.echo(f"compiled for this machine: {code['parts']} parts, {code['detail']}")
        rows = [[name, "works" if e["works"] else "fails", e["detail"]] for name, e in found["engines"].items()]
        print_table("engines", ["potential", "", "one water molecule"], rows, wrap={2})
        print_table("packages", ["package", "version"], [[k, v or _lacking(k)] for k, v in found["packages"].items()])
    if strict and not found["engines"]["gfn1-xtb"]["works"]:
        raise typer.Exit(1)


def examine(progress: Progress) -> dict[str, Any]:
    """Everything ``sampler doctor`` reports; compiles what is not compiled yet."""
    import os
    import platform
    import shutil
    from importlib.metadata import PackageNotFoundError, version

    from ..potentials import available
    from ..potentials.composite.gpu import unavailable
    from ..version import __version__
    from ..workers.pool import cores

    packages: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    code = _compiled(progress)
    progress.message("trying the engines on water")
    no_gpu = unavailable()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "sampler": __version__,
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": cores(),
            "memory_GiB": round(memory / 2**30, 1),
        },
        "orca": shutil.which("orca"),
        "gpu": {"used": not no_gpu, "detail": no_gpu},
        "compiled": code,
        "engines": {name: _try(name) for name in available()},
        "packages": packages,
    }


def _lacking(package: str) -> str:
    """``not installed``, and how to install what comes with an extra."""
    from ..remedy import install

    extra = _EXTRAS.get(package)
    return f"not installed; {install(extra)}" if extra else "not installed"


def _compiled(progress: Progress) -> dict[str, Any]:
    """What the first run on a machine would have to compile, compiled now."""
    from ..funnel.first_use import kept
    from ..funnel.first_use.parts import PARTS
    from ..funnel.first_use.prepare import prepare
    from ..workers.pool import cores

    seconds = prepare(list(PARTS), cores(), progress)
    parts = sum(kept.compiled(name) for name in PARTS)
    if parts < len(PARTS):
        detail = "the others in every process anew: no folder for them can be written; NUMBA_CACHE_DIR may name one"
    else:
        detail = f"now, in {seconds:.0f} s" if seconds else "earlier"
    return {"parts": parts, "of": len(PARTS), "seconds": round(seconds, 1), "detail": detail}


def _try(name: str) -> dict[str, Any]:
    import time

    from ..clusters import Clusters
    from ..errors import SamplerError
    from ..potentials import get_potential

    if name == "painn":
        return _painn()
    water = Clusters.make([[[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]]], [[8, 1, 1]])
    started = time.perf_counter()
    try:
        result = get_potential(name).evaluate(water)
    except SamplerError as error:
        return {"works": False, "detail": str(error)}
    except Exception as error:  # an installation can be broken in any way
        return {"works": False, "detail": f"{type(error).__name__}: {error}"}
    if result.failure[0]:
        return {"works": False, "detail": str(result.failure[0])}
    seconds = time.perf_counter() - started
    return {"works": True, "detail": f"{result.energy[0]:.4f} eV in {seconds:.2f} s (first call)"}


def _painn() -> dict[str, Any]:
    """Which path evaluates trained models here, and which models ship."""
    from ..potentials.painn.potential import describe_engine
    from ..potentials.trained import shipped

    return {"works": True, "detail": f"{describe_engine()}; models: {', '.join(shipped()) or 'none shipped'}"}
