"""What the stages that search by dynamics have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .context import Context
from .parameter_types import Positive
from .searching import SearchStage

if TYPE_CHECKING:
    from ...search.heated import Heating


class HeatedStage(SearchStage):
    """Rounds of dynamics from known minima; frames are quenched to minima, which join the archive.

    The dynamics is Langevin's with the same mass for every atom: it visits configurations with their Boltzmann weights, in a
    time that is not that of the cluster. What is no whole cluster of the composition is left out, and its replica goes on
    from where it was whole.
    """

    time_ps: Positive = 1.0
    """ps, of each replica."""
    step_fs: Positive = 2.0
    """fs, with a mass of ``mass_amu``."""
    mass_amu: Positive = 16.0
    """amu, of every atom."""
    friction_per_fs: Positive = 0.01
    """1/fs, of Langevin dynamics."""

    def steps(self, time_ps: float) -> int:
        """How many of the integrator that is."""
        return max(1, round(1000.0 * time_ps / self.step_fs))

    def heating(self, context: Context) -> Heating:
        """How parents are heated."""
        from ...dynamics.visiting import Motion
        from ...search.heated import Heating

        motion = Motion(self.step_fs, self.friction_per_fs, self.mass_amu)
        return Heating(self.mover(context), self.kind, motion, self.fmax, self.max_steps)
