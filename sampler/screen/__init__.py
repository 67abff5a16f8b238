"""Screens: one protocol for a grid of compositions, a run directory each, and one table of all."""
