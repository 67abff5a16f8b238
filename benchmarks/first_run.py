"""What the first run on a machine costs more than a later one, and what code compiled ahead of time would change.

python benchmarks/first_run.py runs      sampler run 2sa2am with nothing compiled, and again: wall and CPU seconds
python benchmarks/first_run.py parts     CPU seconds to compile each part (sampler/funnel/first_use/parts.py)
python benchmarks/first_run.py words     seconds to the first lines of sampler run 2sa2am
python benchmarks/first_run.py targets   kernels compiled for x86-64-v3 and for any x86-64, against this CPU's own:
                                         speed as a ratio, whether the bits are the same, seconds to load, bytes

CPU seconds are those of the whole tree of processes (user and system), which a busy machine changes less than wall seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# what LLVM calls the common levels of x86-64 (https://gitlab.com/x86-psABIs/x86-64-ABI)
_V2 = "+cx16,+sahf,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2"
TARGETS = {
    "native": {},
    "x86-64-v3": {
        "NUMBA_CPU_NAME": "x86-64-v3",
        "NUMBA_CPU_FEATURES": f"{_V2},+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave",
    },
    "x86-64": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}


def timed(command: list[str], cache: Path, **extra: str) -> tuple[float, float, str]:
    """(wall seconds, CPU seconds of the tree, standard output)."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "NUMBA_CACHE_DIR": str(cache),
        **extra,
    }
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def runs(workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            command = [sys.executable, str(ROOT / "cli.py"), "run", "2sa2am", "-j", str(workers), "--no-report"]
            wall, cpu, _ = timed([*command, "-o", f"{folder}/{name}"], Path(folder) / "cache")
            print(f"{name:7s} {wall:7.1f} s wall {cpu:7.1f} s CPU, {workers} workers", flush=True)


def words(times: int = 5) -> None:
    """Wall and CPU seconds of the command at its first lines; it is then stopped."""
    tick = os.sysconf("SC_CLK_TCK")
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(ROOT / "cli.py"), "run", "2sa2am", "-o", f"{folder}/run"]
            started = time.perf_counter()
            with subprocess.Popen(
                command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
            ) as job:
                assert job.stderr is not None
                for line in (job.stderr.readline() for _ in range(2)):
                    wall = time.perf_counter() - started
                    used = sum(map(int, Path(f"/proc/{job.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
                    print(f"{wall:5.2f} s wall {used / tick:5.2f} s CPU  {line[:60].rstrip()}", flush=True)
                job.send_signal(signal.SIGINT)
                job.stderr.read()


def parts() -> None:
    code = (
        "import time; from sampler.funnel.first_use import parts, prepare\n"
        "for name in parts.PARTS: print(f'{name:20s} {prepare.compile_part(name):6.1f} s CPU', flush=True)"
    )
    with tempfile.TemporaryDirectory() as folder:
        print(timed([sys.executable, "-c", code], Path(folder))[2], end="")


def targets() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, extra in TARGETS.items():
            cache = Path(folder) / name
            timed([sys.executable, __file__, "work"], cache, **extra)
            found[name] = json.loads(timed([sys.executable, __file__, "work"], cache, **extra)[2])
            size = sum(path.stat().st_size for path in cache.rglob("*.nb?"))
            for part, (seconds, digest, loading) in found[name].items():
                ratio = seconds / found["native"][part][0]
                same = "same bits" if digest == found["native"][part][1] else "other bits"
                print(
                    f"{name:10s} {part:14s} {ratio:6.2f} x the time, {same}, loaded in {loading:.2f} s CPU", flush=True
                )
            print(f"{name:10s} {size / 1e6:.1f} MB", flush=True)


def work() -> None:
    """Each kernel on something of the size that runs have: best CPU seconds, a digest of the results, seconds to load."""
    import numpy as np

    from sampler.clusters import Clusters
    from sampler.composition import Composition
    from sampler.generate import rigid
    from sampler.identify import identify
    from sampler.monomers import MonomerLibrary
    from sampler.potentials.painn.network import Network
    from sampler.potentials.painn.parameters import Architecture, PaiNNParameters
    from sampler.similarity import DedupeParams, dedupe

    rng = np.random.default_rng(0)
    library = MonomerLibrary.load()
    composition = Composition.parse("4sa4am", library)
    system = rigid.RigidSystem.build(composition.states(library)[0], library)
    number, m = 40, system.molecules
    poses = rigid.Poses(
        4.0 * rng.normal(size=(number, m, 3)), rigid.random_quaternions((number, m), rng), np.ones((number, m))
    )
    poses = rigid.separate(system, poses, 9.0).poses
    x = rigid.coordinates(system, poses)
    clusters = Clusters.make(list(x), [system.numbers] * number, energy=np.zeros(number))
    noisy = Clusters.make(
        [one + 0.02 * rng.normal(size=one.shape) for one in x for _ in range(5)], [system.numbers] * 5 * number,
        energy=np.zeros(5 * number),
    )  # fmt: skip
    network = Network(PaiNNParameters.random(Architecture(n_atom_basis=128, n_interactions=3, charge_width=1.0)))
    pairs = network.pairs(clusters.positions, clusters.ptr)

    def minima():
        found = rigid.minimise(system, poses, max_evaluations=200)
        return found.energy, found.poses.translations

    def same():
        found = dedupe(noisy, DedupeParams(energy_window=None))
        return found.rmsd, found.group

    jobs = {
        "PaiNN": lambda: network.evaluate(clusters.numbers, clusters.ptr, pairs),
        "rigid minima": minima,
        "identity": lambda: (identify(noisy, composition, library).columns["state"],),
        "duplicates": same,
    }
    result = {}
    for name, job in jobs.items():
        started = time.process_time()
        found = job()
        first = time.process_time() - started
        best = np.inf
        for _ in range(7):
            started = time.process_time()
            job()
            best = min(best, time.process_time() - started)
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in found)).hexdigest()
        result[name] = (best, digest, max(first - best, 0.0))
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["runs", "words", "parts", "targets", "work"])
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    {"runs": lambda: runs(args.workers), "words": words, "parts": parts, "targets": targets, "work": work}[args.what]()


if __name__ == "__main__":
    main()
