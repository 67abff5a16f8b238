"""How far molecules wander within the cluster: mean square displacement and diffusion."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ...errors import InputError
from ..distances import Displacement, Unturned, diffusion, displacement
from ..folder import Group, Replica
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Look, Molecules, Watcher

_PIECES = 12
"""Independent pieces that an error wants; replicas, where there are as many, else parts of them."""
_SQUARE_CM = 1e4  # 1e-5 cm²/s in one Å²/fs


class Wandering(Watcher):
    def __init__(self, group: Group, molecules: Molecules, step_fs: float):
        super().__init__(group, molecules)
        self.step_fs = step_fs
        heavy = group.start.numbers != 1
        self.places = [np.flatnonzero(heavy & (molecules.of_atom == m)) for m in range(len(molecules.names))]
        kinds = Counter(tuple(sorted(group.start.numbers[a].tolist())) for a in self.places)
        names: dict[tuple, str] = {}
        for name, atoms in zip(molecules.names, self.places):  # the first protonation state names the kind
            names.setdefault(tuple(sorted(group.start.numbers[atoms].tolist())), name)
        self.kinds = {
            names[kind]: [
                m for m, a in enumerate(self.places) if tuple(sorted(group.start.numbers[a].tolist())) == kind
            ]
            for kind in kinds
            if kind
        }
        self.all: dict[str, Displacement] = {}
        self.pieces: dict[str, list[Displacement]] = {name: [] for name in self.kinds}
        self._turning = Unturned(group.masses)
        self._kept: list[np.ndarray] = []

    def begin(self, replica: Replica) -> None:
        self._turning, self._kept = Unturned(self.group.masses), []

    def see(self, look: Look) -> None:
        x = self._turning.add(look.positions)
        masses = self.group.masses
        centres = [np.average(x[:, a], axis=1, weights=masses[a]) if len(a) else x[:, :0].sum(1) for a in self.places]
        self._kept.append(np.stack(centres, axis=1).astype(np.float32))

    def end(self, replica: Replica) -> None:
        if not self._kept:
            return
        points = np.concatenate(self._kept).astype(float)
        self._kept = []
        cut = max(1, -(-_PIECES // max(len(self.group.replicas), 1)))
        for name, which in self.kinds.items():
            whole = displacement(points[:, which])
            self.all[name] = self.all[name] + whole if name in self.all else whole
            self.pieces[name] += [displacement(p[:, which]) for p in np.array_split(points, cut) if len(p) >= 8]

    def found(self) -> Found:
        if not self.all or min(len(d.total) for d in self.all.values()) < 4:
            raise InputError(
                "fewer than 8 frames are no displacement against time; run it longer, or with more --frames"
            )
        rows, drawn = [], []
        for name, whole in self.all.items():
            lags = np.arange(len(whole.total)) * self.step_fs
            told = diffusion(self.pieces[name], self.step_fs)
            longest = max((len(p.total) for p in self.pieces[name]), default=0) * self.step_fs / 1000.0
            rows.append([
                name, len(self.kinds[name]), whole.mean[-1], lags[-1] / 1000.0, told.value * _SQUARE_CM,
                told.error * _SQUARE_CM, 0.1 * longest, 0.5 * longest, told.pieces,
            ])  # fmt: skip
            thin = max(1, len(lags) // 400)
            drawn.append(Series(name, lags[::thin] / 1000.0, whole.mean[::thin]))
        alt = f"Mean square displacement of molecules: {rows[0][2]:.2f} Å² after {rows[0][3]:.3g} ps for {rows[0][0]}."
        return Found(
            "msd", "How far molecules wander", _COLUMNS, rows,
            [Figure(Axis("time", "ps"), Axis("mean square displacement", "Å²"), drawn, alt)],
            ["Centres of mass of the heavy atoms of each molecule, after the motion of the cluster as a whole is taken off. D is a "
             "sixth of the slope between the times given (Einstein); its error is that of a jackknife over replicas, or parts "
             "of them. Molecules that are bound in their places wander nowhere: the displacement ends at a plateau, and D "
             "goes to 0 the longer the times are."],
        )  # fmt: skip


_COLUMNS = (
    Column("molecule", "molecule", kind="text"), Column("number", "number", digits=0),
    Column("msd_A2", "displacement²", "Å²", digits=3), Column("after_ps", "after", "ps", digits=2),
    Column("diffusion_1e-5cm2_per_s", "D", "10⁻⁵ cm²/s", digits=3),
    Column("error_1e-5cm2_per_s", "± error", "10⁻⁵ cm²/s", digits=3), Column("from_ps", "from", "ps", digits=2),
    Column("to_ps", "to", "ps", digits=2), Column("pieces", "pieces", digits=0),
)  # fmt: skip
