"""Protocols that take no time, for tests of all that is around a run."""

TOY = """
name = "toy"
description = "fast stages for tests"
[[stage]]
kind = "generate"
candidates = 12
chunk = 6
[[stage]]
kind = "relax"
potential = "lennard-jones"
max_steps = 5
chunk = 6
[[stage]]
kind = "select"
count = 6
[export]
preset = "sp"
count = 3
"""
