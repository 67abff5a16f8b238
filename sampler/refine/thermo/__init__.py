"""Thermochemistry: from frequencies to free energies of clusters. Inside eV, eV/K, cm⁻¹; see docs/guides/free-energies.md."""

from .ensemble import Ensemble, ensemble
from .formation import Difference, actual_gibbs, binding, difference, partial_pressure
from .losses import losses, splits
from .rrho import Conditions, Species, Thermo, Treatment, contributions, thermochemistry
from .scaling import Scaling, scaling, scaling_methods
from .symmetry import PointGroup, point_group

__all__ = [
    "Conditions",
    "Difference",
    "Ensemble",
    "PointGroup",
    "Scaling",
    "Species",
    "Thermo",
    "Treatment",
    "actual_gibbs",
    "binding",
    "contributions",
    "difference",
    "ensemble",
    "losses",
    "partial_pressure",
    "point_group",
    "scaling",
    "scaling_methods",
    "splits",
    "thermochemistry",
]
