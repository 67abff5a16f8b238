"""What ``sampler thermo`` and ``sampler export acdc`` read: runs, structures, ORCA outputs, files of species."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STEP = 0.005  # Å
# A network's surface is rough at the scale of 0.001 Å, and minima sit in its dents: O–H stretches of the shipped models
# come out 250 cm⁻¹ too stiff with steps below 0.005 Å.
_PAINN_STEP = 0.01


@dataclass(frozen=True)
class Gathered:
    """Species of all inputs, duplicates removed; id -> reason for what was left out."""

    species: list
    rejected: dict[str, str]


def gather(inputs, potential, model, count, isotopes, workers, known, quiet, step=None, energies=None) -> Gathered:
    """Species from every kind of input; structures go through Hessians, with their monomers.

    With ``energies`` their electronic energies are those of another potential (:mod:`.thermo_energies`).
    """
    from ..clusters import Clusters
    from ..errors import InputError
    from ..refine.thermo import sources

    ready: list = []
    structures: list[Clusters] = []
    where = ""
    for path in inputs:
        if path.suffix == ".json":
            ready += sources.load(path)
        elif (path / "manifest.json").exists() and (path / "stages").is_dir():
            clusters, name, options = _run(path, count)
            potential, model = potential or name, model or options.get("model")
            structures.append(clusters)
        elif path.is_dir() or path.suffix == ".out":
            ready += _orca(path, isotopes)
        elif path.exists():
            structures.append(_structures(path, count, known))
            where = where or str(path)
        else:
            raise InputError(f"{path} does not exist")
    rejected: dict[str, str] = {}
    if structures:
        if potential is None:
            raise InputError(f"structures of {where} need --potential: the level of their frequencies")
        found, lost = _hessians(structures, potential, model, isotopes, step, workers, known, quiet)
        ready += found
        rejected |= {r.id: r.reason for r in lost}
    kept, same = sources.distinct(ready)
    rejected |= {r.id: r.reason for r in same}
    if energies is not None:
        from .thermo_energies import with_energies

        kept, lacking = with_energies(kept, energies, known, workers, quiet)
        rejected |= lacking
    return Gathered(kept, rejected)


def _run(path: Path, count: int):
    import numpy as np

    from ..funnel.rundir import read_manifest, read_result

    clusters = read_result(path)
    clusters = clusters.lowest_first()[:count]
    relaxing = [s for s in read_manifest(path)["protocol"]["stage"] if s["kind"] == "relax"]
    last = relaxing[-1] if relaxing else {}
    name = path.resolve().name
    ids = np.array([f"{name}/{i}" for i in clusters.ids])
    return clusters.replace(ids=ids), last.get("potential"), last.get("options", {})


def _structures(path: Path, count: int, known):
    import numpy as np

    from ..interop.molecules import read_known
    from .common import note

    clusters, notes = read_known(path, known)
    for line in notes:
        note(line)
    if np.isfinite(clusters.energy).any():
        clusters = clusters[np.argsort(clusters.energy, kind="stable")]
    return clusters[:count]


def _orca(path: Path, isotopes: bool) -> list:
    from ..errors import InputError
    from ..refine.orca import read_folder, read_outputs
    from ..refine.thermo import sources

    if not path.is_dir():
        return sources.from_orca(read_outputs(path), isotopes)
    results = [r for r in read_folder(path).results if r.finished and (len(r.frequencies) or len(r.numbers) == 1)]
    if not results:
        raise InputError(f"{path} holds no finished ORCA frequency calculation")
    return sources.from_orca(results, isotopes)


def _hessians(structures, potential, model, isotopes, step, workers, known, quiet):
    """Relax and differentiate, one structure a task; monomers of what was recognised are added."""
    from ..clusters import Clusters
    from ..errors import InputError
    from ..funnel.parallel import Died, unordered
    from ..funnel.progress import choose
    from ..identify import recognise
    from ..refine.thermo import sources

    names: dict[str, None] = {}
    for clusters in structures:
        for composition in recognise(clusters, known):
            if composition is not None:
                names |= dict.fromkeys(_monomer_names(composition, known))
    bare = [c.replace(columns={}, forces=None, level="", energy=c.energy * float("nan")) for c in structures]
    everything = Clusters.concatenate([sources.monomer_structures(list(names), known), *bare])
    options = {"model": model} if model else {}
    tasks = [(everything[i], potential, options, isotopes, step) for i in range(len(everything))]
    progress = choose(quiet)
    found: dict[int, list] = {}
    lost: list = []
    for index, result in unordered(_one, tasks, workers):
        name = str(everything.ids[index])
        if isinstance(result, Died):
            lost.append(sources.Rejected(name, result.reason))
            continue
        found[index] = result[0]
        lost += result[1]
        progress.message(f"{len(found) + len(lost)} of {len(tasks)} Hessians")
    species = [s for i in sorted(found) for s in found[i]]
    if not species:
        raise InputError("no structure got frequencies: " + "; ".join(f"{r.id}: {r.reason}" for r in lost[:5]))
    return species, lost


def _monomer_names(composition, known) -> set[str]:
    from ..levels import separated

    return {m for choice in separated(composition, known) for m, n in choice.items() if n}


def _one(task):
    one, potential, options, isotopes, step = task
    from ..potentials import get_potential
    from ..refine.thermo import sources

    if potential.lower() in ("gfn1-xtb", "gfn2-xtb"):
        options = {"accuracy": 0.1, **options}  # differences of forces need a tight SCF
    step = step or (_PAINN_STEP if potential.lower() == "painn" else _STEP)
    params = sources.HessianParams(isotopes=isotopes, step=step)
    return sources.from_potential(one, get_potential(potential, **options), params)
