"""Part 4: one step of training (gradient of the energy and force loss, AdamW), against SchNetPack with torch's autograd."""

from __future__ import annotations

import numpy as np
from common import in_turn, median, ratio, show, spread, table

from sampler.clusters import Clusters
from sampler.potentials.painn.parameters import PaiNNParameters
from sampler.potentials.painn.schnetpack_io import to_schnetpack

ENERGY_SHARE = 0.05


def structures(count: int) -> Clusters:
    """Labelled structures of 15 to 30 atoms from the set that ships."""
    from sampler import resources
    from sampler.learn.labels.dataset import LabelSet

    c = LabelSet.load(resources.path("data", "training", "gfn1-xtb_sa_am.npz")).clusters
    chosen = np.flatnonzero((c.natoms >= 15) & (c.natoms <= 30))
    return c[np.random.default_rng(0).permutation(chosen)[:count]]


def fast_step(params: PaiNNParameters, batches, seen: dict):
    from sampler.learn.training.optimiser import AdamW, Flat
    from sampler.potentials.painn.training import Trainer

    trainer = Trainer(params)
    names = tuple(params.trainable)
    flat = Flat(names, {n: params.arrays[n].shape for n in names})
    optimiser = AdamW(flat.pack(params.arrays), weight_decay=0.01, ema=0.999)
    gradient = np.empty(flat.size, np.float32)

    def step():
        clusters, energy, forces = batches[seen["fast"] % len(batches)]
        loss, gradients, _ = trainer.loss_and_gradients(
            clusters, energy, forces, energy_weight=ENERGY_SHARE, force_weight=1 - ENERGY_SHARE,
            energy_loss="mae", force_loss="mae",
        )  # fmt: skip
        seen["loss_fast"].append(loss)
        optimiser.update(flat.pack(gradients, gradient), 1e-4, 10.0)
        trainer.set_weights(flat.view(optimiser.weights))
        seen["fast"] += 1

    return step


def schnetpack_step(params: PaiNNParameters, batches, seen: dict):
    """Forward, loss, backward and torch's AdamW; the neighbours of all batches were searched before the clock runs."""
    import schnetpack as spk
    import torch

    torch.set_num_threads(1)
    model = to_schnetpack(params).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    converter = spk.interfaces.AtomsConverter(
        spk.transform.MatScipyNeighborList(cutoff=params.architecture.cutoff), dtype=torch.float32
    )
    mae, single = torch.nn.functional.l1_loss, torch.float32
    ready = [
        (converter(c.to_ase()), torch.tensor(e, dtype=single), torch.tensor(f, dtype=single)) for c, e, f in batches
    ]

    def step():
        inputs, energy, forces = ready[seen["schnetpack"] % len(ready)]
        optimiser.zero_grad()
        found = model(dict(inputs))
        loss = ENERGY_SHARE * mae(found["energy"], energy) + (1 - ENERGY_SHARE) * mae(found["forces"], forces)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        seen["loss_schnetpack"].append(float(loss.detach()))
        seen["schnetpack"] += 1

    return step


def run(rounds: int, say) -> dict:
    """Steps at 128 features and 5 interactions, random weights, batches of 2 and 10."""
    pool = structures(120)
    params = PaiNNParameters.random(seed=0)
    rng = np.random.default_rng(1)
    rows = []
    for size in (2, 10):
        batches = []
        for k in range(12):
            c = pool[k * size : (k + 1) * size]
            batches.append((c, rng.normal(size=size), rng.normal(size=(len(c.numbers), 3))))
        seen = {"fast": 0, "schnetpack": 0, "loss_fast": [], "loss_schnetpack": []}
        steps = {"fast": fast_step(params, batches, seen), "schnetpack": schnetpack_step(params, batches, seen)}
        seconds = in_turn(steps, rounds)
        atoms = float(np.mean([len(c.numbers) for c, _, _ in batches]))
        a = params.architecture
        rows.append({
            "batch": size, "atoms": atoms, "fast_ms": 1e3 * median(seconds["fast"]),
            "schnetpack_ms": 1e3 * median(seconds["schnetpack"]), "ratio": ratio(seconds["schnetpack"], seconds["fast"]),
            "spread": max(spread(s) for s in seconds.values()),
            "dense_gflop": atoms * 240 * a.n_atom_basis**2 * a.n_interactions / 1e9,
            "first_losses": [seen["loss_fast"][0], seen["loss_schnetpack"][0]],
        })  # fmt: skip
        say(f"training, batch {size}: fast {rows[-1]['fast_ms']:.1f} ms, SchNetPack {rows[-1]['schnetpack_ms']:.0f} ms")
    return {"rows": rows}


def report(part: dict, peak: float) -> str:
    rows = [
        [
            str(r["batch"]), show(r["atoms"]), f"{show(r['fast_ms'])} ({show(1e3 * r['batch'] / r['fast_ms'])})",
            f"{show(r['schnetpack_ms'])} ({show(1e3 * r['batch'] / r['schnetpack_ms'])})", show(r["ratio"]),
            show(1e3 * r["dense_gflop"] / peak), show(r["spread"], 2),
        ]
        for r in part["rows"]
    ]  # fmt: skip
    losses = "; ".join(f"{a:.6f} and {b:.6f}" for a, b in (r["first_losses"] for r in part["rows"]))
    return "\n".join([
        "One step, energies and forces, AdamW and clipping included, 128 features and 5 interactions; CPU time of one "
        "core. SchNetPack without its data loading and without Lightning.", "",
        table(["batch", "atoms", "fast, ms (structures/s)", "SchNetPack, ms (structures/s)", "ratio", "floor, ms",
               "spread"], rows), "",
        "*floor*: the matrix products alone (240 F² operations per atom and layer: one evaluation with forces, then two "
        f"displaced copies forwards, backwards and into the weights) at the measured peak. First losses: {losses}.",
    ])  # fmt: skip
