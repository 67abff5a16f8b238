"""The stages of the funnel, by name. Each is a thin layer over the room that does the work."""

from __future__ import annotations

from .anneal import Anneal
from .base import Stage
from .dedupe import Dedupe
from .exchange import Exchange
from .generate import Generate
from .grow import Grow
from .hop import Hop
from .identify import Identify
from .orca import Orca
from .refine import Refine
from .relax import Relax
from .select import Select

STAGES: dict[str, type[Stage]] = {
    "generate": Generate,
    "grow": Grow,
    "relax": Relax,
    "identify": Identify,
    "dedupe": Dedupe,
    "select": Select,
    "hop": Hop,
    "anneal": Anneal,
    "exchange": Exchange,
    "refine": Refine,
    "orca": Orca,
}
"""Name in a protocol -> stage."""
