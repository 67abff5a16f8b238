"""Exchange with other programs: files in, files out, and into the funnel."""

from .entry import Entry, enter
from .formats import FORMATS, read_any, read_population, write_any
from .imported import Population

__all__ = ["FORMATS", "Entry", "Population", "enter", "read_any", "read_population", "write_any"]
