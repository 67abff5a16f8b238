"""sampler: configurational sampling of atmospheric molecular clusters.

One population of clusters flows through one funnel: generate, relax, identify, dedupe, select, export.
Importing this package loads no heavy library.
"""

__version__ = "0.1.0"
