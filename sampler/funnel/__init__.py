"""The funnel: protocols (what to do), stages (the doing) and the run directory (what was done)."""
