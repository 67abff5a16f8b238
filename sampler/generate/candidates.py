"""Candidates: packings of every protonation state at minima of the rigid surface, as a population of clusters."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from ..clusters import Clusters
from ..columns import FATE, RIGID_ENERGY, RIGID_FMAX
from ..composition import Composition, State, state_label
from ..errors import InputError
from ..fate import Fate
from ..monomers import MonomerLibrary
from .chunk_plan import ChunkSpec, plan
from .exploration import ExploreParams, explore
from .packing import pack_and_minimise
from .rigid import Poses, RigidSystem, coordinates

_MOLECULES = re.compile(r"(\d+)([a-z]+\d*)(?::(\d+))?")


def generate(
    composition: Composition,
    n: int,
    *,
    library: MonomerLibrary,
    seed: int = 0,
    shares: str | Mapping[str, float] = "ions-first",
    chunk_size: int = 500,
    **options,
) -> Clusters:
    """n candidates of a composition, in this process; the chunks of :func:`sampler.generate.plan`, one after another.

    For the arguments and options see there; for the columns see :func:`run_chunk`.
    """
    specs = plan(composition, library, n, chunk_size, shares, **options)
    return Clusters.concatenate([run_chunk(spec, library, seed) for spec in specs])


def run_chunk(spec: ChunkSpec, library: MonomerLibrary, seed: int) -> Clusters:
    """The candidates of one chunk; the same for the same (spec, seed), wherever it runs.

    Columns:
        state: the protonation state, such as ``2 HSO4⁻ · 2 NH4⁺``.
        molecules: the molecules in the order of the atoms, such as ``1sa 1sa:1 2am`` (``:1`` is the second
            conformer); :func:`molecule_index` reads it.
        rigid_energy_eV: energy of interaction on the rigid surface; of use among candidates of one state only.
        rigid_fmax_eV_per_A: largest force or scaled torque that is left.
        fate: '' for one connected cluster without clashes; ``unsound`` where redrawing did not help, as for
            clusters of nothing but anions.
        seed_chunk: number of the chunk.
    """
    return Clusters.concatenate(_groups(spec, library, seed))


def _groups(spec: ChunkSpec, library: MonomerLibrary, seed: int) -> list[Clusters]:
    parts, start = [], 0
    streams = spec.seed_sequence(seed).spawn(len(spec.groups))
    for (state, count), stream in zip(spec.groups, streams):
        system = RigidSystem.build(state, library)
        rng = np.random.default_rng(stream)
        if spec.method == "exploration":
            limits = ExploreParams(
                keep=count,
                max_evaluations=max(20_000, count * spec.effort),
                density=spec.density,
                fmax=spec.fmax,
                symmetric=spec.symmetric,
                per_framework=spec.per_framework,
            )
            found = explore(system, rng, limits)
            poses, energy, largest, good = found.poses, found.energy, found.largest, np.ones(len(found.energy), bool)
        else:
            poses, energy, largest, good = pack_and_minimise(
                system, count, rng, density=spec.density, fmax=spec.fmax, symmetric=spec.symmetric
            )
        ids = [f"{spec.name}-{spec.index:04d}_{start + k:04d}" for k in range(len(poses))]
        start += len(poses)
        columns = {RIGID_ENERGY: energy, RIGID_FMAX: largest, FATE: np.where(good, Fate.GOES_ON, Fate.UNSOUND)}
        made = clusters_from_poses(state, system, poses, ids, library, columns)
        parts.append(made.with_columns(seed_chunk=spec.index))
    return parts


def clusters_from_poses(
    state: State,
    system: RigidSystem,
    poses: Poses,
    ids: list[str],
    library: MonomerLibrary,
    columns: Mapping[str, np.ndarray] | None = None,
) -> Clusters:
    """Clusters, centred on the mean of their molecules' centres, with the columns ``state`` and ``molecules``."""
    b, n = len(poses), len(system.numbers)
    positions = coordinates(system, poses) - poses.translations.mean(1)[:, None]
    made = Clusters(
        positions=positions.reshape(-1, 3),
        numbers=np.tile(system.numbers, b),
        ptr=np.arange(b + 1, dtype=np.int64) * n,
        charge=np.full(b, system.charge, np.int64),
        ids=np.asarray(ids, dtype=np.str_).reshape(b),
        energy=np.full(b, np.nan),
        columns=dict(columns or {}),
    )
    return made.with_columns(state=state_label(state.monomers, library), molecules=molecules_text(state))


def molecules_text(state: State) -> str:
    """The molecules of a state in order, as in the column ``molecules``: ``1sa 1sa:1 2am``."""
    return " ".join(f"{n}{f.monomer}" + (f":{f.conformer}" if f.conformer else "") for f, n in state.counts)


def molecule_index(state: State | str, library: MonomerLibrary) -> np.ndarray:
    """(N,) index of the molecule that each atom of a candidate belongs to.

    Args:
        state: the state, or an entry of the column ``molecules``.

    Raises:
        InputError: the text is not such an entry. MonomerError: it names an unknown molecule.
    """
    if isinstance(state, State):
        state = molecules_text(state)
    words = state.split()
    tokens = [match for word in words if (match := _MOLECULES.fullmatch(word))]
    if not words or len(tokens) < len(words):
        raise InputError(f"{state!r} does not list molecules; expected such as '1sa 1sa:1 2am'")
    sizes = [len(library[token[2]].numbers) for token in tokens for _ in range(int(token[1]))]
    return np.repeat(np.arange(len(sizes)), sizes)
