"""Random keys: what the random numbers of one piece of work depend on, and nothing else.

A key is made of the seed of the whole run and of what names the piece, so that the numbers are the same with any number
of workers, in any order, and after a kill. Every seeded draw of the package takes its key from here.
"""

from __future__ import annotations

import hashlib

import numpy as np


def named_key(seed: int, name: str, number: int) -> np.random.SeedSequence:
    """The key of piece ``number`` of what ``name`` says, such as ``"hop 2sa2am"``; independent of those of other names."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], "<u4").tolist()
    return np.random.SeedSequence(seed, spawn_key=(*words, int(number)))


def numbered_key(seed: int, purpose: int, *numbers: int) -> np.random.SeedSequence:
    """The key of a draw with a ``purpose``, one number for each kind of draw, and what counts it (an epoch, a chunk)."""
    return np.random.SeedSequence([seed, purpose, *numbers])
