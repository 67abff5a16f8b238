"""From labels to a model: the front of both training engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...columns import COMPOSITION
from ...errors import InputError, ModelError, RunError
from ...potentials.painn.card import ModelCard, load_model, save_model
from ...potentials.painn.parameters import Architecture, PaiNNParameters
from ...potentials.painn.widen import fits, widen
from ...potentials.trained import model_folder
from ...storage import write_text
from ...units import KCAL_PER_MOL
from ..labels.dataset import SAME_MONOMER, split
from ..labels.engine_names import same_engine
from ..labels.trained_on import TRAINED, VALIDATED, TrainedOn
from .settings import SHAPE, TrainSettings
from .shortest_distances import closest_distances
from .targets import Targets

_NOT_FOR = (
    "elements, charges or molecules it was not trained on; clusters much larger than the trained ones without a check "
    "against its level; barriers, spectra or bulk phases; interactions beyond its cutoff"
)


@dataclass(frozen=True)
class Trained:
    """What a training left in its folder.

    Attributes:
        folder: the run. model: the best model. errors: on the validation structures, kcal/mol and kcal/mol/Å.
        epochs: run in all. best_epoch: the one that was kept.
    """

    folder: Path
    model: Path
    errors: dict[str, float]
    epochs: int
    best_epoch: int


def train(
    targets: Targets,
    settings: TrainSettings,
    folder: Path | str,
    init: Path | str | None = None,
    taught: int = 0,
    left_out: Mapping[str, int] | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = lambda line: None,
    stop_after: int | None = None,
    after_epoch: Callable[[list[dict]], None] | None = None,
) -> Trained:
    """Train a PaiNN on ``targets``; a killed training goes on where it stopped when it is called again.

    Args:
        folder: ``training.json`` (settings, data), ``state.*`` (resume), ``curves.csv``, ``curves.png``, ``model/``.
        init: a model (its folder, or the name of one that ships) whose weights are the start (transfer). A smaller network (features, interactions) is
            widened, without a change of what it computes.
        taught: so many structures, the last, have labels of a model: they are trained on and never validated on.
        left_out: reason -> structures, for the card: see :class:`sampler.learn.labels.prepare.Prepared`.
        say: told in one line what should be known of the validation structures.
        after_epoch: of the fast engine; see :func:`.fast_engine.train_fast`.

    A structure that ``init`` was trained on is validated on only where there is no other.

    Raises:
        RunError: the folder holds a training with other settings, data or start, or files that are damaged.
        ModelError: ``init`` has another architecture.
        InputError: too few structures; ions, for a network with charges; ``after_epoch`` with another engine.
    """
    folder = Path(folder)
    if after_epoch is not None and settings.engine != "fast":
        raise InputError(f"a training is watched epoch by epoch with the engine fast alone, not {settings.engine}")
    if settings.charge_width and targets.clusters.charge.any():
        first = targets.clusters.ids[np.flatnonzero(targets.clusters.charge)[0]]
        raise InputError(
            f"structure {first} is an ion; a network with charges (charge_width) is for neutral clusters: leave ions out"
        )
    start, origin, new_charges = _start(settings, init)
    _claim(folder, settings, targets, origin, taught)
    own = len(targets) - taught
    train_on, validate_on, noted = np.arange(own), np.zeros(0, np.int64), {}
    seen = TrainedOn.of(model_folder(init)) if init is not None else None
    if settings.validation:
        known = seen.use_of(targets.clusters[np.arange(own)]) == TRAINED if seen else None
        train_on, validate_on = split(own, settings.validation, settings.seed, known)
        if init is not None:
            noted = _seen_before(init, seen, known, validate_on, say)
    train_on = np.concatenate([train_on, np.arange(own, len(targets))])
    if new_charges and not any((folder / name).exists() for name in ("state.npz", "state.ckpt")):
        from .charge_start import start_charges

        start = start_charges(start, targets, settings.seed)
    if settings.engine == "fast":
        from .fast_engine import train_fast

        engine: Callable[..., tuple[PaiNNParameters, list]] = train_fast
    else:
        from .schnetpack_engine import train_schnetpack

        engine = train_schnetpack
    watched = {"after_epoch": after_epoch} if after_epoch is not None else {}
    params, rows = engine(
        start, targets, train_on, validate_on, settings, folder, quiet=quiet, stop_after=stop_after, **watched
    )
    from .fast_engine import validation_errors

    e, f = validation_errors(params, targets, validate_on if len(validate_on) else train_on)
    errors = summary(e, f, "validation_" if len(validate_on) else "training_")
    best = min(range(len(rows)), key=lambda k: rows[k]["validation_loss"]) + 1
    card = make_card(targets, settings, errors, len(train_on), origin, best)
    noted |= {f"left_out_{k}": n for k, n in (left_out or {}).items()} | ({"taught": taught} if taught else {})
    card = card.replace(training=card.training | noted)
    use = np.full(len(targets), TRAINED)
    use[validate_on] = VALIDATED
    record = TrainedOn.make(targets.clusters, use, complete=init is None or seen is not None)
    TrainedOn.join([seen, record] if seen else [record]).save(folder / "model")
    save_model(folder / "model", params, card)
    return Trained(folder, folder / "model", errors, len(rows), best)


def _seen_before(
    init: Path | str,
    seen: TrainedOn | None,
    known: np.ndarray | None,
    validate_on: np.ndarray,
    say: Callable[[str], None],
) -> dict[str, int | str]:
    """For the card: how many validation structures the starting weights were trained on."""
    count = int(known[validate_on].sum()) if known is not None else 0
    if count:
        say(
            f"{init} was trained on {count} of the {len(validate_on)} validation structures; their errors are too small"
        )
    elif seen is None or not seen.complete:
        say(
            f"{init} does not say which structures it was trained on; where validation structures are among them, the "
            "validation errors are too small"
        )
        return {"validation_seen_by_init": "unknown"}
    return {"validation_seen_by_init": count}


def summary(energy: np.ndarray, forces: np.ndarray | None, prefix: str = "") -> dict[str, float]:
    """Errors in eV (B,) and eV/Å (n,), if any are known, as named numbers in the user's units."""
    found: dict[str, float] = {}
    for name, errors in (("energy_kcal_mol", energy), ("forces_kcal_mol_A", forces)):
        if errors is not None:
            error = np.abs(errors) / KCAL_PER_MOL
            found |= {
                f"mae_{name}": error.mean(),
                f"rmse_{name}": np.sqrt((error**2).mean()),
                f"max_{name}": error.max(),
            }
    return {prefix + k: float(f"{v:.4g}") for k, v in found.items()}


def make_card(
    targets: Targets, settings: TrainSettings, errors: dict[str, float], structures: int, origin: str, best_epoch: int
) -> ModelCard:
    """The card of a network trained on ``targets``."""
    training = asdict(settings) | {"structures": structures, "best_epoch": best_epoch}
    return card_of(targets, training | ({"init": origin} if origin else {}), errors, _NOT_FOR)


def card_of(targets: Targets, training: dict[str, Any], errors: dict[str, float], not_for: str) -> ModelCard:
    """The card of whatever was learnt from ``targets``: what it knows is what they hold."""
    from ase.data import chemical_symbols

    c = targets.clusters
    closest = closest_distances(c)
    compositions, counts = np.unique(c.columns.get(COMPOSITION, np.array([], str)), return_counts=True)
    return ModelCard(
        level=targets.level,
        elements=tuple(chemical_symbols[z] for z in np.unique(c.numbers)),
        charges=tuple(np.unique(c.charge).tolist()),
        min_distance=round(0.98 * min(closest.values(), default=0.0), 3),
        closest=closest,
        base_level=targets.base,
        data_hash=targets.digest,
        training=training,
        errors=errors,
        not_for=not_for,
        notes="trained and validated on " + ", ".join(f"{n} {name}" for name, n in zip(compositions, counts)),
        **targets.references,
    )


def _start(settings: TrainSettings, init: Path | str | None) -> tuple[PaiNNParameters, str, bool]:
    """Weights, where they come from, and whether they have charges that nothing has trained."""
    architecture = Architecture(**{name: getattr(settings, name) for name in SHAPE})
    new_charges = settings.charge_width > 0
    if init is None:
        return PaiNNParameters.random(architecture, seed=settings.seed), "", new_charges
    params, card = load_model(model_folder(init))
    new_charges = new_charges and not params.architecture.charge_width
    if params.architecture != architecture:
        if not fits(params.architecture, architecture):
            raise ModelError(
                f"{init} has the architecture {params.architecture}, the settings ask for {architecture}; "
                "give the options of the model to start from"
            )
        params = widen(params, architecture, settings.seed)
    if params.energy_unit != 1.0 or params.mean or params.atomref is not None:
        raise ModelError(f"{init} does not predict plain eV (a foreign model?); it cannot be a start")
    return params, f"{card.level} {card.weights_sha256[:16]}", new_charges


def _claim(folder: Path, settings: TrainSettings, targets: Targets, origin: str, taught: int) -> None:
    """Write what this training is, or check that the folder holds the same one."""
    plan: dict[str, Any] = {
        "settings": asdict(settings),
        "data": targets.digest,
        "base": targets.base,
        "base_engine": targets.base_engine,
        "references_eV": _energies(targets.references),
        "init": origin,
        "taught": taught,
    }
    text = json.dumps(plan, indent=1)
    file = folder / "training.json"
    if not file.exists():
        write_text(file, text + "\n")
        return
    try:
        old = json.loads(file.read_text(encoding="utf-8"))
        settings_then = dict(old["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} cannot be read ({error}); remove the folder, or choose another") from error
    different = [k for k, v in plan["settings"].items() if settings_then.get(k, vars(TrainSettings())[k]) != v]
    different += [k for k in ("data", "base", "init") if old.get(k) != plan[k]]
    different += ["taught"] if old.get("taught", 0) != taught else []
    missing = [k for k in ("references_eV", "base_engine") if k not in old]
    if missing and not different:
        raise RunError(
            f"{folder} holds a training of an older version that does not say its {', '.join(missing)}, so that it cannot be "
            "known to be this one; choose another folder"
        )
    if not missing:
        different += [] if same_engine(old["base_engine"], targets.base_engine) else ["base_engine"]
        different += [] if _same_energies(old["references_eV"], plan["references_eV"]) else ["monomer energies"]
    if different:
        raise RunError(f"{folder} holds another training (differing in {', '.join(different)}); choose another folder")


def _energies(references: Mapping[str, Any]) -> dict[str, float]:
    """Monomer, or element -> eV, of what a card holds."""
    return {
        name: float(getattr(value, "energy", value)) for table in references.values() for name, value in table.items()
    }


def _same_energies(one: dict[str, float], other: dict[str, float]) -> bool:
    return one.keys() == other.keys() and all(abs(one[k] - other[k]) <= SAME_MONOMER for k in one)
