"""``sampler label``: energies and forces of many structures, for training and for reference."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..columns import FAILURE
from .common import Anywhere, Json, Monomers, Quiet, Slurm, library, next_step, note, print_json


def label(
    file: Annotated[
        Path | None, typer.Argument(help="Structures: a clusters .npz, or any file with frames that ASE reads.")
    ] = None,
    level: Annotated[str, typer.Option("--level", "-l", help="A potential, e.g. b97-3c, r2scan-3c, gfn1-xtb.")] = (
        "b97-3c"
    ),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Label folder. Default: FILE.labels beside the file.")
    ] = None,
    workers: Anywhere = None,
    slurm: Slurm = None,
    collect: Annotated[
        Path | None,
        typer.Option(
            "--collect", help="Write all labels of the folder to this .npz at the end, as train and evaluate take it."
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Compute again what failed in an earlier run.")] = False,
    charge: Annotated[
        int | None, typer.Option("--charge", "-c", help="Charge of every structure. Default: as in the file, else 0.")
    ] = None,
    monomers_only: Annotated[
        str | None,
        typer.Option(
            "--references", help="No FILE: optimise these monomers instead (sa,am or all) and keep their energies."
        ),
    ] = None,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compute energies and forces of many structures.

    One structure is one task, at the lowest priority of the machine. Each finished structure is a file of its own: after Ctrl-C, a crash or a power cut the same command goes on, and
    a structure is never computed twice; several commands in one folder, on several machines too, share the work.
    Structures that fail are listed with the reason and do not stop the others; --retry takes them up again. Where
    gpu4pyscf and a CUDA device are found, B97-3c and its like run there; hide the device (CUDA_VISIBLE_DEVICES=) to use
    the CPU cores as well, into the same folder. Started as a session of its own (setsid), it stands back behind other
    sessions too, which nice alone does not do on Linux.

    With --references, monomers are optimised and their energies written to OUT (a .toml file), the reference of
    binding energies at this level; a file that exists is extended by the monomers that it lacks (--retry: by all).

    \b
    Examples:
      sampler label structures.npz --level b97-3c --out labels --workers 2
      setsid nohup sampler label structures.npz --out labels &
      sampler label structures.npz --out labels --workers dask://node1:8786
      sampler label frames.xyz --level gfn1-xtb --collect labelled.npz
      sampler label --references sa,am,w --level b97-3c --out b97-3c@pyscf.toml
    """
    from ..errors import InputError

    if (file is None) == (monomers_only is None):
        raise InputError("give either a FILE of structures or --references with monomers, not both")
    if monomers_only is not None:
        _references(monomers_only, level, out, library(monomers), retry, as_json, quiet)
        return
    assert file is not None  # one of the two is given
    from ..api.workplace import workplace
    from ..learn.labels.label import collect as gather
    from ..learn.labels.label import count, lower_priority, lower_session, without_label
    from ..learn.labels.label import label as run_labels
    from ..learn.labels.structures import read_structures
    from ..potentials.of_level import potential_of
    from ..workers import progress as reporting

    structures = read_structures(file, charge, note, library(monomers))
    folder = out or file.with_name(file.name + ".labels")
    potential = potential_of(level)
    progress = reporting.choose(quiet or as_json)
    progress.start(1, 1, f"label {file.name} at {potential.level}", len(structures))
    try:
        with workplace(workers, slurm, progress.message) as where:
            if where == 1:
                lower_priority()
            if isinstance(where, int):
                lower_session()
            result = run_labels(
                structures,
                potential,
                folder,
                workers=where,
                retry=retry,
                advance=lambda n, found: progress.advance(n, found),
            )
    finally:
        progress.close()
    failed = gather(folder, failures=True)
    if collect:
        gather(folder).save(collect)
    without = without_label(structures, failed)
    failures = {str(i): str(f) for i, f in zip(failed.ids, failed.columns.get(FAILURE, []))}
    summary = {
        "folder": folder,
        "level": potential.level,
        "structures": result.total,
        "found": result.found,
        "computed": result.computed - result.failed,
        "failed": result.failed,
        "without_label": without,
        "labels_in_folder": count(folder) - len(failed),
        "seconds": round(result.seconds, 1),
        "failures": failures,
    }
    if as_json:
        print_json(summary)
    else:
        typer.echo(
            f"{summary['computed']} labels computed, {result.found} found, {result.failed} failed; "
            f"{summary['labels_in_folder']} labels of {potential.level} in {folder}"
        )
        for name, reason in failures.items():
            typer.echo(f"  {name}: {reason}")
        if without < len(structures):
            data = collect or folder.with_suffix(".npz")
            if not collect:
                next_step(("sampler", "data", "collect", folder, "--out", data), quiet=quiet)
            else:
                next_step(("sampler", "train", data, "--out", data.with_suffix("")), quiet=quiet)
    if without == len(structures):
        typer.echo(f"sampler: error: none of the {without} structures of {file} could be labelled", err=True)
        raise typer.Exit(1)


def _references(names: str, level: str, out: Path | None, known, again: bool, as_json: bool, quiet: bool) -> None:
    from ..errors import InputError
    from ..learn.labels.monomer_minima import optimise, read_sets, write_level
    from ..learn.labels.provenance import describe
    from ..potentials.of_level import potential_of
    from ..units import HARTREE
    from ..workers import progress as reporting

    if out is None or out.suffix != ".toml":
        raise InputError("--references needs --out FILE.toml, where the level of theory is kept")
    chosen = list(known) if names == "all" else [known[n.strip()] for n in names.split(",")]
    potential = potential_of(level)
    about = describe(potential)
    before = {} if again else read_sets(out, **about).get("minima", {"monomers": {}})["monomers"]
    command = f"sampler label --references {names} --level {level} --out {out.name}"
    energies = {}
    progress = reporting.choose(quiet or as_json)
    progress.start(1, 1, f"monomers at {potential.level}", len(chosen))
    try:
        for monomer in chosen:
            found = monomer.name in before
            if found:
                energies[monomer.name], conformer = before[monomer.name]["energy_Eh"] * HARTREE, "in the file before"
            else:
                minimum = optimise(monomer, potential)
                write_level(out, **about, minima=[minimum], command=command, library=known)
                energies[monomer.name], conformer = minimum.energy, minimum.conformer
            progress.advance(1, found)
            progress.message(f"{monomer.name}: {energies[monomer.name]:.6f} eV ({conformer})")
    finally:
        progress.close()
    if as_json:
        print_json({"level": potential.level, "file": out, "energy_eV": energies})
    else:
        typer.echo(f"{len(energies)} monomers of {potential.level} in {out}")
        next_step(f"export SAMPLER_LEVELS={shlex.quote(str(out.resolve().parent))}", quiet=quiet)
