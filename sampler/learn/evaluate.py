"""A potential against labels that it has not seen: errors by composition, relaxation of known minima."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import COMPOSITION, CONVERGED, FATE, STEPS
from ..errors import InputError, LevelError, MissingDependency, ModelError, PotentialError
from ..levels import level_with
from ..monomers import MonomerLibrary
from ..potentials import Evaluation, Potential
from ..potentials.painn.batches import chunk_bounds
from ..potentials.painn.card import ModelCard
from ..units import KCAL_PER_MOL
from .labels.dataset import SAME_MONOMER, LabelSet, binding_energies
from .labels.teach import is_taught
from .metrics import energy_metrics, force_metrics

PLOTS = ("png", "pdf", "svg")


@dataclass(frozen=True)
class Evaluated:
    """Predictions beside labels, for the structures that did not fail.

    Attributes:
        labels: with binding energies ``wanted`` (B,) eV of the labels' own level and monomers.
        predicted: (B,) eV, binding energies of the potential against its own level's monomers.
        forces: (N, 3) eV/Å as predicted; None of a potential that has energies alone.
        level: of the potential. failures: reason -> number of structures left out.
        energy_spread: (B,) eV, force_spread: (N,) eV/Å, of a committee
            (:class:`~sampler.potentials.base.Evaluation`); None of others.
    """

    labels: LabelSet
    wanted: np.ndarray
    predicted: np.ndarray
    forces: np.ndarray | None
    level: str
    failures: dict[str, int]
    energy_spread: np.ndarray | None = None
    force_spread: np.ndarray | None = None

    def report(self) -> dict:
        """Metrics, overall and by composition (see :mod:`.metrics`), as plain numbers."""
        c = self.labels.clusters
        found = {
            "potential_level": self.level, "label_level": self.labels.level, "structures": len(self.labels),
            "failures": self.failures, "all": self.part(np.arange(len(c))),
        }  # fmt: skip
        names = self.labels.compositions
        found["by_composition"] = {n: self.part(np.flatnonzero(names == n)) for n in self.composition_names}
        notes = []
        if is_taught(self.labels):
            notes.append(f"no labels of {self.labels.level}, but what a model says: {self.labels.engine}")
        if self.level != self.labels.level:
            notes.append(
                f"the potential is of the level {self.level}, the labels of {self.labels.level}: each binding energy "
                "counts from the monomers of its own level"
            )
        if self.forces is None and c.forces is not None:
            notes.append("the potential has energies and no forces: energies alone are compared")
        if notes:
            found["note"] = "\n".join(notes)
        return found

    @property
    def composition_names(self) -> list[str]:
        """Each once, in ascending number of atoms."""
        c, names = self.labels.clusters, self.labels.compositions
        return sorted(set(names.tolist()), key=lambda n: (c.natoms[names == n][0], n))

    def part(self, chosen: np.ndarray) -> dict:
        """Metrics of the structures ``chosen``, indices."""
        found = {"energy": energy_metrics(self.predicted[chosen], self.wanted[chosen])}
        if self.labels.clusters.forces is not None and self.forces is not None:
            atoms = np.isin(self.labels.clusters.structure_of_atom, chosen)
            found["forces"] = force_metrics(self.forces[atoms], self.labels.clusters.forces[atoms])
        return found


def references_of(potential: Potential, labels: LabelSet, library: MonomerLibrary) -> dict[str, float]:
    """Monomer energies in eV of the potential's level: of its card, of the labels, or of the level.

    Raises:
        LevelError: none of them has any, or a card and the labels, of one level, say different things.
    """
    cards = [model.card for model in potential.models]
    for card in cards:
        if card.level == labels.level and not card.base_level:
            _require_same_monomers(card, labels)
    if cards and cards[0].monomers and not cards[0].base_level:
        return {name: m.energy for name, m in cards[0].monomers.items()}
    if potential.level == labels.level:
        return dict(labels.references)
    return dict(level_with(potential.level, library).monomers)


def _require_same_monomers(card: ModelCard, labels: LabelSet) -> None:
    for name in sorted(set(card.monomers) & set(labels.references)):
        ours, theirs = card.monomers[name].energy, labels.references[name]
        if abs(ours - theirs) > SAME_MONOMER:
            raise LevelError(
                f"the model's card says {ours:.6f} eV for the monomer {name} at {card.level}, the labels {theirs:.6f} eV; "
                "binding energies compare only within one set of monomers: label the monomers anew, or mend the card"
            )


def evaluate(
    potential: Potential,
    labels: LabelSet,
    library: MonomerLibrary,
    advance: Callable[[int], None] | None = None,
) -> Evaluated:
    """Predict all structures of ``labels``.

    Args:
        advance: called as ``advance(n)`` when ``n`` more structures are done.

    Raises:
        InputError: every structure failed. LevelError: missing monomer energies, or those of another set.
    """
    references_of(potential, labels, library)  # what is missing is said before hours of work
    return compared(potential, labels, library, _predict(potential, labels.clusters, advance))


def compared(potential: Potential, labels: LabelSet, library: MonomerLibrary, found: Evaluation) -> Evaluated:
    """As :func:`evaluate`, of what the potential said of the structures of ``labels``."""
    references = references_of(potential, labels, library)
    good = np.isfinite(found.energy) & np.isfinite(labels.clusters.energy)
    reasons, counts = np.unique([r.split(":")[0] for r in found.failure[~good]], return_counts=True)
    failures = {r or "no label": int(n) for r, n in zip(reasons.tolist(), counts)}
    if not good.any():
        first = found.failure[0] if len(found.failure) else "the data set is empty"
        raise InputError(f"nothing could be evaluated: {first}")
    kept = labels.subset(good)
    wanted = binding_energies(kept.clusters.energy, kept.compositions, kept.references, library)
    predicted = binding_energies(found.energy[good], kept.compositions, references, library)
    atoms = good[labels.clusters.structure_of_atom]
    forces = None if found.forces is None else found.forces[atoms]
    doubt = None if found.energy_spread is None else found.energy_spread[good]
    of_atoms = None if found.force_spread is None else found.force_spread[atoms]
    return Evaluated(kept, wanted, predicted, forces, potential.level, failures, doubt, of_atoms)


def _predict(potential: Potential, clusters: Clusters, advance: Callable[[int], None] | None) -> Evaluation:
    """Energies and, where it has any, forces, in batches of what the potential likes to have together, else one by one."""
    forces = potential.gives_forces
    if advance is None or not len(clusters):
        return potential.evaluate(clusters, forces)
    parts = []
    for start, stop in chunk_bounds(clusters.ptr, potential.batch_atoms or 1):
        parts.append(potential.evaluate(clusters[np.arange(start, stop)], forces))
        advance(stop - start)
    return _joined(parts)


def _joined(parts: Sequence[Evaluation]) -> Evaluation:
    """Evaluations of one potential as one; of a committee with its spread."""
    told: dict[str, Any] = {}
    for f in fields(parts[0]):
        every = [getattr(p, f.name) for p in parts]
        told[f.name] = None if every[0] is None else np.concatenate(every)
    return type(parts[0])(**told)


@dataclass(frozen=True)
class Relaxed:
    """Minimisation of structures that are minima at the level of the labels.

    Attributes:
        ids, compositions: (B,) str. rmsd: (B,) Å to the start, atoms of one element may change places, NaN if broken.
        energy_kcal_mol: (B,) how far the potential's energy fell. converged: (B,) bool. steps: (B,) int.
    """

    ids: np.ndarray
    compositions: np.ndarray
    rmsd: np.ndarray
    energy_kcal_mol: np.ndarray
    converged: np.ndarray
    steps: np.ndarray

    def rows(self) -> list[dict]:
        names = ("id", "composition", "rmsd_A", "energy_change_kcal_mol", "converged", "steps")
        columns = (self.ids, self.compositions, self.rmsd, self.energy_kcal_mol, self.converged, self.steps)
        return [dict(zip(names, (v.item() for v in row))) for row in zip(*columns)]


def relax_known(
    potential: Potential,
    clusters: Clusters,
    fmax: float = 0.01,
    max_steps: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> Relaxed:
    """Relax known minima with ``potential`` (fmax in eV/Å) and measure how far they move.

    Args:
        progress: called as ``progress(done, of)`` while they relax.
    """
    from ..relax import RelaxParams, relax
    from ..similarity.rmsd import permutation_rmsd

    before = potential.evaluate(clusters, forces=False).energy
    after = relax(clusters, potential, RelaxParams(fmax=fmax, max_steps=max_steps), progress)
    rmsd = np.full(len(clusters), np.nan)
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        if np.isfinite(after.energy[i]) and not after.columns[FATE][i]:
            z = clusters.numbers[atoms]
            rmsd[i] = permutation_rmsd(z, after.positions[atoms], z, clusters.positions[atoms]).rmsd
    return Relaxed(
        clusters.ids, clusters.columns.get(COMPOSITION, np.full(len(clusters), "")), rmsd,
        (after.energy - before) / KCAL_PER_MOL, after.columns[CONVERGED], after.columns[STEPS],
    )  # fmt: skip


def require_plot(path: Path | str) -> str:
    """The format of a plot, by the ending of its file.

    Raises:
        InputError: another ending than those of :data:`PLOTS`.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in PLOTS:
        raise InputError(f"{path}: a plot ends in {', '.join(f'.{k}' for k in PLOTS)}")
    return kind


def open_potential(names: list[str]) -> Potential:
    """A model (its folder, or the name of one that ships, long or short), several (a committee), or a potential by name or
    level.

    Corrections (Δ models) come with their base.

    Raises:
        LevelError: models that make no committee. ModelError: a folder that holds no model, or neither model nor
            potential has the name.
    """
    from ..potentials import available
    from ..potentials.of_level import potential_of
    from ..potentials.painn.card import is_model
    from ..potentials.trained import is_shipped, named, shipped, short_names, trained
    from ..potentials.xtb_parameters import is_refit
    from ..text.nearest import did_you_mean

    names = named(names)
    others = [n for n in names if not is_model(n) and not is_shipped(n)]
    if not others:
        return trained(names)
    if len(names) > 1:
        raise InputError(
            f"a committee is made of models alone, and {others[0]} is none; name one potential, or model folders and "
            f"models that ship ({', '.join(short_names())})"
        )
    if Path(names[0]).is_dir() or "/" in names[0]:
        raise ModelError(f"{names[0]} is no model folder: it needs card.toml and model.safetensors (or model.npz)")
    try:
        return potential_of(names[0])
    except PotentialError as error:
        if isinstance(error, MissingDependency) or names[0].lower().startswith("ase:") or is_refit(names[0]):
            raise
        near = did_you_mean(names[0], [*available(), *short_names(), *shipped()])
        raise ModelError(
            f"neither a potential nor a model is called {names[0]!r}; {near + ' ' if near else ''}potentials: "
            f"{', '.join(available())}, ase:NAME; models that ship: {', '.join(short_names())}"
        ) from error


def open_base(name: str) -> Potential:
    """The method that a correction (Δ model) is to be learnt on top of.

    Raises:
        LevelError: a trained model: the card of the correction names its base by the level, and the level is the method's.
        ModelError: a potential that the level in the card would not find again.
    """
    from ..potentials.trained import base_of

    base = open_potential([name])
    if base.models:
        raise LevelError(
            f"{name} is a trained model of {base.level}, and a correction would later be added to {base.level} itself; "
            f"learn it on top of a method that is calculated, such as --delta {base.level}"
        )
    base_of(base.level)
    return base
