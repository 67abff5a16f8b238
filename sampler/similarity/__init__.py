"""How alike structures are: fingerprints, permutation-invariant RMSD, duplicate removal, diverse selection."""

from .dedupe import DedupeParams, DedupeResult, dedupe
from .diversity import averaged_descriptors, farthest_points, select_diverse
from .rmsd import Match, permutation_rmsd

__all__ = [
    "DedupeParams",
    "DedupeResult",
    "Match",
    "averaged_descriptors",
    "dedupe",
    "farthest_points",
    "permutation_rmsd",
    "select_diverse",
]
