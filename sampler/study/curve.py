"""Learning curves: the error of a test set against the number of structures that a model learnt from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, LevelError, MissingDependency
from ..learn.training.settings import TrainSettings
from ..monomers import MonomerLibrary
from .data import DELTA, DIRECT, KeptBase, Pair, StudyData, pair_of
from .engines import ENGINES
from .folder import Study
from .queue import KERNELS, MODELS, WORK
from .samples import Samples
from .training import Task, Training


@dataclass(frozen=True)
class Target:
    """What a curve is drawn of: an engine, what it learns (DIRECT or DELTA), and whether of energies alone.

    ``most``: structures it can take. In a plot it is called ``label``.
    """

    name: str
    engine: str
    of: str
    energies_only: bool
    label: str
    most: int = 10**9


TARGETS = {
    t.name: t
    for t in (
        Target("energies", "painn", DIRECT, True, "PaiNN, ΔE"),
        Target("forces", "painn", DIRECT, False, "PaiNN, ΔE and F"),
        Target("delta", "painn", DELTA, False, "PaiNN Δ"),
        Target("krr", "krr", DIRECT, True, "KRR", 2000),
        Target("krr-delta", "krr", DELTA, True, "KRR Δ", 2000),
    )
}


@dataclass(frozen=True)
class CurvePlan:
    """
    Attributes:
        sizes: of the training sets, validation included. repeats: of each, with other structures and another seed.
        targets: of TARGETS. settings: of a network; its ``energy_share`` is 1 where energies alone are learnt.
        steps: of a training, whatever its size; 0: ``settings.epochs`` epochs. seed: of everything random.
        independent: see :class:`.samples.Samples`. base: level of the cheaper method, '' without a Δ target.
        keep: keep the models.
    """

    sizes: tuple[int, ...]
    repeats: int
    targets: tuple[str, ...]
    settings: TrainSettings
    steps: int = 0
    seed: int = 42
    independent: bool = False
    base: str = ""
    keep: bool = False

    @property
    def needs_base(self) -> bool:
        return any(TARGETS[t].of == DELTA for t in self.targets)

    def parameters(self) -> dict[str, Any]:
        told = {k: v for k, v in asdict(self).items() if k != "keep"}
        return told | {"samples": Samples(0, 0, self.independent).in_words(), "repeat_seeds": "seed + repeat - 1"}

    def trainings(self, data: StudyData) -> list[Training]:
        """Small ones first, so that a curve is there early.

        Raises:
            InputError: a size that the data do not have, or that no target takes; forces that they do not have.
        LevelError: the base is of the level of the labels.
        """
        self._check(data)
        made = []
        for size in sorted(set(self.sizes)):
            for name in self.targets:
                target = TARGETS[name]
                for repeat in range(1, self.repeats + 1) if size <= target.most else ():
                    made.append(self._training(target, size, repeat, data))
        return made

    def _training(self, target: Target, size: int, repeat: int, data: StudyData) -> Training:
        seed = self.seed + repeat - 1
        settings = settings_of(target, self.settings, size, self.steps, seed, data)
        work = size * settings["epochs"] if target.engine == "painn" else size * (1 + size // 50)
        name = f"{target.name}-{size:06d}-{repeat}"
        return Training(name, target.engine, target.name, size, repeat, seed, settings, work)

    def _check(self, data: StudyData) -> None:
        most = len(data.train)
        for size in self.sizes:
            if not 2 <= size <= most:
                raise InputError(f"a training of {size} structures; the set to train on has {most} without its copies")
            if all(size > TARGETS[t].most for t in self.targets):
                raise InputError(f"{size} structures are more than {' and '.join(self.targets)} can learn from")
        if any(TARGETS[t].engine == "krr" for t in self.targets) and not _qmllib():
            raise MissingDependency("qmllib", "kernel ridge regression", "krr")
        for name in self.targets:
            if TARGETS[name].engine not in ENGINES:
                raise InputError(
                    f"{name}: this version has no engine {TARGETS[name].engine}; engines: {', '.join(ENGINES)}"
                )
        if self.base == data.level:
            raise LevelError(
                f"labels and base are both {self.base}; take another --base, or leave delta out of --targets"
            )
        if "forces" in self.targets and data.train.clusters.forces is None:
            raise InputError("the labels to train on hold no forces; leave forces out of --targets")


def settings_of(
    target: Target, settings: TrainSettings, size: int, steps: int, seed: int, data: StudyData
) -> dict[str, Any]:
    """All settings of one training as plain values."""
    if target.engine != "painn":
        return {"seed": seed}
    if target.energies_only or data.train.clusters.forces is None:
        settings = settings.replace(energy_share=1.0)
    if steps:
        settings = settings.replace(epochs=max(1, round(steps / steps_of(settings, size))))
    return asdict(settings.replace(seed=seed))


def steps_of(settings: TrainSettings, size: int) -> int:
    """Steps of an epoch of a training with ``size`` structures."""
    held = max(1, round(size * settings.validation)) if settings.validation else 0
    return -(-(size - held) // settings.batch_size)


def default_targets(data: StudyData, base: str) -> tuple[str, ...]:
    """All that the data and this version allow; ``base``: level of the cheaper method."""
    forces = data.train.clusters.forces is not None
    allowed = [t for t in TARGETS.values() if t.engine in ENGINES and (forces or t.name != "forces")]
    allowed = [t for t in allowed if t.engine != "krr" or _qmllib()]
    return tuple(t.name for t in allowed if t.of != DELTA or base != data.level)


def _qmllib() -> bool:
    from importlib.util import find_spec

    return find_spec("qmllib") is not None


def study_of(folder: Path, data: StudyData, plan: CurvePlan) -> Study:
    question = (
        f"How does the error at {len(data.test)} test structures fall with the number of structures a model learns from, at "
        f"{data.level}?"
    )
    return Study(folder, "curve", question, data.level, data.files, plan.parameters())


def tasks(
    study: Study, data: StudyData, plan: CurvePlan, library: MonomerLibrary, base: KeptBase | None
) -> Callable[[Training], Task]:
    """What makes a task of a training; targets are made once."""
    kinds: dict[str, Pair] = {}
    for name in plan.targets:
        of = TARGETS[name].of
        if of not in kinds:
            kinds[of] = pair_of(data, library, base if of == DELTA else None)
    samples = Samples(len(data.train), plan.seed, plan.independent)

    def task(training: Training) -> Task:
        pair = kinds[TARGETS[training.target].of]
        rows = samples.rows(training.size, training.repeat)
        folder = study.folder / WORK / training.name
        model = study.folder / MODELS / training.name if plan.keep else None
        return Task(training, pair.part(rows), pair.test, folder, model, kernels=study.folder / KERNELS)

    return task
