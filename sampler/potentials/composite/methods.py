"""The composite methods as data: functional, orbital basis, fitting basis, grid and corrections."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from ...errors import InputError

SMALL_GRID = MappingProxyType(
    {"H": (35, 146), "C": (45, 194), "N": (45, 194), "O": (45, 194), "F": (45, 194), "default": (65, 302)}
)
"""(radial shells, Lebedev points) of each element, pruned. The forces contain the response of the grid to the
displacement of the atoms, without which a grid of this size costs 2.5 times as much accuracy; see docs/evidence/b97-3c.md."""

FINE_GRID = MappingProxyType({"H": (50, 302), "default": (75, 302)})
"""For functionals that need more points: meta-GGA and wB97X-D."""


@dataclass(frozen=True)
class CompositeMethod:
    """A density functional with its basis set and its corrections.

    Attributes:
        name: the method, as ``get_potential`` knows it.
        functional: PySCF's name of the exchange-correlation functional, without any correction.
        basis: PySCF's name of the orbital basis.
        cartesian: six d functions in place of five.
        fitting: Coulomb fitting basis: a name of PySCF, or ``file:NAME`` for data/basis/NAME.
        grid: element -> (radial shells, angular points).
        dispersion: ``d3:METHOD`` (rational damping, three-body term), ``d4:METHOD``, ``d2-chg`` or ''.
        counterpoise: name of the geometric counterpoise or short-range correction in s-dftd3, or ''.
        convergence: SCF thresholds, energy [Eh] and orbital gradient.
        citation: DOI.
    """

    name: str
    functional: str
    basis: str
    fitting: str
    dispersion: str
    counterpoise: str
    citation: str
    cartesian: bool = False
    grid: MappingProxyType = field(default_factory=lambda: SMALL_GRID)
    convergence: tuple[float, float] = (1e-7, 5e-5)
    description: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """What determines the numbers, for the level of theory's file."""
        return {
            "functional": self.functional,
            "basis": self.basis + (" (Cartesian d)" if self.cartesian else ""),
            "fitting_basis": self.fitting.removeprefix("file:"),
            "dispersion": self.dispersion or "none",
            "counterpoise": self.counterpoise or "none",
            "grid": ", ".join(f"{k} {r}x{a}" for k, (r, a) in self.grid.items()) + ", pruned",
            "forces": "with the response of the grid",
            "scf_convergence": f"{self.convergence[0]:g} Eh, orbital gradient {self.convergence[1]:g}",
        }


METHODS: dict[str, CompositeMethod] = {
    m.name: m
    for m in (
        CompositeMethod(
            name="b97-3c",
            functional="GGA_XC_B97_3C",
            basis="def2-mtzvp",
            fitting="file:def2-mtzvp-j.nwchem",
            dispersion="d3:b973c",
            counterpoise="b973c",
            citation="10.1063/1.5012601",
            description="B97-3c through PySCF: GGA, RI-J, D3 with three-body term, short-range bond correction",
        ),
        CompositeMethod(
            name="r2scan-3c",
            functional="R2SCAN",
            basis="def2-mtzvpp",
            fitting="file:def2-mtzvpp-rij.nwchem",
            dispersion="d4:r2scan3c",
            counterpoise="r2scan3c",
            grid=FINE_GRID,
            citation="10.1063/5.0040021",
            description="r2SCAN-3c through PySCF: meta-GGA, RI-J, D4, geometric counterpoise",
        ),
        CompositeMethod(
            name="wb97x-d",
            functional="HYB_GGA_XC_WB97X_D",
            basis="6-31++g**",
            cartesian=True,
            fitting="",
            dispersion="d2-chg",
            counterpoise="",
            grid=FINE_GRID,
            citation="10.1039/b810189b",
            description="wB97X-D/6-31++G(d,p) through PySCF: range-separated hybrid with its D2 term",
        ),
    )
}


def get_method(name: str) -> CompositeMethod:
    """The method called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise InputError(f"no composite method is called {name!r}; known: {', '.join(METHODS)}")
    return METHODS[name]
