"""sampler: configurational sampling of atmospheric molecular clusters.

One population of clusters flows through one funnel: generate, relax, identify, dedupe, select, export.
Importing this package loads no heavy library.
"""

from .version import __version__

__all__ = ["__version__"]
