"""Candidate structures: random packings and explorations of rigid molecules, for every protonation state."""

from .candidates import generate, molecule_index, run_chunk
from .chunk_plan import ChunkSpec, plan
from .exploration import Exploration, ExploreParams, explore

__all__ = ["ChunkSpec", "Exploration", "ExploreParams", "explore", "generate", "molecule_index", "plan", "run_chunk"]
