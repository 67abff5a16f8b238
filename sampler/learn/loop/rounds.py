"""One round of a closed loop: structures are sampled, some are chosen, labelled and learnt from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...columns import CPU_SECONDS, FAILURE
from ...composition import Composition
from ...errors import InputError
from ...monomers import MonomerLibrary
from ...potentials.base import Potential
from ...random_keys import numbered_key
from ...storage import write_text
from ...units import KCAL_PER_MOL
from ..labels.dataset import LabelSet
from ..labels.label import collect, label
from ..labels.labels_file import label_set
from ..labels.provenance import content
from ..sampling.committee_query import disagreement
from ..sampling.near_duplicates import distinct
from ..sampling.sample import LARGEST_FORCE, SamplingRun, run_sampling, sane
from ..training.settings import RECIPES, SHAPE, TrainSettings
from .asked import MEMBERS, Learn

LABELS, LEDGER = "labels", "round.json"
_NEW = 0.1
"""Å; nearer ones to what is labelled, or chosen already, are not new."""
_MOST_DISPUTED = 5.0
"""eV/Å; what models differ on more lies outside all sense, such as atoms on top of each other."""
_POOL = 4
"""Structures sampled for each one that is labelled."""
_RANDOM_SHAPE = {"n_atom_basis": 64, "n_interactions": 3}


@dataclass(frozen=True)
class Round:
    """Round ``number`` (from 0) in its own folder below ``root``.

    Attributes:
        driver: samples: the committee of the round before, models that ship, or the labeller itself.
        before: models that the members start from, none for random weights. candidates: structures to label in any case.
    """

    root: Path
    number: int
    how: Learn
    composition: Composition
    library: MonomerLibrary
    seed: int
    labeller: Potential
    driver: Potential
    before: tuple[str, ...]
    candidates: Clusters
    workers: int | str
    say: Callable[[str], None]

    @property
    def folder(self) -> Path:
        return self.root / f"round-{self.number:02d}"

    def done(self) -> dict[str, Any] | None:
        """The ledger of a finished round; None where it is not finished."""
        try:
            return json.loads((self.folder / LEDGER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def run(self) -> dict[str, Any]:
        """All of it; what an earlier call has finished is taken from there.

        Raises:
            InputError: nothing could be labelled.
        """
        if found := self.done():
            return found
        chosen, told = self._chosen()
        labels = self._labels(chosen)
        ids, failed = set(chosen.ids.tolist()), self._failed(chosen)
        new = labels.subset(np.array([i in ids for i in labels.clusters.ids.tolist()], bool))
        ledger: dict[str, Any] = {
            "round": self.number, "level": self.labeller.level, "driver": self.driver.level, **told, "labelled": len(new),
            "failed": failed, "large_forces": len(chosen) - len(new) - sum(failed.values()), "labels": len(labels),
            "before": _errors(self.driver, new),
        }  # fmt: skip
        members = self._trained(labels)
        after = {k: float(np.mean([m[1][k] for m in members])) for k in members[0][1]}
        ledger |= {"models": [str(m[0].relative_to(self.root)) for m in members], "validation": after}
        write_text(self.folder / LEDGER, json.dumps(ledger, indent=1, ensure_ascii=False) + "\n")
        self.say(_words(ledger, self.how.rounds))
        return ledger

    # ---- what is labelled ------------------------------------------------------------------------------------------

    def _chosen(self) -> tuple[Clusters, dict[str, Any]]:
        path, told = self.folder / "chosen.npz", self.folder / "chosen.json"
        if not path.exists() or not told.exists():
            chosen, why = self._choose()
            write_text(told, json.dumps(why) + "\n")
            chosen.save(path)
        return Clusters.load(path), json.loads(told.read_text(encoding="utf-8"))

    def _choose(self) -> tuple[Clusters, dict[str, Any]]:
        """Candidates first, then what the committee differs on most; where there is none, at random."""
        known, pool = self._known(), self._pool()
        given = self.candidates[np.flatnonzero(distinct(self.candidates, _NEW, known))[: self.how.count]]
        order, spread = self._order(pool)
        ranked = pool[order].replace(columns={})
        new = np.flatnonzero(distinct(ranked, _NEW, Clusters.concatenate([known.replace(columns={}), given])))
        chosen = Clusters.concatenate([given, ranked[new[: self.how.count - len(given)]]])
        ids = np.array([f"r{self.number}-{i:04d}" for i in range(len(chosen))])
        why: dict[str, Any] = {
            "pool": len(pool),
            "candidates": len(given),
            "chosen": len(chosen),
            "refused": int(np.isnan(spread).sum()),
        }
        if np.isfinite(spread).any():
            why["largest_disagreement_eV_per_A"] = float(np.nanmax(spread))
            why["median_disagreement_eV_per_A"] = float(np.nanmedian(spread))
        return chosen.replace(ids=ids), why

    def _order(self, pool: Clusters) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the pool, the most wanted first, and the disagreement; what the models refuse comes before all."""
        rng = np.random.default_rng(numbered_key(self.seed, 811, self.number))
        if len(self.driver.models) < 2:
            return rng.permutation(len(pool)), np.zeros(0)
        spread = disagreement(pool, self.driver)
        order = np.argsort(-np.where(np.isnan(spread), np.inf, spread), kind="stable")
        return order[~(spread[order] > _MOST_DISPUTED)], spread

    def _pool(self) -> Clusters:
        """What the driver meets: minima, hot clusters, displaced atoms; sampled anew with each round's models."""
        name = self.composition.name(self.library)
        wanted, how = {name: _POOL * self.how.count}, self.how.sampling
        run = SamplingRun(
            self.folder / "pool", wanted, how, content(self.driver), "", self.seed + self.number, library=self.library
        )
        workers = self.workers if isinstance(self.workers, int) else 1
        self.say(f"learn {self.number + 1}/{self.how.rounds}: sampling {name} with {self.driver.level}")
        for _ in run_sampling(run, self.driver, None, workers):
            pass
        return run.collect().without_energies()

    def _known(self) -> Clusters:
        folder = self.root / LABELS
        return collect(folder).without_energies() if (folder / "level.json").exists() else Clusters.empty()

    def _labels(self, chosen: Clusters) -> LabelSet:
        folder = self.root / LABELS
        label(chosen[:1], self.labeller, folder)
        seconds = _seconds(folder)
        self.say(
            f"learn {self.number + 1}/{self.how.rounds}: {len(chosen)} labels of {self.labeller.level}, "
            f"about {seconds:.2g} s of a core each"
        )
        label(chosen, self.labeller, folder, workers=self.workers)
        found = collect(folder)
        mine = np.array([int(i[1:].partition("-")[0]) <= self.number for i in found.ids.tolist()], bool)
        found = found[mine & sane(found, LARGEST_FORCE)]
        if not len(found):
            raise InputError(f"no structure could be labelled at {self.labeller.level}; {folder} says why")
        name = self.composition.name(self.library)
        return label_set(found.with_columns(composition=np.full(len(found), name)), self.library, source=folder)

    def _failed(self, chosen: Clusters) -> dict[str, int]:
        failed = collect(self.root / LABELS, failures=True)
        ids = set(chosen.ids.tolist())
        reasons = zip(failed.ids.tolist(), failed.columns.get(FAILURE, np.zeros(0, str)).tolist())
        return dict(Counter(str(why).split(":")[0] for i, why in reasons if i in ids))

    # ---- what is learnt --------------------------------------------------------------------------------------------

    def _trained(self, labels: LabelSet) -> list[tuple[Path, dict[str, float]]]:
        from ...workers.pool import unordered
        from ...workers.worker import Died

        tasks = [_Member(self, labels, i) for i in range(len(MEMBERS))]
        self.say(f"learn {self.number + 1}/{self.how.rounds}: training {len(tasks)} models on {len(labels)} labels")
        workers = self.workers if isinstance(self.workers, int) else 1
        if workers == 1:
            return [task() for task in tasks]
        made: dict[int, tuple[Path, dict[str, float]]] = {}
        for i, result in unordered(_train, tasks, workers):
            made[i] = tasks[i]() if isinstance(result, Died) else result
        return [made[i] for i in range(len(tasks))]


@dataclass(frozen=True)
class _Member:
    """One training; called again it goes on where it was stopped."""

    round: Round
    labels: LabelSet
    index: int

    def __call__(self) -> tuple[Path, dict[str, float]]:
        from ...potentials.trained import model_folder
        from ..training.targets import direct_targets
        from ..training.train import train

        r = self.round
        init = model_folder(r.before[self.index % len(r.before)]) if r.before else None
        targets = direct_targets(self.labels, r.library)
        settings = _settings(init, len(targets), r.how.steps, MEMBERS[self.index])
        done = train(targets, settings, r.folder / f"member-{MEMBERS[self.index]}", init, quiet=True)
        return done.model, done.errors

    def __getstate__(self) -> dict[str, Any]:
        from dataclasses import replace

        return {**self.__dict__, "round": replace(self.round, say=_nothing)}


def _train(member: _Member) -> tuple[Path, dict[str, float]]:
    return member()


def _nothing(text: str) -> None: ...


def _settings(init: Path | None, structures: int, steps: int, seed: int) -> TrainSettings:
    """Fine-tuning, with so many steps whatever the number of structures."""
    recipe, shape = RECIPES["quick"], _RANDOM_SHAPE
    if init is not None:
        from ...potentials.painn.card import load_model

        architecture = load_model(init)[0].architecture
        recipe, shape = RECIPES["fine-tune"], {k: getattr(architecture, k) for k in SHAPE}
    else:
        steps *= 5
    epochs = max(1, round(steps * recipe.batch_size / max(1, structures)))
    return recipe.replace(**shape, seed=seed, epochs=epochs)


def _errors(driver: Potential, labels: LabelSet) -> dict[str, float]:
    """What models that have not seen the labels were off by; nothing where they are not models."""
    if not driver.models or not len(labels):
        return {}
    found = driver.evaluate(labels.clusters.without_energies())
    good = np.isfinite(found.energy)
    if not good.any():
        return {"refused": int((~good).sum())}
    atoms = good[labels.clusters.structure_of_atom]
    energy = (found.energy - labels.clusters.energy)[good] / KCAL_PER_MOL
    assert labels.clusters.forces is not None  # they are computed
    forces = (found.needed_forces - labels.clusters.forces)[atoms] / KCAL_PER_MOL
    return {
        "refused": int((~good).sum()),
        "relative_mae_energy_kcal_mol": float(np.abs(energy - energy.mean()).mean()),
        "mae_forces_kcal_mol_A": float(np.abs(forces).mean()),
    }


def _seconds(folder: Path) -> float:
    parts = [collect(folder), collect(folder, failures=True)]
    seconds = np.concatenate([p.columns.get(CPU_SECONDS, np.zeros(len(p))) for p in parts])
    return float(seconds.mean()) if len(seconds) else 0.0


def _words(ledger: dict[str, Any], rounds: int) -> str:
    before, after = (
        ledger["before"].get("mae_forces_kcal_mol_A"),
        ledger["validation"].get("validation_mae_forces_kcal_mol_A"),
    )
    was = f"{before:.2f} before, " if before is not None else ""
    return (
        f"learn {ledger['round'] + 1}/{rounds}: {ledger['labelled']} new labels, {ledger['labels']} in all; forces off by {was}"
        f"{after:.2f} after (kcal/mol/Å, structures not trained on)"
    )
