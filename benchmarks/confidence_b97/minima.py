"""The potentials that are judged, and their energies at the minima next to the labels."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from labelled import Label

from sampler.clusters import Clusters
from sampler.potentials import Potential

_BATCH = 8  # structures of one composition that are relaxed together


@dataclass(frozen=True)
class Source:
    """What is judged.

    Attributes:
        key: names it in the cache. level: of its energies. models: none for GFN1-xTB itself.
        minima: ``own``, or whose minima are taken where it only gives single points in the funnel: ``search`` (the PaiNN of
            GFN1-xTB that is recommended) or ``committee``. molecules: what a PaiNN of GFN1-xTB is recommended for.
    """

    key: str
    level: str
    models: tuple[str, ...] = ()
    minima: str = "own"
    molecules: frozenset[str] = frozenset()

    def weights(self) -> list[str]:
        from sampler.potentials.painn.card import read_card
        from sampler.potentials.trained import model_folder

        return [read_card(model_folder(m)).weights_sha256 for m in self.models]


def sources() -> list[Source]:
    """GFN1-xTB, and what ``data/models/recommended.toml`` recommends; of a committee its searching member, too."""
    from sampler.funnel.protocols.automatic import recommendations

    made = [Source("gfn1-xtb", "gfn1-xtb", (), "search")]
    for entry in recommendations():
        model = entry["options"]["model"]
        models = (model,) if isinstance(model, str) else tuple(model)
        if entry["level"] != "b97-3c":
            made.append(Source(models[0], entry["level"], models, molecules=frozenset(entry["molecules"])))
        elif entry.get("delta"):
            made.append(Source("delta", "b97-3c@pyscf", models, "committee"))
        else:
            made.append(Source("member", "b97-3c@pyscf", models[:1]))
            made.append(Source("committee", "b97-3c@pyscf", models))
    return made


def concerns(source: Source, label: Label) -> bool:
    """Models of B97-3c are judged on what was held out, PaiNNs of GFN1-xTB where they are recommended."""
    from sampler.composition import Composition
    from sampler.funnel.protocols.automatic import recommended
    from sampler.monomers import MonomerLibrary

    if source.level != "gfn1-xtb":
        return label.held_out
    if not source.models:
        return True
    library = MonomerLibrary.load()
    _, options = recommended(Composition.parse(label.composition, library), library, source.level)
    return options.get("model") == source.models[0]


def lowered(every: list[Label], source: Source, cache: Path) -> dict[str, dict]:
    """Label id -> ``low``: energy (eV) at the source's minimum next to it, ``here``: at the labelled geometry itself, ``moved``:
    RMSD of the two geometries (Å), ``same``: the protonation state is the same. What falls apart, reacts or fails is left out."""
    from sampler.composition import Composition
    from sampler.funnel.protocols.automatic import recommended
    from sampler.identify import identify
    from sampler.monomers import MonomerLibrary
    from sampler.potentials import get_potential
    from sampler.relax import RelaxParams, relax
    from sampler.storage import write_text

    library, started = MonomerLibrary.load(), time.monotonic()
    known = json.loads(cache.read_text()) if cache.exists() else {}
    committee = next(x for x in sources() if x.key == "committee")
    moving = committee.weights() if source.minima == "committee" else []  # of GFN1-xTB's PaiNN the minima hardly depend
    key = " ".join([source.key, *(w[:12] for w in source.weights() + moving)])
    for old in [k for k in known if k.split()[0] == source.key and k != key]:
        del known[old]  # of weights that are no more
    mine = known.setdefault(key, {})
    judged = potential(source.models)
    todo = sorted((x for x in every if x.id not in mine), key=lambda x: (len(x.cluster.numbers), x.composition))
    while todo:
        some = [x for x in todo[:_BATCH] if x.composition == todo[0].composition]
        todo = todo[len(some) :]
        start, composition = (
            Clusters.concatenate([x.cluster for x in some]),
            Composition.parse(some[0].composition, library),
        )
        if source.minima == "search":
            name, options = recommended(composition, library, "gfn1-xtb")
            mover = get_potential(name, **options)
        else:
            mover = judged if source.minima == "own" else potential(committee.models)
        found = relax(start, mover, RelaxParams(fmax=0.01, max_steps=1500))
        before, after = (identify(c.replace(columns={}), composition, library).columns for c in (start, found))
        here, low = (judged.evaluate(c, forces=False).energy for c in (start, found))
        for k, label in enumerate(some):
            same = bool(before["state"][k] == after["state"][k])
            told = {"low": low[k], "here": here[k], "moved": _rmsd(start[[k]], found[[k]]), "same": same}
            whole = after["intact"][k] and np.isfinite([low[k], here[k]]).all()
            mine[label.id] = {n: round(float(v), 6) for n, v in told.items()} if whole else None
        write_text(cache, json.dumps(known, indent=0))
        print(f"# {source.key}: {len(todo)} left, {time.monotonic() - started:.0f} s", flush=True)
    return {x.id: mine[x.id] for x in every if mine[x.id] is not None}


def potential(models: tuple[str, ...]) -> Potential:
    from sampler.potentials import get_potential

    if not models:
        return get_potential("gfn1-xtb")
    return get_potential("painn", model=models[0] if len(models) == 1 else list(models))


def _rmsd(a: Clusters, b: Clusters) -> float:
    """Å, over all atoms as they are numbered, best superposition."""
    x, y = (c.positions - c.positions.mean(0) for c in (a, b))
    u, _, vt = np.linalg.svd(x.T @ y)
    u[:, -1] *= np.sign(np.linalg.det(u @ vt))
    return float(np.sqrt((((x @ (u @ vt)) - y) ** 2).sum(1).mean()))
