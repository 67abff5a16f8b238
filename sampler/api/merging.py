"""Several searches of one composition, made into one ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import FATE, FATE_DETAIL, FOUND_IN, MERGED_FROM, MIRROR_COUNT, TIMES_FOUND
from ..composition import Composition
from ..errors import InputError, LevelError, RunError
from ..fate import Fate
from ..monomers import MonomerLibrary
from .folders import spelled
from .given import Monomers, library_of
from .run_result import RunResult

NAME = "merge"
"""Of the protocol and of the stage in the manifest of merged runs."""


@dataclass(frozen=True)
class _Search:
    """One of the runs: its label is short and its own."""

    label: str
    folder: Path
    manifest: Mapping[str, Any]
    clusters: Clusters
    sha256: str
    composition: Composition


def merge(
    runs: Sequence[str | Path], folder: str | Path, *, monomers: Monomers = None, replace: bool = False
) -> RunResult:
    """One ranking of several searches of the same composition, of other seeds or protocols: what ``sampler merge`` does.

    Duplicates are removed as the runs themselves do it (:func:`sampler.dedupe`), the lowest of each minimum stays, and how
    often it was found is summed. The columns ``merged_from`` and ``found_in`` say which run a structure is of, and how often
    each has found it. The result is a run directory like any other.

    >>> import sampler
    >>> how = {"settings": {"generate.candidates": 12}, "workers": 1, "quiet": True}
    >>> seeds = [sampler.run("1sa1am", folder=f"seed{seed}", seed=seed, **how).folder for seed in (0, 1)]
    >>> both = sampler.merge(seeds, "both")
    >>> [one["source"] for one in both.manifest()["merged"]]
    ['seed0', 'seed1']

    Args:
        runs: finished run directories, two or more. folder: where the result goes.
        monomers: further molecules that the runs were made with.
        replace: other results in the folder may be replaced.

    Raises:
        RunError: no run directory, an unfinished run, or a folder with other results.
        InputError: fewer than two runs, one twice, or runs of different compositions.
        LevelError: runs whose energies are of different levels or engines; with the remedy.
    """
    from ..funnel import results
    from ..funnel.protocols import own_model
    from ..funnel.protocols.protocol import build
    from ..funnel.runner import Run
    from ..rundir.directory import RunDirectory, digest_of
    from ..rundir.ledger import Ledger

    known, folder = library_of(monomers), Path(folder)
    searches = _read([Path(run) for run in runs], folder, known)
    _alike(searches, known)
    manifest = _manifest(searches)
    composition = searches[0].composition
    with RunDirectory.open(folder, manifest, replace=replace) as directory:
        here = directory.stage(1, NAME, digest_of(manifest))
        everything, said = _distinct(searches, manifest)
        came_in = sum(len(s.clusters) for s in searches)
        kept, ledger = here.finish(everything, Ledger(stage=1, kind=NAME, came_in=came_in, said=said))
        directory.completed([ledger])
        done = Run(directory.folder, kept, [ledger])
        results.write(done, build(manifest["protocol"], str(folder)), known, composition)
        own_model.judge(done, composition, known)
    return RunResult(folder, composition, kept, [ledger], known)


def _read(paths: Sequence[Path], out: Path, known: MonomerLibrary) -> list[_Search]:
    from ..rundir.directory import read_ledgers, read_manifest, read_result
    from ..rundir.finished import complete

    paths = [spelled(path, known) for path in paths]
    places = [path.resolve() for path in paths]
    if len(paths) < 2:
        raise InputError(
            "a merger takes two runs or more, for example: sampler merge 4sa4am-seed0 4sa4am-seed1 --out 4sa4am"
        )
    if twice := [str(p) for p, n in Counter(places).items() if n > 1]:
        raise InputError(f"{twice[0]} is named twice; it would be counted twice")
    if out.resolve() in places:
        raise InputError(f"--out {out} is one of the runs; choose another folder")
    found = []
    for label, path in zip(_labels(paths), paths):
        manifest, clusters = read_manifest(path), read_result(path)
        if not complete(path):
            raise RunError(
                f"a run that was started later in {path} has not ended; the same sampler run command goes on"
            )
        composition = Composition.parse(manifest["composition"], known, manifest["charge"])
        found.append(_Search(label, path, manifest, clusters, read_ledgers(path)[-1].output_sha256, composition))
    return found


def _labels(paths: Sequence[Path]) -> list[str]:
    """The names of the folders, with as much of the way to them as tells them apart."""
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(part[-depth:]) for part in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(path) for path in paths]


def _alike(searches: Sequence[_Search], known: MonomerLibrary) -> None:
    """Refuse what does not compare."""
    first = searches[0]
    for other in searches[1:]:
        if other.composition != first.composition:
            raise InputError(
                f"{other.folder} is a search of {other.composition.name(known)}, {first.folder} of "
                f"{first.composition.name(known)}: one ranking has one composition"
            )
        if same := [s for s in searches if s is not other and s.sha256 == other.sha256]:
            raise InputError(
                f"{same[0].folder} and {other.folder} hold the same result, one search that would be counted twice; give runs of "
                "other seeds or protocols"
            )
    engines = [_engine(s) for s in searches]
    for other, engine in zip(searches[1:], engines[1:]):
        if (other.clusters.level, engine) != (first.clusters.level, engines[0]):
            asked = first.clusters.level.partition("@")[0]
            raise LevelError(
                f"energies of different levels or engines do not compare: {first.folder} has {first.clusters.level} by "
                f"{engines[0]}, {other.folder} has {other.clusters.level} by {engine}; bring them to one, for example: sampler "
                f"run {first.manifest['composition']} --from {other.folder} --stage relax --level {asked} --out "
                f"{other.folder}-{asked}"
            )


def _engine(search: _Search) -> str:
    """Whose energies a run ends with, in words that are equal for equal ones; models by their weights."""
    from ..learn.labels.provenance import content
    from ..potentials import get_potential

    stages = search.manifest["protocol"]["stage"]
    kinds = [stage["kind"] for stage in stages]
    first = kinds.index(search.manifest["from"]["stage"], 1) if "from" in search.manifest else 0
    for stage in reversed(stages[first:]):
        if stage["kind"] == "orca":
            return "ORCA"
        if "potential" in stage:
            options = stage.get("options") or {}
            models = options.get("model", ())
            named = ", ".join([models] if isinstance(models, str) else models)
            return (
                f"PaiNN ({named}; {content(get_potential(stage['potential'], **options))[-8:]})"
                if named
                else str(stage["potential"])
            )
    return "who made the structures"


def _manifest(searches: Sequence[_Search]) -> dict[str, Any]:
    """That of the first run, for the stages that gave geometries and energies, with all runs named."""
    from ..version import __version__

    first = searches[0].manifest
    protocol = dict(first["protocol"])
    protocol |= {"name": NAME, "description": f"the searches {', '.join(s.label for s in searches)} in one ranking"}
    made = {k: first[k] for k in ("format", "composition", "charge", "seed", "monomers", "from", "level") if k in first}
    merged = [
        {
            "source": s.label, "folder": str(s.folder), "protocol": s.manifest["protocol"]["name"], "seed": s.manifest["seed"],
            "structures": len(s.clusters), "sha256": s.sha256, "sampler_version": s.manifest["sampler_version"],
        }
        for s in searches
    ]  # fmt: skip
    return {**made, "protocol": protocol, "sampler_version": __version__, "merged": merged}


def _distinct(searches: Sequence[_Search], manifest: Mapping[str, Any]) -> tuple[Clusters, dict[str, Any]]:
    """All structures with their fates, the representatives first; and what the ledger says."""
    from ..search.unseen import of_multiplicities
    from ..similarity import dedupe

    whole = _together(searches)
    found = dedupe(whole, _parameters(manifest))
    times, source = whole.columns[TIMES_FOUND], whole.columns[MERGED_FROM]
    told = []
    for k in range(len(found.representatives)):
        of = Counter[str]()
        for i in np.flatnonzero(found.group == k):
            of[str(source[i])] += int(times[i])
        told.append(", ".join(f"{s.label} {of[s.label]}" for s in searches if s.label in of))
    kept = found.representatives.with_columns(**{FOUND_IN: np.array(told, np.str_)})
    gone = (found.duplicate_of != "") | (found.set_aside != "")
    fate = np.where(found.duplicate_of != "", Fate.DUPLICATE, Fate.NOT_COMPARABLE)[gone]
    detail = np.where(found.duplicate_of != "", found.duplicate_of, found.set_aside)[gone]
    lost = whole[gone].with_columns(**{FATE: fate, FATE_DETAIL: detail, FOUND_IN: ""})
    said = {"runs": len(searches), **of_multiplicities(kept)}
    return Clusters.concatenate([kept.with_columns(**{FATE: str(Fate.GOES_ON), FATE_DETAIL: ""}), lost]), said


def _together(searches: Sequence[_Search]) -> Clusters:
    """All structures, with ids of their own; a structure that nobody counted was found once."""
    ids = Counter(str(i) for s in searches for i in s.clusters.ids)
    parts = []
    for number, s in enumerate(searches, start=1):
        own = np.array([i if ids[i] == 1 else f"{i}-r{number}" for i in map(str, s.clusters.ids)], np.str_)
        columns = dict(s.clusters.columns)
        columns.setdefault(TIMES_FOUND, np.ones(len(own), np.int64))
        columns.setdefault(MIRROR_COUNT, np.zeros(len(own), np.int64))
        parts.append(s.clusters.replace(ids=own, columns=columns).with_columns(**{MERGED_FROM: s.label, FOUND_IN: ""}))
    return Clusters.concatenate(parts)


def _parameters(manifest: Mapping[str, Any]):
    """When two structures are the same: as the last stage ``dedupe`` of the first run says, else by default."""
    from ..similarity import DedupeParams
    from ..units import KCAL_PER_MOL

    stage: Mapping[str, Any] = next((s for s in reversed(manifest["protocol"]["stage"]) if s["kind"] == "dedupe"), {})
    given = {k: stage[k] for k in ("rmsd", "max_displacement", "linkage") if k in stage}
    if "energy_window_kcalmol" in stage:
        given["energy_window"] = stage["energy_window_kcalmol"] * KCAL_PER_MOL
    return DedupeParams(**given)
