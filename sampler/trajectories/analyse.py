"""All that is asked of a folder of trajectories, in one pass through the frames of each structure's replicas."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..composition import Composition
from ..errors import InputError
from ..monomers import MonomerLibrary
from ..potentials.base import Potential
from ..text.nearest import did_you_mean
from .folder import Folder, Group, read_folder
from .found import Found
from .frames import Identity, Watcher, go_through
from .harmonic import Vibrations, kept_or_made
from .known import ANALYSES, Setting

FOLDER = "analysis"
_SKIPPED = 0.1
_FINEST = 5.0  # cm⁻¹
_LIGHT_CM_PER_FS = 2.99792458e-5


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        what: names of :data:`.known.ANALYSES`; none: all that the folder allows. skip_ps: the beginning that is left out; None: a
            tenth. every: only each so many-th frame. resolution: cm⁻¹, of spectra; None: 5, or what the trajectories allow.
        harmonic: whether vibrations of the minimum are computed beside the spectrum.
    """

    what: Sequence[str] = ()
    skip_ps: float | None = None
    every: int = 1
    resolution: float | None = None
    harmonic: bool = True

    def __post_init__(self) -> None:
        for name in self.what:
            if name not in ANALYSES:
                raise InputError(f"--what {name}: {did_you_mean(name, ANALYSES)}there are {', '.join(ANALYSES)}")
        if self.skip_ps is not None and not self.skip_ps >= 0:
            raise InputError(f"--skip is {self.skip_ps:g} ps; it cannot be below 0")
        if self.resolution is not None and not self.resolution > 0:
            raise InputError(f"--resolution is {self.resolution:g} cm⁻¹; it must be above 0")
        if self.every < 1:
            raise InputError(f"--every is {self.every}; it must be 1 or more")


@dataclass(frozen=True)
class OfStructure:
    """What was found for one structure, and why something was not: name -> reason."""

    group: Group
    skip_ps: float
    found: list[Found]
    left_out: dict[str, str]
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Analysed:
    """Of all structures of a folder. ``size``: bytes of trajectories that it is of."""

    folder: Folder
    structures: list[OfStructure]
    size: int


def analyse(
    path: Path,
    options: Options,
    library: MonomerLibrary,
    potential: Callable[[], tuple[Potential, str] | str],
    dipoles: Potential,
    say: Callable[[str], None] = lambda text: None,
) -> Analysed:
    """Read a folder of ``sampler md``, whether it is finished, running or was killed.

    Args:
        potential: gives the one of the dynamics, and its engine in words, or says why it is not to be had.
        dipoles: a potential that has dipoles.
        say: told what takes long.

    Raises:
        RunError: no such folder. InputError: nothing of what was asked for can be had.
    """
    folder = read_folder(path)
    told = folder.manifest.get("composition")
    composition = Composition.parse(told, library) if told else None
    size = trajectory_bytes(folder)
    made = [_of_structure(folder, g, options, composition, library, potential, dipoles, say) for g in folder.groups]
    if not any(one.found for one in made):
        reasons = "; ".join(f"{name}: {why}" for name, why in made[0].left_out.items())
        raise InputError(f"{path}: nothing of what was asked for can be had: {reasons}")
    return Analysed(folder, made, size)


def trajectory_bytes(folder: Folder) -> int:
    """Of all trajectories: what says whether an analysis is of all that is there."""
    return sum(os.path.getsize(r.trajectory) for r in folder.replicas if r.trajectory.exists())


def place(folder: Folder, group: Group) -> Path:
    """Where the files about a structure go."""
    return folder.path / FOLDER / (group.name if len(folder.groups) > 1 else "")


def _of_structure(
    folder: Folder, group: Group, options: Options, composition: Composition | None, library: MonomerLibrary,
    potential: Callable[[], tuple[Potential, str] | str], dipoles: Potential, say: Callable[[str], None],
) -> OfStructure:  # fmt: skip
    remarks: list[str] = []
    skip = _SKIPPED * group.longest_fs if options.skip_ps is None else options.skip_ps * 1000.0
    names, left_out = _chosen(group, options)
    identity = Identity(group.start, composition, library)
    resolution = options.resolution or max(_FINEST, 3.0 / (_LIGHT_CM_PER_FS * max(group.longest_fs - skip, 1.0)))

    def harmonic() -> Vibrations | None:
        return _harmonic(folder, group, potential, say, remarks) if options.harmonic else None

    setting = Setting(
        group,
        identity.molecules,
        skip,
        group.frame_fs * options.every,
        resolution,
        harmonic,
        dipoles,
        place(folder, group),
    )
    watchers: dict[str, Watcher] = {}
    for name in names:
        try:
            watchers[name] = ANALYSES[name].make(setting)
        except InputError as error:
            left_out[name] = str(error)
    seeing = [watcher for name, watcher in watchers.items() if ANALYSES[name].frames]
    if seeing:
        remarks += go_through(group, identity, seeing, skip, options.every)
    found = []
    for name, watcher in watchers.items():
        try:
            found.append(watcher.found())
        except InputError as error:
            left_out[name] = str(error)
    if spoiled := sum(r.whole_until_fs < float("inf") for r in group.replicas):
        remarks.append(
            f"{spoiled} of {len(group.replicas)} replicas are read up to where their cluster reacted or came apart"
        )
    if running := sum(not r.ended for r in group.replicas):
        remarks.append(f"{running} of {len(group.replicas)} replicas have not ended; this is what there is of them")
    order = {name: k for k, name in enumerate(ANALYSES)}
    return OfStructure(
        group, skip / 1000.0, found, dict(sorted(left_out.items(), key=lambda one: order[one[0]])), remarks
    )


def _chosen(group: Group, options: Options) -> tuple[list[str], dict[str, str]]:
    names, left_out = [], {}
    for name, one in ANALYSES.items():
        if options.what and name not in options.what:
            continue
        if why := one.lacks(group) or ("" if options.what else one.cost):
            left_out[name] = why
        else:
            names.append(name)
    return names, left_out


def _harmonic(
    folder: Folder, group: Group, potential: Callable[[], tuple[Potential, str] | str], say: Callable[[str], None], remarks: list[str]
) -> Vibrations | None:  # fmt: skip
    had = potential()
    if isinstance(had, str):
        remarks.append(f"no harmonic vibrations: {had}")
        return None
    try:
        say(
            f"harmonic vibrations of {group.name} at {had[0].level}: a relaxation and {6 * len(group.start.numbers) + 1} evaluations"
        )
        return kept_or_made(place(folder, group) / "harmonic.json", group.start, *had)
    except InputError as error:
        remarks.append(f"no harmonic vibrations: {error}")
        return None
