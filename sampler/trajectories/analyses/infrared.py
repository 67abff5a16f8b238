"""The infrared spectrum, from dipoles along the trajectory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...errors import InputError
from ...potentials.base import Potential
from ...storage import write_atomic
from ..folder import Group, Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher
from ..spectrum import HIGHEST, check_frames, infrared_spectrum, lines


class Infrared(Watcher):
    """A dipole for each frame, kept in ``folder`` for the next time.

    Args:
        potential: of the dipoles. step_fs: between two frames. after_fs: the first frame that is seen.

    Raises:
        InputError: the frames are too far apart or too few; nothing has been computed then.
    """

    def __init__(
        self, group: Group, molecules: Molecules, potential: Potential, step_fs: float, after_fs: float, resolution: float,
        folder: Path,
    ):  # fmt: skip
        check_frames(group.longest_fs - after_fs, step_fs, resolution)
        super().__init__(group, molecules)
        self.potential, self.step_fs, self.after_fs, self.resolution, self.folder = (
            potential, step_fs, after_fs, resolution, folder,
        )  # fmt: skip
        self.dipoles: list[np.ndarray] = []
        self.failed = 0
        self._kept: list[np.ndarray] = []
        self._made: list[np.ndarray] = []
        self._at = 0

    def begin(self, replica: Replica) -> None:
        self._kept, self._made, self._at = [], [], 0
        self._earlier = self._load(replica)

    def see(self, look: Look) -> None:
        """Dipoles of frames that are known by their positions are taken from the disk."""
        for time, positions in zip(look.time_fs.tolist(), look.positions):
            key = _digest(time, positions)
            if (known := self._earlier.get(key)) is None:
                told = self.potential.dipoles(
                    Clusters.make([positions], [look.numbers], charge=[int(self.group.start.charge[0])])
                )
                known = told.dipole[0]
                self.failed += bool(told.failure[0])
            self._kept.append(known)
            self._made.append(np.frombuffer(key, np.uint8))

    def end(self, replica: Replica) -> None:
        if not self._kept:
            return
        values = np.array(self._kept)
        path, keys = self._path(replica), np.array(self._made)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, lambda handle: np.savez(handle, keys=keys, dipole=values))
        whole = np.isfinite(values).all(1)
        cut = len(values) if whole.all() else int(np.argmin(whole))
        self.dipoles.append(values[:cut])  # behind a gap another stretch would have another phase

    def _path(self, replica: Replica) -> Path:
        return self.folder / f"dipoles-{self.potential.level}" / f"replica-{replica.number:04d}.npz"

    def _load(self, replica: Replica) -> dict[bytes, np.ndarray]:
        try:
            with np.load(self._path(replica), allow_pickle=False) as held:
                return {key.tobytes(): value for key, value in zip(held["keys"], held["dipole"])}
        except (OSError, ValueError, KeyError, EOFError):
            return {}

    def found(self) -> Found:
        if not self.dipoles:
            raise InputError("no frame has a dipole")
        kelvin = self._kelvin()
        made = infrared_spectrum(self.dipoles, self.step_fs, kelvin, self.resolution, self.group.step_fs)
        shown = made.wavenumber <= HIGHEST
        x, y = made.wavenumber[shown], made.density["infrared"][shown]
        rows = [[one.wavenumber, one.height] for one in lines(x, y)]
        top = max(rows, key=lambda r: r[1], default=None)
        said = [
            f"From the autocorrelation of the dipole's change with time, dipoles of {self.potential.level} at each frame about "
            f"the centre of mass, at the mean temperature of {kelvin:.1f} K; {made.segments} segments, resolution "
            f"{made.resolution:.3g} cm⁻¹. Nuclei are classical; the quantum factor is that of oscillators.",
        ]
        if self.failed:
            said.append(f"{self.failed} frames have no dipole; their replicas count up to there.")
        if int(self.group.start.charge[0]):
            said.append("The cluster is charged, so that its dipole depends on the origin: motion of the charge against the "
                        "centre of mass absorbs, too.")  # fmt: skip
        return Found(
            "ir", "Infrared spectrum",
            (Column("maximum_cm1", "maximum", "cm⁻¹", digits=1), Column("height", "height", "km/mol per cm⁻¹", digits=3)),
            rows,
            [Figure(Axis("wavenumber", "cm⁻¹"), Axis("absorption", "km/mol per cm⁻¹"), [Series("infrared", x, y)],
                    f"{len(rows)} maxima, the highest at {top[0]:.0f} cm⁻¹." if top else "No maximum.")],
            said,
        )  # fmt: skip

    def _kelvin(self) -> float:
        values = [
            r.log["temperature_K"][r.log["time_fs"] >= self.after_fs] for r in self.group.replicas if "time_fs" in r.log
        ]
        every = np.concatenate(values) if values else np.zeros(0)
        return float(np.nanmean(every)) if np.isfinite(every).any() else float(np.mean(self.group.kelvin))


def _digest(time: float, positions: np.ndarray) -> bytes:
    return hashlib.sha1(np.float64(time).tobytes() + np.ascontiguousarray(positions).tobytes()).digest()
