"""Part 3: worker processes: a relax stage as ``sampler run`` does it, with one worker and with two, and their memory."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from common import candidates, show, table

from sampler.composition import Composition
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.runner import Start, run
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import save_model


class Memory(threading.Thread):
    """Looks at the child processes every half second: the largest resident and proportional size of each, MB."""

    def __init__(self):
        super().__init__(daemon=True)
        self.rss: dict[int, float] = {}
        self.pss: dict[int, float] = {}
        self._end = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    def run(self):
        while not self._end.wait(0.5):
            for pid in _children(os.getpid()):
                for line in _lines(f"/proc/{pid}/smaps_rollup"):
                    key, _, value = line.partition(":")
                    for name, kept in (("Rss", self.rss), ("Pss", self.pss)):
                        if key == name:
                            kept[pid] = max(kept.get(pid, 0.0), int(value.split()[0]) / 1024)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        status = dict(line.split(":", 1) for line in _lines(str(entry / "status")) if ":" in line)
        command = "".join(_lines(str(entry / "cmdline")))
        if int(status.get("PPid", -1)) == parent and "popen_loky" in command:
            found.append(int(entry.name))
    return found


def relax_stage(starts, model: Path, workers: int, folder: Path, library) -> dict[str, float]:
    """Seconds of a relax stage of a run, its files included, and CPU seconds of the whole machine's processes of it."""
    table = {
        "name": "speed", "description": "relaxation alone",
        "stage": [
            {"kind": "generate", "candidates": 1},
            {"kind": "relax", "potential": "painn", "options": {"model": str(model)}, "fmax": 0.05, "max_steps": 1000},
        ],
    }  # fmt: skip
    protocol = protocols.build(table, "speed")
    composition = Composition.parse("4sa4am", library)
    begin = time.perf_counter()
    finished = run(composition, protocol, folder, library=library, workers=workers,
                   start=Start(starts, "0" * 64, "benchmark"))  # fmt: skip
    wall = time.perf_counter() - begin
    ledger = finished.ledgers[-1]
    timing = json.loads((folder / "stages" / ledger["folder"] / "timing.json").read_text())
    return {"wall_s": wall, "stage_s": timing["seconds"], "structures": len(starts), "evaluations": ledger["evaluations"],
            "converged": ledger["converged"], "digest": ledger["output_sha256"]}  # fmt: skip


def run_part(params, card, options, say) -> dict:
    """Scaling from interleaved runs of ``options.scaling`` candidates, and ``options.thousand`` on all cores."""
    library = MonomerLibrary.load()
    starts = candidates(4, max(options.thousand, options.scaling), seed=3)
    found: dict = {"cores": os.cpu_count(), "runs": [], "start_up_s": []}
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "model"
        save_model(model, params, card)

        def go(name: str, workers: int, count: int) -> dict:
            return relax_stage(starts[:count], model, workers, Path(place) / name, library)

        def warm(name: str, workers: int) -> None:
            """Workers are started, and none is left over from before."""
            begin = time.perf_counter()
            go(name, workers, 12 * workers)
            found["start_up_s"].append([workers, time.perf_counter() - begin])

        for k in range(options.repeats):
            for workers in (1, 2):
                warm(f"warm-{k}-{workers}", workers)
                with Memory() as memory:
                    one = go(f"run-{k}-{workers}", workers, options.scaling)
                one |= {
                    "workers": workers,
                    "rss_MB": sorted(memory.rss.values()),
                    "pss_MB": sorted(memory.pss.values()),
                }
                found["runs"].append(one)
                say(f"workers: {workers}, {options.scaling} candidates in {one['stage_s']:.1f} s")
        found["thousand"] = go("thousand", 2, options.thousand)
        say(f"workers: {options.thousand} candidates on 2 in {found['thousand']['stage_s']:.1f} s")
    return found


def report(part: dict) -> str:
    of = {w: [r for r in part["runs"] if r["workers"] == w] for w in (1, 2)}
    gain = [a["stage_s"] / b["stage_s"] for a, b in zip(of[1], of[2])]
    same = len({r["digest"] for r in part["runs"]}) == 1
    rows = [
        [str(w), str(r["structures"]), show(r["stage_s"]), show(60 * r["structures"] / r["stage_s"]),
         show(max(r["rss_MB"], default=np.nan)), show(float(np.mean(r["pss_MB"])) if r["pss_MB"] else np.nan)]
        for w in (1, 2) for r in of[w]
    ]  # fmt: skip
    t = part["thousand"]
    rows.append(["2", str(t["structures"]), show(t["stage_s"]), show(60 * t["structures"] / t["stage_s"]), "", ""])
    starts = {w: min(s for n, s in part["start_up_s"] if n == w) for w in (1, 2)}
    return "\n".join([
        "The stage relax of a run of 4sa4am to 0.05 eV/Å, its files included; wall time.", "",
        table(["workers", "candidates", "s", "a minute", "largest RSS of a worker, MB", "mean PSS of a worker, MB"], rows),
        "",
        f"Two workers are {', '.join(f'{g:.2f}' for g in gain)} times as fast as one; results "
        f"{'identical' if same else 'DIFFERENT'} with one and two. Start of the workers with the first 12 candidates "
        f"each: {show(starts[1])} s (one), {show(starts[2])} s (two), once in a run.",
        f"{t['converged']} of {t['structures']} converged in {t['evaluations'] / t['structures']:.0f} evaluations each.",
    ])  # fmt: skip
