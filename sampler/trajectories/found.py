"""What an analysis found: a table, figures, and sentences about both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Column:
    """Of a table; ``kind`` is ``number`` or ``text``, ``digits`` those that people see behind the point."""

    key: str
    name: str
    unit: str = ""
    kind: str = "number"
    digits: int = 2


@dataclass(frozen=True)
class Axis:
    """What it is, and its unit ('' for none)."""

    name: str
    unit: str = ""


@dataclass(frozen=True)
class Series:
    """(K,) and (K,); ``sticks`` are lines from zero to each point."""

    name: str
    x: np.ndarray
    y: np.ndarray
    sticks: bool = False


@dataclass(frozen=True)
class Figure:
    """One picture: ``marks`` is ``curve`` or ``steps``; ``alt`` says in words what is to be seen, ``name`` what sets it apart."""

    x: Axis
    y: Axis
    series: Sequence[Series]
    alt: str
    marks: str = "curve"
    name: str = ""


@dataclass(frozen=True)
class Found:
    """The result of one analysis of the replicas of one structure.

    Attributes:
        name: of the analysis; files are called like it. title: for people. columns, rows: the table. figures: pictures, one
            or more, drawn below each other. sentences: what it is and what to be careful of.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    figures: Sequence[Figure]
    sentences: Sequence[str] = field(default_factory=tuple)
