"""Cost of candidate generation, as a ratio to the plain way: one candidate after the other with numpy and scipy.

    OMP_NUM_THREADS=1 python benchmarks/generation.py [--system 4sa4am] [--candidates 10000] [--plain 20]

Both sides start from the same packings of all protonation states, and minimise on the same surface to the same
largest force; the plain side gets analytical gradients and scipy's L-BFGS-B. Times are CPU seconds of one core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.optimize import minimize as scipy_minimize

from sampler.composition import Composition
from sampler.generate import generate
from sampler.generate.packing import pack
from sampler.generate.rigid import Poses, RigidSystem, evaluate, minimise
from sampler.generate.shares import apportion, state_weights
from sampler.monomers import MonomerLibrary


class Plain:
    """Energy and gradient of one candidate in numpy; the variables are centres and unnormalised quaternions."""

    def __init__(self, system: RigidSystem, handedness: np.ndarray):
        self.system, self.of = system, system.molecule_of_atom
        self.local = system.local * handedness[self.of][:, None]
        self.between = np.triu(self.of[:, None] != self.of[None])

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        s, m = self.system, self.system.molecules
        t, raw = x[: 3 * m].reshape(m, 3), x[3 * m :].reshape(m, 4)
        norm = np.linalg.norm(raw, axis=1, keepdims=True)
        w, v = (raw / norm)[self.of, :1], (raw / norm)[self.of, 1:]
        y = self.local
        dot, cross = (v * y).sum(1, keepdims=True), np.cross(v, y)
        # v'v = 1 − w² is not used, so that the four components stay independent
        arm = y * (w * w - (v * v).sum(1, keepdims=True)) + 2 * v * dot + 2 * w * cross
        position = t[self.of] + arm
        delta = position[:, None] - position[None]
        inverse2 = np.where(self.between, 1.0 / np.maximum((delta**2).sum(-1), 1e-12), 0.0)
        inverse6 = inverse2**3
        a, b, c = s.repulsion * inverse6**2, s.dispersion * inverse6, s.coulomb * np.sqrt(inverse2)
        pull = -((12 * a - 6 * b + c) * inverse2)[..., None] * delta
        slope = pull.sum(1) - pull.sum(0)
        by_w = (slope * (2 * w * y + 2 * cross)).sum(1)
        by_v = -2 * v * (slope * y).sum(1, keepdims=True) + 2 * slope * dot
        by_v += 2 * y * (slope * v).sum(1, keepdims=True) + 2 * w * np.cross(y, slope)
        by_q = np.add.reduceat(np.column_stack([by_w, by_v]), s.ptr[:-1], axis=0)
        unit = raw / norm
        by_raw = (by_q - unit * (by_q * unit).sum(1, keepdims=True)) / norm
        return float((a - b + c).sum()), np.concatenate(
            [np.add.reduceat(slope, s.ptr[:-1], axis=0).ravel(), by_raw.ravel()]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="4sa4am")
    parser.add_argument("--candidates", type=int, default=10000)
    parser.add_argument("--plain", type=int, default=20, help="candidates for the plain way")
    options = parser.parse_args()
    library = MonomerLibrary.load()
    composition = Composition.parse(options.system, library)
    generate(composition, 30, library=library)  # compile before the clock starts

    start = time.process_time()
    made = generate(composition, options.candidates, library=library, seed=1)
    ours = time.process_time() - start
    sound = int((made.columns["fate"] == "").sum())
    print(f"sampler: {len(made)} candidates of {options.system} packed, minimised and checked in {ours:.1f} CPU s "
          f"({1000 * ours / len(made):.2f} ms each); {sound} sound")  # fmt: skip

    weighted = state_weights(composition, library)
    plain_seconds = our_seconds = 0.0
    done, evaluations, better = 0, [0, 0], []
    for (state, _), count in zip(weighted, apportion([w for _, w in weighted], options.plain)):
        if not count:
            continue
        system = RigidSystem.build(state, library)
        poses = pack(system, int(count), np.random.default_rng(1))
        start = time.process_time()
        result = minimise(system, poses, fmax=0.02)
        our_seconds += time.process_time() - start
        evaluations[0] += int(result.evaluations.sum())
        for i in range(int(count)):
            function = Plain(system, poses.handedness[i])
            x = np.concatenate([poses.translations[i].ravel(), poses.quaternions[i].ravel()])
            check = evaluate(system, Poses(*(getattr(poses, k)[i : i + 1] for k in Poses.__dataclass_fields__)))[0][0]
            assert abs(function(x)[0] - check) < 1e-6, "the two surfaces differ"
            start = time.process_time()
            found = scipy_minimize(function, x, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "gtol": 0.02})
            plain_seconds += time.process_time() - start
            evaluations[1] += found.nfev
            better.append(result.energy[i] - found.fun)
        done += int(count)
    print(f"minimisation alone, {done} candidates: sampler {1000 * our_seconds / done:.2f} ms each "
          f"({evaluations[0] / done:.0f} evaluations), numpy + scipy {1000 * plain_seconds / done:.1f} ms each "
          f"({evaluations[1] / done:.0f} evaluations); ratio {plain_seconds / our_seconds:.0f}")  # fmt: skip
    print(f"mean final energy, sampler minus scipy: {np.mean(better):+.3f} eV (different minima from one start)")


if __name__ == "__main__":
    main()
