"""The models that ship, as a table: what each is of, what it was trained on, how far off it is by its card."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from .painn.card import ModelCard, read_card
from .trained import model_folder, short_names

_MEASURED = ("orca_", "held_out_", "validation_")
"""Kinds of errors on a card, the one that says most first."""
_ENERGY, _FORCES = "mae_energy_kcal_mol", "mae_forces_kcal_mol_A"


def catalogue() -> list[dict[str, Any]]:
    """One row a short name; units are in the keys.

    ``largest_molecules`` is the number of molecules of the largest cluster that a model was trained on, None where its card
    does not say; ``error_on`` names what the two errors were measured on, and ``errors`` are all that the card has.
    """
    return [_row(short, models) for short, models in short_names().items()]


def trained_compositions(card: ModelCard) -> dict[str, int]:
    """The compositions that a card says it was trained on, with the number of structures; none where it says nothing."""
    told = re.findall(r"(\d+) (\w+)", card.notes.partition("trained and validated on ")[2])
    return {name: int(n) for n, name in told}


def trained_sizes(card: ModelCard) -> dict[int, int]:
    """Number of molecules -> structures of that size that a card says it was trained on, in ascending order."""
    found: Counter[int] = Counter()
    for name, count in trained_compositions(card).items():
        found[molecules_in(name)] += count
    return dict(sorted(found.items()))


def molecules_in(composition: str) -> int:
    """7 of ``4sa3am``, as cards and data sets name compositions."""
    return sum(map(int, re.findall(r"(\d+)[a-z]", composition)))


def _row(short: str, models: tuple[str, ...]) -> dict[str, Any]:
    card = read_card(model_folder(models[0]))
    errors = _errors(card, len(models) > 1)
    kind = next((k for prefix in _MEASURED for k in errors if k.startswith(prefix) and k.endswith(_ENERGY)), "")
    on = kind.removesuffix(f"_{_ENERGY}")
    return {
        "name": short,
        "models": list(models),
        "level": card.level,
        "correction_to": card.base_level,
        "molecules": list(card.monomers),
        "charges": list(card.charges),
        "largest_molecules": max(trained_sizes(card), default=None),
        "error_on": on,
        "mae_energy_kcal_mol": errors.get(f"{on}_{_ENERGY}"),
        "mae_forces_kcal_mol_A": errors.get(f"{on}_{_FORCES}"),
        "errors": errors,
        "not_for": card.not_for,
    }


def _errors(card: ModelCard, committee: bool) -> dict[str, float]:
    """Those of the model itself, or of the committee that it is the first of."""
    prefix = "committee_"
    own = {k: v for k, v in card.errors.items() if k.startswith(prefix) == committee and not k.startswith("baseline_")}
    return {k.removeprefix(prefix): v for k, v in own.items()}
