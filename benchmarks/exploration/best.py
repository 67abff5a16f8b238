"""The lowest intact cluster of a search, and after how many evaluations of the judging potential it was met."""

from __future__ import annotations

from typing import Any

POTENTIAL = "gfn1-xtb"


class Best:
    """The lowest intact cluster met so far, and when it was met."""

    def __init__(self, composition, library):
        self.composition, self.library = composition, library
        self.trace: list[list[float]] = []
        self.lowest = None

    def offer(self, clusters, evaluations: int) -> None:
        """Clusters with energies (eV), found after ``evaluations``."""
        import numpy as np

        from sampler.identify import identify

        limit = self.trace[-1][1] if self.trace else np.inf
        candidates = clusters[np.flatnonzero(np.isfinite(clusters.energy) & (clusters.energy < limit))].lowest_first()
        if not len(candidates):
            return
        whole = identify(candidates, self.composition, self.library)
        whole = whole[whole.columns["intact"]]
        if len(whole):
            self.lowest = whole[0]
            self.trace.append([evaluations, float(whole.energy[0])])

    def record(self, evaluations: dict[str, int]) -> dict[str, Any]:
        found = {"lowest_eV": None, "state": "", "numbers": [], "positions": []}
        if self.lowest is not None:
            found = {
                "lowest_eV": float(self.lowest.energy[0]),
                "state": str(self.lowest.columns["state"][0]),
                "numbers": self.lowest.numbers.tolist(),
                "positions": self.lowest.positions.round(6).tolist(),
            }
        return {"evaluations": evaluations, "trace": self.trace, **found}
