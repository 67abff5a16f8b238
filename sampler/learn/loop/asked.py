"""What a closed loop is asked for, and the models that it starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...composition import Composition
from ...errors import InputError
from ...levels import separated
from ...monomers import MonomerLibrary
from ..sampling.sample import Sampling

MEMBERS = (7, 42, 69)
"""Seeds of the committee, as in doi:10.1039/D4VA00255E."""


@dataclass(frozen=True)
class Learn:
    """How a closed loop learns.

    Attributes:
        level: of the labels: a potential or a level, such as ``gfn1-xtb`` or ``b97-3c``.
        count: labels a round. rounds: of sampling, labels and training.
        steps: of training, of each member in each round; from random weights five times as many.
        sampling: how structures are found, of which some are labelled.

    Raises:
        InputError: a number below one.
    """

    level: str
    count: int = 150
    rounds: int = 3
    steps: int = 1500
    sampling: Sampling = Sampling()

    def __post_init__(self):
        for name in ("count", "rounds", "steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} of a closed loop is {getattr(self, name)}; it must be at least 1")


def starts(level: str, composition: Composition, library: MonomerLibrary) -> tuple[str, ...]:
    """The models that ship, of this level, that know the elements of a composition, most seeds first; () where none does.

    A model that was never trained on the molecules is still a better start than random weights: it knows bonds.
    """
    fitting = list(_fitting(level, composition, library))
    return max(fitting, key=len, default=())


def knows(models: tuple[str, ...], composition: Composition, library: MonomerLibrary) -> bool:
    """Whether the models have an energy for the molecules of a composition, so that they can drive a sampling of it."""
    from ...potentials.painn.card import read_card
    from ...potentials.trained import model_folder

    needed = {m for s in separated(composition, library) for m in s}
    return bool(models) and needed <= set(read_card(model_folder(models[0])).monomers)


def _fitting(level: str, composition: Composition, library: MonomerLibrary) -> Iterator[tuple[str, ...]]:
    from ase.data import chemical_symbols

    from ...potentials.painn.card import read_card
    from ...potentials.trained import model_folder, short_names

    needed = {chemical_symbols[z] for s in separated(composition, library) for m in s for z in library[m].numbers}
    for models in short_names().values():
        card = read_card(model_folder(models[0]))
        if card.level.partition("@")[0] == level.partition("@")[0] and not card.base_level:
            if needed <= set(card.elements):
                yield models
