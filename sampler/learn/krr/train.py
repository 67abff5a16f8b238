"""From labels to a kernel ridge regression with its card: what ``sampler train --engine krr`` does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunError
from ...potentials.krr.model import KrrModel
from ...potentials.krr.representation import Representation
from ...potentials.painn.card import ModelCard
from ...storage import write_text
from ..labels.trained_on import TRAINED, TrainedOn
from ..training.targets import Targets
from ..training.train import card_of, summary
from .fit import KrrFit, fit, require_number
from .kernel_store import BLOCK, KernelPool
from .settings import KrrSettings

_PREDICTED = 20  # structures that the time of a prediction is measured on
_NOT_FOR = (
    "anything that needs forces; elements, charges or molecules it was not trained on; clusters much larger than the trained "
    "ones without a check against its level"
)


@dataclass(frozen=True)
class KrrTrained:
    """
    Attributes:
        folder: of the training. model: the folder of the model.
        errors: of the cross-validation, kcal/mol. fit: coefficients, width, regularisation, grid.
        seconds: of one core: ``representation``, ``kernel``, ``validation``, ``solve``, and ``prediction`` of one structure.
    """

    folder: Path
    model: Path
    errors: dict[str, float]
    fit: KrrFit
    seconds: dict[str, float]


def train_krr(
    targets: Targets,
    settings: KrrSettings,
    folder: Path | str,
    kernels: Path | str | None = None,
    left_out: Mapping[str, int] | None = None,
    say: Callable[[str], None] = lambda line: None,
    start: Callable[[int], None] = lambda blocks: None,
    advance: Callable[[int], None] | None = None,
) -> KrrTrained:
    """Train a kernel ridge regression on the energies of ``targets``, direct or a correction.

    Blocks of kernels are kept as they are made: a killed training goes on when it is called again, to the same model, bit for
    bit.

    Args:
        folder: ``krr.json`` (settings, data), ``model/``.
        kernels: folder of the kernels, to share it among trainings; by default ``folder/kernels``.
        left_out: for the card. say: told the cost beforehand. start: called with the number of blocks, before the first.
        advance: called with 1 after each block.

    Raises:
        InputError: see :func:`.fit.fit`. RunError: the folder holds another training.
        MissingDependency: qmllib is not installed.
    """
    folder = Path(folder)
    require_number(len(targets), settings.folds)
    _claim(folder, settings, targets)
    elements = tuple(int(z) for z in np.unique(targets.clusters.numbers))
    pool = KernelPool(
        kernels or folder / "kernels", targets.clusters, Representation(elements, settings.cutoff), settings.precision
    )
    rows = np.arange(len(targets))
    expected = pool.cost(rows, len(settings.widths))
    blocks = -(-len(rows) // BLOCK)
    blocks = blocks * (blocks + 1) // 2
    size = len(rows) ** 2 / 2 * len(settings.widths) * np.dtype(settings.precision).itemsize / 1e6
    say(
        f"kernels of {len(rows)} structures, {len(settings.widths)} widths: about {expected:.1f} s of a core, {size:.0f} MB"
    )
    start(blocks)
    found = fit(pool, targets.energy, rows, settings, advance)
    model = KrrModel(pool.representation, found.width, targets.clusters, found.coefficients, pool.atoms)
    seconds = {k: float(f"{v:.4g}") for k, v in found.seconds.items()} | _prediction(model)
    errors = summary(found.out_of_fold - targets.energy, None, "validation_")
    TrainedOn.make(targets.clusters, np.full(len(targets), TRAINED)).save(folder / "model")
    model.save(folder / "model", _card(targets, settings, found, errors, seconds, left_out or {}))
    return KrrTrained(folder, folder / "model", errors, found, seconds)


def _claim(folder: Path, settings: KrrSettings, targets: Targets) -> None:
    """Write what this training is, or check that the folder holds the same one."""
    file, plan = folder / "krr.json", {"settings": asdict(settings), "data": targets.digest, "base": targets.base}
    plan = json.loads(json.dumps(plan))
    if (folder / "training.json").exists():
        raise RunError(f"{folder} holds the training of a network; choose another folder")
    if not file.exists():
        write_text(file, json.dumps(plan, indent=1) + "\n")
        return
    try:
        old = json.loads(file.read_text(encoding="utf-8"))
        different = [k for k, v in plan["settings"].items() if old["settings"].get(k) != v]
        different += [k for k in ("data", "base") if old[k] != plan[k]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{file} cannot be read ({error}); remove the folder, or choose another") from error
    if different:
        raise RunError(f"{folder} holds another training (differing in {', '.join(different)}); choose another folder")


def _prediction(model: KrrModel) -> dict[str, float]:
    """Seconds for one structure, its representation included."""
    some = np.unique(np.linspace(0, len(model.clusters) - 1, _PREDICTED).astype(int))
    model.predict(model.clusters[some[:1]])  # what is made once
    begin = time.process_time()
    model.predict(model.clusters[some])
    return {"prediction": float(f"{(time.process_time() - begin) / len(some):.4g}")}


def _card(
    targets: Targets,
    settings: KrrSettings,
    found: KrrFit,
    errors: dict[str, float],
    seconds: dict[str, float],
    left_out: Mapping[str, int],
) -> ModelCard:
    training: dict[str, Any] = {"engine": "krr", **asdict(settings), "structures": len(targets)}
    training |= {"width": found.width, "regularisation": found.regularisation}
    training |= {f"seconds_{k}": v for k, v in seconds.items()} | {f"left_out_{k}": n for k, n in left_out.items()}
    return card_of(targets, training, errors, _NOT_FOR)
