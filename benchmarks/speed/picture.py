"""The plot: cost against size, for evaluations and for 100 optimisation steps."""

from __future__ import annotations

from pathlib import Path

SERIES = {
    "evaluation": {
        "schnetpack_ms": "SchNetPack", "schnetpack_batch_ms": "SchNetPack, in batches", "gfn1_ms": "GFN1-xTB (tblite)",
        "fused_ms": "sampler", "fused_batch_ms": "sampler, in batches",
    },
    "steps": {
        "schnetpack_ase": "SchNetPack, ASE LBFGS", "schnetpack_batchwise": "SchNetPack, batchwise LBFGS",
        "gfn1_sampler": "GFN1-xTB, sampler", "gfn1_xtb_program": "GFN1-xTB, xtb --opt",
        "fused_alone": "sampler", "fused_batch": "sampler, in batches",
    },
}  # fmt: skip


def draw(result: dict, path: Path) -> None:
    """Write the plot of what there is in ``result``; nothing where neither part was run."""
    panels = []
    if "evaluation" in result:
        rows = result["evaluation"]["rows"]
        lines = {t: [(r["atoms"], r[k]) for r in rows if k in r] for k, t in SERIES["evaluation"].items()}
        panels.append(("CPU time for energy and forces (ms)", lines))
    if "relaxation" in result:
        rows = result["relaxation"]["steps"]
        lines = {t: [(r["atoms"], r[k]["s_per_100"]) for r in rows if k in r] for k, t in SERIES["steps"].items()}
        panels.append(("CPU time for 100 optimisation steps (s)", lines))
    if not panels:
        return
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "speed"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(5.5 * len(panels), 4.2), squeeze=False)
    for axis, (title, lines) in zip(axes[0], panels):
        for label, points in lines.items():
            if points:
                own = label.startswith("sampler")
                axis.loglog(*zip(*points), "o-" if own else "s--", label=label, linewidth=2 if own else 1)
        ticks = sorted({x for points in lines.values() for x, _ in points})
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
        axis.set_xlabel("atoms")
        axis.set_ylabel(title)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
