"""One run of one method on one system: what it found, and after how many evaluations of the potential."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import peers
from best import POTENTIAL, Best

FMAX = 0.01  # eV/Å, of the peers: at 0.05 minima of these clusters can still be several kcal/mol too high
RANDOM_CHUNK = 10
PEERS = {
    "random": {"fmax": FMAX, "max_steps": 1500, "shares": "ions-first"},
    # a step of 0.1 Å, ASE's default, leaves molecules where they are
    "basin-hopping": {"fmax": FMAX, "optimizer": "LBFGS", "dr_A": 0.4, "kT_eV": 0.05},
    "minima-hopping": {"fmax": FMAX, "optimizer": "LBFGS", "T0_K": 1000.0, "Ediff0_eV": 0.5, "timestep_fs": 1.0},
    "genetic": {
        "fmax": FMAX, "optimizer": "LBFGS", "max_steps": 500, "population": 20, "mutated": 0.3, "closest": 0.7,
        "volume_A3_per_atom": 12.0,
    },
}  # fmt: skip
REFERENCE = {"fmax": 0.005, "max_steps": 3000}


def settings(system: str, method: str, budget: int | None) -> str:
    """A digest of all that a run depends on besides its seed, a model's weights too; others are not mixed with it."""
    name = method.partition("*")[0]
    if name == "reference":
        what: Any = REFERENCE
    elif name in PEERS:
        what = PEERS[name] | {"budget": budget}
    else:
        protocol, composition = _resolved(name, system)
        stages = [(s.model_dump(mode="json"), s.identity(None) if hasattr(s, "make") else "") for s in protocol.stage]
        what = [protocol.name, *stages, *_surface(protocol, composition)]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def _surface(protocol, composition) -> list[str]:
    """A digest of the fitted rigid surface, where molecules of the system have one."""
    from sampler.funnel.runner import with_surface
    from sampler.generate import fitted
    from sampler.monomers import MonomerLibrary

    library = with_surface(MonomerLibrary.load(), protocol)
    names = [m.name for family, _ in composition.counts for m in library.family(family)]
    arrays = [a for name in sorted(names) for a in fitted.surface(library.surface).arrays(name)]
    return [hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()[:12]] if arrays else []


def _resolved(name: str, system: str):
    """The protocol with the potentials that it takes for a system, and the system's composition."""
    from sampler.composition import Composition
    from sampler.funnel.protocols import protocol as protocols
    from sampler.funnel.protocols.automatic import AUTO, resolve
    from sampler.monomers import MonomerLibrary

    library = MonomerLibrary.load()
    composition, declared = Composition.parse(system, library), protocols.load(name)
    level = POTENTIAL if declared.end else AUTO  # GFN1-xTB is the judge here
    return resolve(declared, composition, library, level), composition


def budget(method: str, same: list[dict[str, Any]]) -> int | None:
    """Evaluations that a peer may take: those of ``standard`` in ``same`` (records of this system and seed), times the
    factor in its name. None for no limit, 0 where standard has not run yet."""
    name, _, factor = method.partition("*")
    if name not in PEERS:
        return None
    ran = [r for r in same if r["method"] == "standard"]
    return int(ran[-1]["evaluations"][POTENTIAL] * float(factor or 1)) if ran else 0


def run(system: str, method: str, seed: int, limit: int | None, folder: Path, reference: Path) -> dict[str, Any]:
    """The record of one run.

    Keys: ``evaluations`` {potential: number}; ``trace`` [[evaluations of POTENTIAL, lowest energy in eV so far], …] of
    intact clusters;
    ``lowest_eV`` (None if there is none), ``state``, and the geometry (``numbers``, ``positions`` in Å) of the lowest.
    A funnel gives its answer at its end, so its trace has one entry.
    """
    from sampler.composition import Composition
    from sampler.monomers import MonomerLibrary

    library = MonomerLibrary.load()
    composition = Composition.parse(system, library)
    name = method.partition("*")[0]
    if name == "reference":
        return _reference(composition, library, reference)
    if name == "random":
        return _random(composition, library, seed, limit)
    if name in PEERS:
        return peers.run(name, PEERS[name], composition, library, seed, limit)
    return _protocol(name, system, library, seed, folder)


def _protocol(name: str, system: str, library, seed: int, folder: Path) -> dict[str, Any]:
    from sampler.funnel.runner import run as run_protocol

    protocol, composition = _resolved(name, system)
    finished = run_protocol(composition, protocol, folder, library=library, seed=seed, workers=1)
    evaluations: dict[str, int] = {}
    for stage, ledger in zip(protocol.stage, finished.ledgers):
        if "evaluations" in ledger:
            potential = getattr(stage, "potential", "other")
            evaluations[potential] = evaluations.get(potential, 0) + int(ledger["evaluations"])
    best = Best(composition, library)
    best.offer(finished.clusters, evaluations.get(POTENTIAL, 0))
    return best.record(evaluations)


def _random(composition, library, seed: int, limit: int) -> dict[str, Any]:
    from sampler.generate import plan, run_chunk
    from sampler.potentials import get_potential
    from sampler.relax import RelaxParams, relax

    chosen = PEERS["random"]
    potential, best, spent = get_potential(POTENTIAL), Best(composition, library), 0
    most = max(RANDOM_CHUNK, limit // 10)  # no relaxation takes less than ten evaluations
    for spec in plan(composition, library, most, RANDOM_CHUNK, chosen["shares"]):
        for candidate in run_chunk(spec, library, seed):
            left = min(limit - spent, chosen["max_steps"])
            if left < 1:
                return best.record({POTENTIAL: spent})
            relaxed = relax(candidate, potential, RelaxParams(fmax=chosen["fmax"], max_steps=left))
            spent += int(relaxed.columns["evaluations"][0])
            if relaxed.columns["fate"][0] == "":
                best.offer(relaxed, spent)
    return best.record({POTENTIAL: spent})


def _reference(composition, library, folder: Path) -> dict[str, Any]:
    import systems

    from sampler.potentials import get_potential
    from sampler.relax import RelaxParams, relax

    best = Best(composition, library)
    start = systems.published(folder, composition, library)
    if not len(start):
        return best.record({POTENTIAL: 0}) | {"source": "no published structure in the reference data"}
    relaxed = relax(start, get_potential(POTENTIAL), RelaxParams(**REFERENCE))
    spent = int(relaxed.columns["evaluations"].sum())
    best.offer(relaxed, spent)
    source = f"lowest of {len(start)}: {best.lowest.ids[0] if best.lowest is not None else 'none intact'}"
    return best.record({POTENTIAL: spent}) | {"source": source}
