"""What can be read from trajectories: names, and what each needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..potentials.base import Potential
from .analyses.bonds import HydrogenBonds
from .analyses.deviation import Deviation
from .analyses.infrared import Infrared
from .analyses.means import Means
from .analyses.pairs import RadialCounts
from .analyses.power import Power
from .analyses.rates import Rates
from .analyses.states import States
from .analyses.wandering import Wandering
from .folder import Group
from .frames import Molecules, Watcher
from .harmonic import Vibrations


@dataclass(frozen=True)
class Setting:
    """What an analysis is made with.

    Attributes:
        after_fs: frames and velocities before are left out. step_fs: between two frames that are seen.
        resolution: cm⁻¹. harmonic: makes the vibrations of the minimum, None where there are none. dipoles: a potential.
        folder: where something may be kept for the next time.
    """

    group: Group
    molecules: Molecules
    after_fs: float
    step_fs: float
    resolution: float
    harmonic: Callable[[], Vibrations | None]
    dipoles: Potential
    folder: Path


@dataclass(frozen=True)
class Analysis:
    """One of them.

    Attributes:
        what: it is, in words. make: the watcher. frames: it wants to see the frames. lacks: why a group has not what it needs,
            '' where it has. cost: why it is made only where it is named, '' of the others.
    """

    what: str
    make: Callable[[Setting], Watcher]
    frames: bool = True
    lacks: Callable[[Group], str] = lambda group: ""
    cost: str = ""


def _no_velocities(group: Group) -> str:
    return "" if group.velocity_fs else "no velocities were kept; run it with --velocities 2"


ANALYSES: dict[str, Analysis] = {
    "means": Analysis(
        "means of energies, temperature and size, with errors", lambda s: Means(s.group, s.molecules, s.after_fs)
    ),
    "evaporation": Analysis("rates of evaporation and reaction", lambda s: Rates(s.group, s.molecules), frames=False),
    "rmsd": Analysis("RMSD to the start", lambda s: Deviation(s.group, s.molecules)),
    "hbonds": Analysis("hydrogen bonds and their lifetimes", lambda s: HydrogenBonds(s.group, s.molecules, s.step_fs)),
    "states": Analysis("protonation states and their lifetimes", lambda s: States(s.group, s.molecules, s.step_fs)),
    "rdf": Analysis("neighbours by distance", lambda s: RadialCounts(s.group, s.molecules)),
    "msd": Analysis("how far molecules wander, and diffusion", lambda s: Wandering(s.group, s.molecules, s.step_fs)),
    "spectrum": Analysis(
        "power spectrum of velocities, and harmonic vibrations",
        lambda s: Power(s.group, s.molecules, s.after_fs, s.resolution, s.harmonic),
        frames=False,
        lacks=_no_velocities,
    ),
    "ir": Analysis(
        "infrared spectrum from dipoles",
        lambda s: Infrared(s.group, s.molecules, s.dipoles, s.step_fs, s.after_fs, s.resolution, s.folder),
        cost="a dipole for each frame takes its time; ask for it with --what ir",
    ),
}
"""Name -> analysis, in the order in which they are told."""
