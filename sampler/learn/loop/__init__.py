"""Models for one composition, taught while its search goes on: sample, ask a committee, label, fine-tune, again."""

from __future__ import annotations

from .asked import Learn
from .loop import Learnt, learn

__all__ = ["Learn", "Learnt", "learn"]
