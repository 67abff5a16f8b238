"""How far off are GFN1-xTB's relative energies, and does `confidence` keep the high-level minimum as often as it says?

    OMP_NUM_THREADS=1 python benchmarks/confidence.py REFERENCE [--cache gfn1.json] [--most-atoms 46]

REFERENCE is the folder of reference data: conformers optimised at wB97X-D/6-31++G(d,p) (ACDB 2.0 and the SA-W set), and
20 frames of (H2SO4)4(NH3)4 at B97-3c on GFN1-xTB geometries. GFN1-xTB single points on the same geometries are computed with
tblite where the data do not hold them, and kept in the cache; a few CPU minutes.

A system is one composition with at least --least distinct conformers. Tables: the fitted error of each set with its interval,
and nominal against observed coverage, where each system is judged with the error fitted to the *other* systems of its set.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NOMINAL = (0.5, 0.8, 0.9, 0.95, 0.99)
SETS = {
    "SA + W": (("w",), []),
    "SA + AM": (("am",), ["conformers_sa_am", "besel19_sa_am_neutral_and_ions"]),
    "SA + MA": (("ma",), ["conformers_sa_ma"]),
    "SA + DMA": (("dma",), ["conformers_sa_dma"]),
    "SA + TMA": (("tma",), ["conformers_sa_tma"]),
    "SA + EDA": (("eda",), ["conformers_sa_eda"]),
}
_ACDB, _HIGH, _LOW = "acdb2_wb97xd", "wb97xd_electronic_energy_Eh", "gfn1xtb_energy_Eh"


@dataclass
class System:
    """Conformers of one composition: energies in kcal/mol above the lowest of each level, protonation states."""

    name: str
    molecules: int
    high: np.ndarray
    low: np.ndarray
    state: np.ndarray

    @property
    def minimum(self) -> int:
        return int(self.high.argmin())

    @property
    def rank(self) -> int:
        return int((self.low < self.low[self.minimum]).sum()) + 1

    @property
    def error(self) -> np.ndarray:
        """Differences of the levels, their mean taken off, over the square root of the number of molecules."""
        difference = self.high - self.low
        return (difference - difference.mean()) / np.sqrt(self.molecules)


def conformers(reference: Path, cache: Path, files: list[str], most: int) -> list:
    """(frame, high, low in Eh) of all true minima of the files with at most so many atoms."""
    import ase.io

    from sampler.clusters import Clusters
    from sampler.potentials import get_potential
    from sampler.storage import write_text
    from sampler.units import HARTREE

    known = json.loads(cache.read_text()) if cache.exists() else {}
    potential, fresh, found = get_potential("gfn1-xtb"), 0, []
    for name in files:
        frames = ase.io.read(reference / _ACDB / f"{name}.extxyz", ":")
        for frame in sorted(frames, key=len):
            if len(frame) > most or frame.info.get("lowest_frequency_cm1", 1.0) <= 0:
                continue
            charge = int(frame.info["charge"])
            key = f"{name}:{frame.info['name']}:{charge}"
            if key not in known:
                one = Clusters.make([frame.positions], [frame.numbers], charge=charge)
                energy = float(potential.evaluate(one, forces=False).energy[0])
                known[key] = energy / HARTREE if np.isfinite(energy) else None
                fresh += 1
                if fresh % 100 == 0:
                    write_text(cache, json.dumps(known))
            if known[key] is not None:
                found.append((frame, frame.info[_HIGH], known[key]))
    if fresh:
        write_text(cache, json.dumps(known))
    return found


def systems(entries: list, least: int) -> list[System]:
    """One for each composition; conformers that agree in both energies to 0.01 kcal/mol count once."""
    from sampler.clusters import Clusters
    from sampler.composition import Composition
    from sampler.identify import identify
    from sampler.monomers import MonomerLibrary
    from sampler.units import HARTREE, KCAL_PER_MOL

    library = MonomerLibrary.load()
    grouped = defaultdict(list)
    for frame, high, low in entries:
        grouped[frame.info.get("cluster", "4sa4am"), int(frame.info["charge"])].append((frame, high, low))
    made = []
    for (name, charge), group in grouped.items():
        energy = np.array([(h, w) for _, h, w in group]) * HARTREE / KCAL_PER_MOL
        energy -= energy.min(0)
        _, first = np.unique(energy.round(2), axis=0, return_index=True)
        if len(first) < least:
            continue
        composition = Composition.parse(name, library, charge)
        frames = [group[i][0] for i in first]
        clusters = Clusters.make([f.positions for f in frames], [f.numbers for f in frames], charge=charge)
        found = identify(clusters, composition, library).columns
        whole = found["intact"]
        if whole.sum() >= least:
            high, low = energy[first][whole].T
            made.append(
                System(
                    f"{name} {charge:+d} {len(first)}",
                    composition.molecules(),
                    high - high.min(),
                    low - low.min(),
                    found["state"][whole],
                )
            )
    return made


ERRORS = np.geomspace(0.1, 8.0, 45)  # kcal/mol per square root of a molecule
_FINE = np.geomspace(0.1, 8.0, 2000)


def curve(s: System) -> np.ndarray:
    """(2000,) log-probability of the high-level minimum to be where it is, for each error of ``_FINE``."""
    from scipy.interpolate import CubicSpline

    from sampler.funnel.stages.minimum_probability import minimum_probabilities

    if s.name not in _CURVES:
        p = [minimum_probabilities(s.low, e * np.sqrt(s.molecules))[s.minimum] for e in ERRORS]
        _CURVES[s.name] = CubicSpline(np.log(ERRORS), np.log(np.maximum(p, 1e-300)))(np.log(_FINE))
    return _CURVES[s.name]


_CURVES: dict[str, np.ndarray] = {}


def fit(chosen: list[System]) -> float:
    """As ``benchmarks/confidence_b97/fit.py``, from curves that are made once a system."""
    return float(_FINE[sum(curve(s) for s in chosen).argmax()])


def likely(chosen: list[System]) -> tuple[float, float]:
    """95 % interval of the fitted error: where the log-likelihood is within 1.92 of its maximum."""
    total = sum(curve(s) for s in chosen)
    inside = _FINE[total > total.max() - 1.92]
    return float(inside[0]), float(inside[-1])


def state_share(chosen: list[System]) -> float:
    """Share of the errors' variance that lies between protonation states (one-way random effects, pooled)."""
    between = within = inside = states = weight = 0.0
    for s in chosen:
        _, label, count = np.unique(s.state, return_inverse=True, return_counts=True)
        mean = np.bincount(label, s.error) / count
        within += ((s.error - mean[label]) ** 2).sum()
        inside += len(s.error) - len(count)
        between += (count * (mean - s.error.mean()) ** 2).sum()  # expected: weight * variance + (states - 1) * noise
        states += len(count) - 1
        weight += count.sum() - (count**2).sum() / count.sum()
    if not weight:
        return np.nan
    noise = within / inside
    variance = max(0.0, (between - states * noise) / weight)
    return variance / (variance + noise)


def coverage(chosen: list[System]) -> list[tuple[float, int, float]]:
    """(nominal, systems whose minimum is kept, mean share of the structures kept) with the error of the other systems."""
    from sampler.funnel.stages.minimum_probability import how_many

    others = [fit([t for t in chosen if t is not s]) * np.sqrt(s.molecules) for s in chosen]
    rows = []
    for nominal in NOMINAL:
        kept = [how_many(s.low, sigma, nominal)[0] for s, sigma in zip(chosen, others)]
        rows.append(
            (
                nominal,
                sum(s.rank <= k for s, k in zip(chosen, kept)),
                np.mean([k / len(s.low) for s, k in zip(chosen, kept)]),
            )
        )
    return rows


def main() -> None:
    import ase.io
    from scipy.stats import kurtosis

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("gfn1-single-points.json"))
    parser.add_argument("--most-atoms", type=int, default=46)
    parser.add_argument("--least", type=int, default=8, help="conformers that a system must have")
    arguments = parser.parse_args()
    reference = arguments.reference

    groups: dict[str, list[System]] = {}
    for label, (_, files) in SETS.items():
        entries = conformers(reference, arguments.cache, files, arguments.most_atoms)
        if label == "SA + W":
            for name in ("sa_w_equilibrium", "sa4w5_equilibrium"):
                frames = ase.io.read(reference / f"sa_w/equilibrium_wb97xd_gfn1/{name}.extxyz", ":")
                entries += [(f, f.info[_HIGH], f.info[_LOW]) for f in frames]
        groups[label] = systems(entries, arguments.least)
    once: dict[str, System] = {}  # systems of acid alone are in every set
    for s in (s for label, group in groups.items() if label != "SA + W" for s in group):
        once.setdefault(s.name.split()[0] + s.name.split()[1], s)
    groups["SA + a base (all five)"] = list(once.values())

    print("| set | systems | conformers | error fitted to the minima (95 %) | standard deviation of the differences | excess kurtosis "
          "| share between protonation states |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for label, group in groups.items():
        if len(group) < 3:
            continue
        errors = np.concatenate([s.error for s in group])
        spread = np.sqrt(np.mean([s.error.var(ddof=1) for s in group]))
        shape = kurtosis(np.concatenate([s.error / s.error.std() for s in group]))
        best = fit(group)
        low, high = likely(group)
        share = state_share(group)
        print(f"| {label} | {len(group)} | {len(errors)} | {best:.2f} ({low:.2f}–{high:.2f}) | {spread:.2f} | {shape:+.2f} "
              f"| {'–' if np.isnan(share) else f'{share:.2f}'} |", flush=True)  # fmt: skip
    print("\nErrors: kcal/mol per square root of a molecule.\n")
    print("| set | " + " | ".join(f"{n:.0%}" for n in NOMINAL) + " |\n|---|" + "---|" * len(NOMINAL))
    for label, group in groups.items():
        if len(group) >= 5:
            cells = [f"{hit}/{len(group)}, keeps {share:.0%}" for _, hit, share in coverage(group)]
            print(f"| {label} | " + " | ".join(cells) + " |", flush=True)

    frames = ase.io.read(reference / "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz", ":")
    (orca,) = systems([(f, f.info["b973c_electronic_energy_Eh"], f.info[_LOW]) for f in frames], 5)
    from sampler.funnel.stages.minimum_probability import how_many

    assumed = fit(groups["SA + AM"]) * np.sqrt(orca.molecules)
    print(f"\nORCA, B97-3c on {len(orca.low)} GFN1-xTB minima of 4sa4am: standard deviation of the differences "
          f"{orca.error.std(ddof=1) * np.sqrt(orca.molecules):.2f} kcal/mol ({orca.error.std(ddof=1):.2f} per square root of a molecule); its lowest is "
          f"number {orca.rank} by GFN1-xTB, {orca.low[orca.minimum]:.2f} kcal/mol above the lowest there.")  # fmt: skip
    print(
        "With the error of SA + AM: "
        + ", ".join(f"{n:.0%} keeps {how_many(orca.low, assumed, n)[0]}" for n in NOMINAL)
        + "."
    )


if __name__ == "__main__":
    main()
