"""Local minimisation of many structures at once."""

from .driver import relax
from .params import CRITERIA, Criteria, RelaxParams

__all__ = ["CRITERIA", "Criteria", "RelaxParams", "relax"]
