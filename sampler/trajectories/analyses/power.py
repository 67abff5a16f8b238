"""The power spectrum of velocities, beside the harmonic vibrations of the minimum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...text.formula import subscripts
from ..folder import Group
from ..found import Axis, Column, Figure, Found, Series
from ..frames import Molecules, Watcher
from ..harmonic import Vibrations
from ..spectrum import HIGHEST, Spectrum, lines, power_spectrum, thermal_wavenumber

_MOLECULES = 40
"""With more, molecules are told by kind."""


class Power(Watcher):
    """Needs no frames, but velocities.

    Args:
        harmonic: makes the harmonic vibrations, or says None where there are none.
    """

    def __init__(
        self,
        group: Group,
        molecules: Molecules,
        after_fs: float,
        resolution: float,
        harmonic: Callable[[], Vibrations | None],
    ):
        super().__init__(group, molecules)
        self.after_fs, self.resolution, self.harmonic = after_fs, resolution, harmonic

    def found(self) -> Found:
        from ase.data import chemical_symbols

        numbers, group = self.group.start.numbers, self.group
        parts = {"all": np.arange(len(numbers))}
        elements = {
            chemical_symbols[z]: np.flatnonzero(numbers == z) for z in sorted(set(numbers.tolist()), reverse=True)
        }
        parts |= elements if len(elements) > 1 else {}
        molecules = self._molecules()
        made = power_spectrum(
            (r.velocities(self.after_fs) for r in group.replicas), group.velocity_fs, group.masses, parts | molecules,
            self.resolution, group.step_fs,
        )  # fmt: skip
        shown = made.wavenumber <= HIGHEST
        harmonic = self.harmonic()
        sticks = np.zeros(0) if harmonic is None else harmonic.wavenumber[harmonic.wavenumber > 0]
        height = float(made.density["all"][shown].max())
        line = lambda name: Series(subscripts(name), made.wavenumber[shown], made.density[name][shown])  # noqa: E731
        drawn = [line(name) for name in parts]
        if harmonic is not None:
            drawn.append(Series("harmonic", sticks, np.full(len(sticks), 0.15 * height), sticks=True))
        rows = self._rows(made, sticks, list(elements))
        top = max(rows, key=lambda r: r[1], default=None)
        alt = f"{len(rows)} maxima, the highest at {top[0]:.0f} cm⁻¹." if top else "No maximum."
        x, y = Axis("wavenumber", "cm⁻¹"), Axis("degrees of freedom", "1/cm⁻¹")
        figures = [Figure(x, y, drawn, alt)]
        if len(molecules) > 1:
            figures.append(
                Figure(x, y, [line(name) for name in molecules], "The same by molecule.", name="by molecule")
            )
        return Found(
            "spectrum", "Power spectrum", _columns(bool(len(sticks))), rows, figures, self._sentences(made, harmonic)
        )

    def _molecules(self) -> dict[str, np.ndarray]:
        names, of = self.molecules.names, self.molecules.of_atom
        single = len(names) <= _MOLECULES
        found: dict[str, list[int]] = {}
        for m, name in enumerate(names):
            key = f"{name} {1 + sum(n == name for n in names[:m])}" if single and names.count(name) > 1 else name
            found.setdefault(key, []).extend(np.flatnonzero(of == m).tolist())
        return {f"molecule {name}": np.array(atoms) for name, atoms in found.items()} if len(names) > 1 else {}

    def _rows(self, made: Spectrum, sticks: np.ndarray, elements: list[str]) -> list[list]:
        rows = []
        for one in lines(made.wavenumber, made.density["all"]):
            if one.wavenumber > HIGHEST:
                continue
            k = int(np.argmin(np.abs(made.wavenumber - one.wavenumber)))
            moves = max(elements, key=lambda e: made.density[e][k]) if len(elements) > 1 else elements[0]
            share = made.density[moves][k] / made.density["all"][k] if len(elements) > 1 else 1.0
            near = float(sticks[np.argmin(np.abs(sticks - one.wavenumber))]) if len(sticks) else float("nan")
            rows.append(
                [one.wavenumber, one.height, moves, share, near, one.wavenumber - near][: 6 if len(sticks) else 4]
            )
        return rows

    def _sentences(self, made: Spectrum, harmonic: Vibrations | None) -> list[str]:
        kelvin = float(np.mean(self.group.kelvin))
        said = [
            "Fourier transform of the autocorrelation of mass-weighted velocities (Hann window, half-overlapping segments after "
            f"Welch, {made.segments} of them, resolution {made.resolution:.3g} cm⁻¹), normalised: the integral of the whole is "
            f"3n = {3 * len(self.group.start.numbers)} degrees of freedom, that of a part its share of the kinetic energy.",
            f"Wavenumbers are corrected for the step of {self.group.step_fs:g} fs. Nuclei are classical: at {kelvin:g} K that is "
            f"good below {thermal_wavenumber(kelvin):.0f} cm⁻¹, and faster vibrations see less of their anharmonicity than real ones.",
        ]
        if self.group.ensemble == "langevin":
            said.append("Friction broadens every line, and what moves near 0 cm⁻¹ is the cluster as a whole; --ensemble nve or "
                        "nose-hoover does neither.")  # fmt: skip
        if harmonic is not None:
            said.append(f"Sticks are the harmonic vibrations of the minimum next to the start ({harmonic.moved:.2f} Å away) at "
                        f"{harmonic.level}.")  # fmt: skip
        return said


def _columns(harmonic: bool) -> tuple[Column, ...]:
    columns = (
        Column("maximum_cm1", "maximum", "cm⁻¹", digits=1), Column("height", "height", "1/cm⁻¹", digits=4),
        Column("element", "moves most", kind="text"), Column("share", "share of it"),
        Column("harmonic_cm1", "nearest harmonic", "cm⁻¹", digits=1), Column("shift_cm1", "shift", "cm⁻¹", digits=1),
    )  # fmt: skip
    return columns if harmonic else columns[:4]
