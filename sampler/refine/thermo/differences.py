"""What differences of forces ask of a potential: the step, and how tight an SCF must be."""

from __future__ import annotations

from typing import Any

from ...potentials.xtb_parameters import method_of

_STEP = 0.005
# A network's surface is rough at the scale of 0.001 Å, and minima sit in its dents: O–H stretches of the shipped models
# come out 250 cm⁻¹ too stiff with steps below 0.005 Å.
_NETWORK_STEP = 0.01


def step_for(network: bool) -> float:
    """Å, how far atoms are displaced for a Hessian of a trained network or of a method."""
    return _NETWORK_STEP if network else _STEP


def tight_options(potential: str) -> dict[str, Any]:
    """Options of a potential by name with which differences of its forces are smooth."""
    return {"accuracy": 0.1} if method_of(potential) in ("gfn1-xtb", "gfn2-xtb") else {}
