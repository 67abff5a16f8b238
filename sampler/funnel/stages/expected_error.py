"""How far off the relative energies of a potential are from those of B97-3c: what was calibrated, or what a model's card says.

Sigma grows with the square root of the number of molecules; how much, was fitted to labelled minima (docs/evidence/confidence.md), and
is kept in two files of ``data/calibration``: ``b97-3c_errors.toml``, written by ``benchmarks/confidence_b97``, and
``relative_errors.toml``, which has GFN1-xTB against ωB97X-D for molecules that no B97-3c labels exist for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import resources
from ...composition import Composition
from ...errors import InputError

TARGET = "b97-3c"
"""The level whose minimum is to be kept."""
TABLES = (("data", "calibration", "b97-3c_errors.toml"), ("data", "calibration", "relative_errors.toml"))
_REMEDY = "error_kcalmol of the stage select (sampler run --confidence 0.95 --error-kcalmol 2.5)"


@dataclass(frozen=True)
class ErrorEstimate:
    """What is known of the error of relative energies.

    Attributes:
        kcalmol: standard deviation for structures of one composition; what a selection goes by, which has to allow for
            errors that whole protonation states share.
        source: where it comes from, in words. kind: ``protocol``, ``calibration``, ``card`` or ``calibration and card``.
        scatter: standard deviation of single relative energies where it was calibrated apart, else ``kcalmol``.
        spread_factor: what the spread of a committee counts in it, in squares.
    """

    kcalmol: float
    source: str
    kind: str = "calibration"
    scatter: float | None = None
    spread_factor: float = 0.0

    @property
    def alone(self) -> float:
        """kcal/mol, of a single relative energy whose committee says nothing."""
        return self.kcalmol if self.scatter is None else self.scatter

    def of_each(self, spread: np.ndarray) -> np.ndarray:
        """(B,) kcal/mol, one standard deviation of the relative energies of structures whose committee has the ``spread``
        (kcal/mol, NaN without one)."""
        return np.hypot(self.alone, self.spread_factor * np.where(np.isnan(spread), 0.0, spread))


def expected_error(level: str, composition: Composition, models: Sequence[str] = ()) -> ErrorEstimate:
    """How far energies of a level, calculated or by trained models, are off the relative energies of B97-3c.

    What was calibrated for these very models (their weights decide, not their names) comes first. Without that, models of
    B97-3c have the error on their card, and models of another level the calibrated error of that level and the one on their
    card besides (added in squares).

    Args:
        level: e.g. ``gfn1-xtb``; of the models, where there are any. models: names or folders, all of a committee.

    Raises:
        InputError: nothing was calibrated for this level and these molecules, there are no energies, or they are B97-3c's own.
        ModelError: no such model.
    """
    own = level.partition("@")[0] == TARGET
    if not level:
        raise InputError(f"there are no energies to select by, and so no error of them; give {_REMEDY}")
    if own and not models:
        raise InputError(
            f"the energies are those of {level} itself, so no calibrated error says how many to keep; select by count or "
            f"window_kcalmol, or give {_REMEDY}"
        )
    if models:
        entry = _entry(level, composition, _weights(models))
        if entry is not None:
            return _estimate(entry, composition, f"{level} by {', '.join(models)}")
        card = model_error(*models)
        if own:
            return ErrorEstimate(card, f"{level} by {', '.join(models)}: by the card, not calibrated", "card")
        plain = expected_error(level, composition)
        words = f"{plain.source}; besides {card:.2f} of {', '.join(models)} by the card"
        return ErrorEstimate(float(np.hypot(plain.kcalmol, card)), words, "calibration and card")
    entry = _entry(level, composition, [])
    if entry is not None:
        return _estimate(entry, composition, level)
    fitting = [e["level"] for e in _table() if _covers(e, composition) and not e.get("weights_sha256")]
    what = f"only of {', '.join(dict.fromkeys(fitting))}" if fitting else f"only for {_known_molecules()}"
    raise InputError(
        f"no error of {level} was calibrated for {_molecules(composition)} ({what}); give its standard deviation: {_REMEDY}"
    )


def model_error(*models: str) -> float:
    """Standard deviation (kcal/mol) of the relative energies of trained models from those of their own level, by their card.

    The largest error of relative energies that the card has (a mean absolute one, times √(π/2) as for normal errors), or
    else the root-mean-square error of validation. Of a committee the first card's errors ``committee_…`` count, if it has
    some; otherwise these do not, nor do those of another method (``baseline_…``).

    Raises:
        ModelError: no such model. InputError: its card has neither.
    """
    from ...potentials.painn.card import read_card
    from ...potentials.trained import model_folder

    errors = read_card(model_folder(models[0])).errors
    relative = {k: v for k, v in errors.items() if k.endswith("relative_mae_energy_kcal_mol")}
    together = [v for k, v in relative.items() if k.startswith("committee_")] if len(models) > 1 else []
    alone = [v for k, v in relative.items() if not k.startswith(("committee_", "baseline_"))]
    if together or alone:
        return float(np.sqrt(np.pi / 2) * max(together or alone))
    if "validation_rmse_energy_kcal_mol" not in errors:
        raise InputError(f"the card of the model {models[0]} has no error of relative energies; give {_REMEDY}")
    return float(errors["validation_rmse_energy_kcal_mol"])


def _table() -> list[dict[str, Any]]:
    """The entries of all calibrations, those against B97-3c itself first, then by the number of molecules they cover."""
    entries = [e for name in TABLES for e in tomllib.loads(resources.path(*name).read_text(encoding="utf-8"))["error"]]
    return sorted(entries, key=lambda e: (e["against"].lower() != TARGET, len(e["molecules"])))


def _entry(level: str, composition: Composition, weights: Sequence[str]) -> dict[str, Any] | None:
    for e in _table():
        if e["level"] == level and sorted(e.get("weights_sha256", [])) == sorted(weights) and _covers(e, composition):
            return e
    return None


def _estimate(entry: dict[str, Any], composition: Composition, words: str) -> ErrorEstimate:
    grows = np.sqrt(composition.molecules())
    return ErrorEstimate(
        float(entry["kcalmol_per_sqrt_molecule"] * grows),
        f"{words} against {entry['against']}, {entry['systems']} systems",
        scatter=float(entry["scatter"] * grows) if "scatter" in entry else None,
        spread_factor=float(entry.get("spread_factor", 0.0)),
    )


def _weights(models: Sequence[str]) -> list[str]:
    from ...potentials.painn.card import read_card
    from ...potentials.trained import model_folder

    return [read_card(model_folder(m)).weights_sha256 for m in models]


def _covers(entry: dict[str, Any], composition: Composition) -> bool:
    return {f for f, n in composition.counts if n} <= set(entry["molecules"])


def _known_molecules() -> str:
    return "; ".join(dict.fromkeys(", ".join(e["molecules"]) for e in _table()))


def _molecules(composition: Composition) -> str:
    return ", ".join(f for f, n in composition.counts if n)
