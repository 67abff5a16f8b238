"""What ``sampler thermo`` and ``sampler export acdc`` read: runs, screens, structures, ORCA outputs, files of species."""

from __future__ import annotations

from pathlib import Path

from .thermo_wanted import Gathered, Source, Wanted, cut, keep


def gather(inputs: list[Path], wanted: Wanted, known) -> Gathered:
    """Species from every kind of input; structures go through Hessians, with their monomers.

    Each run is computed at its own level, and one table has one: with ``--energies`` the electronic energies are those of
    another potential (:mod:`.thermo_energies`).

    Raises:
        InputError: an input does not exist or holds nothing; an option does not apply to an input. LevelError: several levels.
    """
    from ..errors import SamplerError
    from ..refine.thermo import sources
    from .thermo_hessians import Hessians

    found = [s for path in inputs for s in sources_of(path, known)]
    check_options(found, wanted)
    made = Gathered()
    hessians = Hessians(wanted, known, made)
    ready: list = []
    for source in found:
        if source.kind == "kept":
            ready += _lowest(_of_level(_kept(source.path, known), source, wanted), wanted, source)
        elif source.kind == "outputs":
            ready += _lowest(_outputs(source, wanted, made), wanted, source)
        elif source.kind == "run":
            hessians.add_run(source)
        else:
            hessians.add_file(source)
    hessians.one_potential()
    _agree([*ready, *hessians.placeholders()], wanted)  # before hours of work
    try:
        ready += hessians.compute()
        _name_apart(ready)
        made.species, same = sources.distinct(ready)
        made.remarks += [(r.id, r.reason) for r in same]
        if wanted.energies is not None:
            from .thermo_energies import with_energies

            made.species, lacking = with_energies(
                made.species, wanted.energies, known, wanted.workers, wanted.quiet, lambda: keep(made), hessians.folders
            )
            # what came with other energies may be the same minimum after all
            made.species, more = sources.distinct(made.species)
            made.remarks += [*lacking, *((r.id, r.reason) for r in more)]
    except SamplerError:
        if made.kept is not None:
            made.kept.close()
        raise
    return made


def _agree(species: list, wanted: Wanted) -> None:
    """Refuse several levels, or engines; with --energies the electronic energies will be of one, the frequencies must be."""
    from dataclasses import replace

    from ..refine.thermo.study import one_level

    if wanted.energies is not None:
        low = lambda text: str(text).rpartition("//")[2]  # noqa: E731
        species = [
            replace(s, level=low(s.level), columns=s.columns | {"engine": low(s.columns.get("engine", ""))})
            for s in species
        ]
    if species:
        one_level(species)


def _kept(path: Path, known) -> list:
    """Species of a file, their energies compared with those of their molecules.

    Raises:
        InputError: an energy that is none of its level in eV.
    """
    import numpy as np

    from ..errors import InputError
    from ..interop.molecules import strange_energies
    from ..refine.thermo.belonging import structures
    from ..refine.thermo.sources import load

    species = load(path)
    clusters = structures(species).replace(energy=np.array([s.energy for s in species]))
    wrong = strange_energies(clusters, np.array([s.level for s in species]), known)
    if wrong:
        i, text = next(iter(wrong.items()))
        raise InputError(f"{path}: the energy_eV of {species[i].id} is not one of {species[i].level}: {text}")
    return species


def sources_of(path: Path, known) -> list[Source]:
    """What a path stands for; a screen stands for its runs.

    Raises:
        InputError: it does not exist.
    """
    from ..errors import InputError
    from .common import note, run_folders

    if runs := run_folders(path, known):
        return [Source(run, "run") for run in runs]
    if path.is_dir():
        if path.name == "errors" and (path.parent / "screen.csv").exists():  # screen/*/ holds it, too
            note(f"{path} holds the errors of a screen, no structures")
            return []
        return [Source(path, "outputs")]
    if not path.exists():
        raise InputError(f"{path} does not exist")
    return [Source(path, _kind(path))]


def _kind(path: Path) -> str:
    """By the ending, and where that is none of ours by the head of the file."""
    from ..errors import FileFormatError

    if path.suffix in (".json", ".out"):
        return {".json": "kept", ".out": "outputs"}[path.suffix]
    if not path.is_file():
        raise FileFormatError(f"{path} is neither a file nor a folder")
    with open(path, "rb") as handle:
        head = handle.read(4000)
    if head.lstrip()[:1] == b"{" and b"sampler-thermo" in head[:200]:
        return "kept"
    return "outputs" if b"O   R   C   A" in head else "structures"


_APPLY = {
    "--potential": ("run", "structures"), "--model": ("run", "structures"), "--step": ("run", "structures"),
    "--isotopes": ("run", "structures"), "--level": ("outputs", "kept", "structures"), "--charge": ("structures",),
}  # fmt: skip
_WHY = {
    "--potential": "brings its own frequencies", "--model": "brings its own frequencies",
    "--step": "brings its own frequencies", "--isotopes": "brings its own masses", "--charge": "states its charges",
    "--level": "is at the level of --potential, or of its own last relaxation",
}  # fmt: skip
_ANY = ("--potential", "--model")
"""Enough that one input takes them: the others must be of that level anyhow."""


def check_options(found: list[Source], wanted: Wanted) -> None:
    """Refuse an option that would have no effect on an input.

    Raises:
        InputError: it names the option and the input.
    """
    from ..errors import InputError

    if not found:
        raise InputError("none of the inputs holds structures")
    for option, kinds in _APPLY.items():
        if getattr(wanted, option.strip("-")) in (None, False):
            continue
        others = [s for s in found if s.kind not in kinds]
        if others and not (option in _ANY and len(others) < len(found)):
            raise InputError(f"{option} does not apply to {others[0]}, which {_WHY[option]}; leave it out")
    if wanted.model is not None and (wanted.potential or "painn").lower() != "painn":
        raise InputError(f"--model {wanted.model} is an option of --potential painn, not of {wanted.potential}")


def _of_level(species: list, source: Source, wanted: Wanted) -> list:
    from ..errors import LevelError

    levels = sorted({s.level for s in species})
    if wanted.level is not None:
        chosen = [s for s in species if s.level == wanted.level]
        if not chosen:
            raise LevelError(f"{source} holds nothing of the level {wanted.level}; it has {', '.join(levels)}")
        return chosen
    if len(levels) > 1:
        raise LevelError(f"{source} holds several levels of theory: {', '.join(levels)}; choose one with --level")
    return species


def _outputs(source: Source, wanted: Wanted, made: Gathered) -> list:
    """Species of ORCA outputs; what is of no use is named."""
    from ..errors import InputError
    from ..refine.orca import read_folder, read_outputs
    from ..refine.thermo import sources

    path = source.path
    jobs: dict[str, dict] = {}
    if path.is_dir():
        folder = read_folder(path, level=wanted.level)
        results = folder.results
        jobs = {job["name"]: job for job in (folder.manifest or {}).get("jobs", ())}
    else:
        results = tuple(_of_level(read_outputs(path), source, wanted))
    usable = []
    for r in results:
        why = ""
        if not r.finished:
            why = f"not finished ({r.status})" + (f": {r.message}" if r.message else "")
        elif not len(r.frequencies) and len(r.numbers) != 1:
            why = "no frequencies in it"
        elif wanted.level is not None and r.level != wanted.level:
            why = f"of the level {r.level}"
        made.remarks += [(r.name, text) for text in ([f"left out: {why}"] if why else r.remarks)]
        usable += [] if why else [r]
    if not usable:
        told = "; ".join(f"{name}: {why}" for name, why in made.remarks[-3:])
        raise InputError(f"{path} holds no finished ORCA frequency calculation ({told})")
    species = sources.from_orca(usable)
    for s in species:  # what our own inputs were made of is what the outputs must be of
        if composition := jobs.get(s.id, {}).get("composition"):
            s.columns["composition"] = str(composition)
    return species


def _lowest(species: list, wanted: Wanted, source: Source) -> list:
    """With --count the lowest of every composition: energies of different atoms do not compare."""
    from .common import note

    if wanted.count is None:
        return species
    groups: dict[tuple, list] = {}
    for s in species:
        key = tuple(sorted(s.columns["numbers"])), s.columns["charge"], s.columns.get("isotopes", "")
        groups.setdefault(key, []).append(s)
    chosen = [s for g in groups.values() for s in sorted(g, key=lambda s: (s.energy, s.id))[: wanted.count]]
    if len(chosen) < len(species) and not wanted.quiet:
        note(f"{source.path}: {cut(len(chosen), len(species), wanted.count)}")
    return chosen


def _name_apart(species: list) -> None:
    """Different structures of one name get another: two folders may both hold a ``conf1.out``."""
    from dataclasses import replace

    seen: dict[str, int] = {}
    for i, s in enumerate(species):
        seen[s.id] = seen.get(s.id, 0) + 1
        if seen[s.id] > 1:
            species[i] = replace(s, id=f"{s.id} ({seen[s.id]})")
