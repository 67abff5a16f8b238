"""The embedded B97-3c against real ORCA 5.0.3 results, and its speed.

    python benchmarks/labels.py orca REFERENCE [--frames 0,1,2]   # the 20 ENGRAD jobs of SA4AM4
    python benchmarks/labels.py minima REFERENCE [--largest 2]     # Wu et al.'s minima: energies and forces
    python benchmarks/labels.py speed REFERENCE [--largest 4]      # CPU seconds per label and the share of its parts
    python benchmarks/labels.py gpu REFERENCE [--largest 4]        # a CUDA device against one core: energies, forces, time
    python benchmarks/labels.py rate LABELS [--device gpu]         # labels an hour and core: a label folder or an .npz
    python benchmarks/labels.py fitting REFERENCE                  # Coulomb fitting bases against ORCA's energies
    python benchmarks/labels.py grids REFERENCE                    # integration grids against a very large one
    python benchmarks/labels.py points REFERENCE                   # grid points of SA4AM4, beside those ORCA prints

REFERENCE is the folder of public reference data (its README says where each file comes from). Each line printed is
one structure; finished ones are kept in --out (a label folder) and not computed again.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

from sampler.clusters import Clusters  # noqa: E402
from sampler.errors import FileFormatError  # noqa: E402
from sampler.learn.labels.dataset import LabelSet  # noqa: E402
from sampler.learn.labels.label import collect, label  # noqa: E402
from sampler.levels import load_level  # noqa: E402
from sampler.potentials.composite import CompositePotential  # noqa: E402
from sampler.units import HARTREE, HARTREE_PER_BOHR, KCAL_PER_MOL  # noqa: E402

POTENTIAL = CompositePotential("b97-3c")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["orca", "minima", "speed", "gpu", "rate", "fitting", "grids", "points"])
    parser.add_argument("reference", type=Path)
    parser.add_argument("--frames", default="")
    parser.add_argument("--largest", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("b97-3c-check"))
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="rate: of which labels")
    parser.add_argument(
        "--missing", choices=["cpu", "gpu", "none"], default="cpu", help="rate: the device of labels that name none"
    )
    arguments = parser.parse_args()
    every = {
        "orca": orca,
        "minima": minima,
        "speed": speed,
        "gpu": gpu,
        "rate": rate,
        "fitting": fitting,
        "grids": grids,
        "points": points,
    }
    every[arguments.what](arguments)


def orca(arguments) -> None:
    """Absolute, relative and binding energies and force components of the ORCA frames."""
    from ase.io import read

    frames = read(arguments.reference / "sa_am/orca503_b973c_engrad/sa4am4_b973c_engrad.extxyz", ":")
    chosen = [int(i) for i in arguments.frames.split(",")] if arguments.frames else range(len(frames))
    wanted = Clusters.from_ase([frames[i] for i in chosen])
    labels = _labels(wanted, arguments.out)
    energies = dict(zip(labels.ids.tolist(), labels.energy))
    rows, components = [], []
    for i, one in zip(chosen, wanted):
        name = str(one.ids[0])
        if name not in energies:
            continue
        k = labels.ids.tolist().index(name)
        theirs = frames[i].info["b973c_electronic_energy_Eh"] * HARTREE
        forces = -frames[i].arrays["b973c_gradient_Eh_per_bohr"] * HARTREE_PER_BOHR
        components.append((labels.forces[labels.atoms_of(k)] - forces).ravel() / KCAL_PER_MOL)
        rows.append((name, (energies[name] - theirs) / KCAL_PER_MOL))
        print(f"{name:24s} E - E(ORCA) = {rows[-1][1]:8.4f} kcal/mol   RMS force difference "
              f"{np.sqrt(np.mean(components[-1] ** 2)):.4f}, largest {np.abs(components[-1]).max():.4f} kcal/mol/A",
              flush=True)  # fmt: skip
    if not rows:
        return
    difference = np.array([d for _, d in rows])
    ours, theirs = load_level("b97-3c@pyscf"), load_level("b97-3c@orca5")
    counts = {"sa": 4, "am": 4}
    shift = (ours.reference_energy(counts) - theirs.reference_energy(counts)) / KCAL_PER_MOL
    every = np.concatenate(components)
    print(f"\n{len(rows)} frames")
    print(f"absolute energy: mean {difference.mean():.4f}, standard deviation {difference.std():.4f} kcal/mol")
    print(f"binding energy (each engine with its own monomer minima): mean {difference.mean() - shift:.4f} kcal/mol")
    print(f"forces: RMS {np.sqrt(np.mean(every**2)):.4f}, MAE {np.abs(every).mean():.4f} kcal/mol/A")


def minima(arguments) -> None:
    """The residual forces and binding energies at the B97-3c minima of Wu et al."""
    from ase.io import read

    frames = read(arguments.reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz", ":")
    frames = [f for f in frames if f.info["n_sa"] <= arguments.largest]
    labels = _labels(Clusters.from_ase(frames), arguments.out)
    level = load_level("b97-3c@pyscf")
    for frame in frames:
        k = labels.ids.tolist().index(frame.info["name"])
        counts = {"sa": int(frame.info["n_sa"]), "am": int(frame.info["n_am"])}
        binding = level.binding(labels[k], counts).values[0] / KCAL_PER_MOL
        published = frame.info["b973c_binding_electronic_kcalmol"]
        force = np.linalg.norm(labels.forces[labels.atoms_of(k)], axis=1).max() / KCAL_PER_MOL
        print(f"{frame.info['name']:20s} binding {binding:9.3f}, published {published:9.3f}, difference "
              f"{binding - published:7.3f} kcal/mol; largest force {force:.3f} kcal/mol/A", flush=True)  # fmt: skip


def speed(arguments) -> None:
    """CPU seconds of one label by size, beside PySCF's public interface for the smallest."""
    from ase.io import read

    frames = read(arguments.reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz", ":")
    frames = [f for f in frames if f.info["n_sa"] <= arguments.largest]
    POTENTIAL.evaluate(Clusters.make([np.array([[0.0, 0, 0], [0, 0, 0.74]])], [[1, 1]]))  # compile
    for frame in frames:
        one = Clusters.from_ase([frame])
        row = [_seconds(POTENTIAL, one)]
        if frame.info["n_sa"] == 1:
            row.append(_seconds(CompositePotential("b97-3c", fast=False), one))
        print(f"{len(frame):4d} atoms: {row[0]:7.1f} s a label, {3600 / row[0]:6.0f} labels an hour and core"
              + (f"; PySCF's public interface {row[1]:.1f} s" if len(row) > 1 else ""), flush=True)  # fmt: skip


def gpu(arguments) -> None:
    """Seconds of wall time on a GPU; up to three pairs beside one CPU core, with the differences."""
    from ase.io import read

    frames = read(arguments.reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz", ":")
    frames = [f for f in frames if f.info["n_sa"] <= arguments.largest]
    potentials = {d: CompositePotential("b97-3c", device=d) for d in ("cuda", "cpu")}
    for potential in potentials.values():
        potential.evaluate(Clusters.from_ase(frames[:1]))  # compile
    for frame in frames:
        frame.rattle(0.03, seed=1)
        one, found, words = Clusters.from_ase([frame]), {}, []
        for device, potential in potentials.items():
            if device == "cpu" and frame.info["n_sa"] > 3:
                continue
            started = time.perf_counter()
            found[device] = potential.evaluate(one)
            words.append(f"{device} {time.perf_counter() - started:.1f} s {found[device].failure[0]}")
        if len(found) == 2:
            energy = found["cuda"].energy[0] - found["cpu"].energy[0]
            force = np.abs(found["cuda"].forces - found["cpu"].forces).max()
            words.append(f"differences {1e6 * energy:.2f} ueV, {1e6 * force:.1f} ueV/A")
        print(f"{len(frame):4d} atoms: " + ", ".join(words), flush=True)


def fitting(arguments) -> None:
    """Absolute energies of SA, NH3 and SA1AM1 minus ORCA's, for three fitting bases; medium grid, kcal/mol."""
    import dataclasses
    from types import MappingProxyType

    from ase.io import read

    from sampler.potentials.composite import corrections, fast, methods, molecule
    from sampler.units import BOHR

    monomers = {f.info["name"]: f for f in read(arguments.reference / "monomers/monomers_b973c.extxyz", ":")}
    dimer = read(arguments.reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz", 0)
    systems = {"sa": monomers["1sa"], "am": monomers["1am"], "sa1am1": dimer}
    for basis in (methods.get_method("b97-3c").fitting, "file:def2-mtzvpp-rij.nwchem", "def2-universal-jfit"):
        method = dataclasses.replace(
            methods.get_method("b97-3c"), fitting=basis, grid=MappingProxyType({"H": (50, 302), "default": (75, 302)})
        )
        off = {}
        for name, frame in systems.items():
            mol = molecule.build(method, frame.numbers, frame.positions, 0)
            energy = fast.scf(method, mol, False)[0]
            energy += corrections.correction(method, frame.numbers, frame.positions / BOHR, 0)[0]
            off[name] = (energy - frame.info["b973c_electronic_energy_Eh"]) * HARTREE / KCAL_PER_MOL
        binding = off["sa1am1"] - off["sa"] - off["am"]
        words = "  ".join(f"{k} {v:8.4f}" for k, v in off.items())
        print(f"{basis.removeprefix('file:'):26s} {words}  binding {binding:8.4f}", flush=True)


def rate(arguments) -> None:
    """Labels an hour and process by number of atoms, where ten or more were computed (not taken over from elsewhere)."""
    source = arguments.reference
    done = collect(source) if source.is_dir() else _file(source)
    seconds = np.nan_to_num(done.columns.get("cpu_seconds", np.zeros(len(done))))
    device = done.columns.get("device", np.full(len(done), "")).copy().astype("U4")
    device[device == ""] = arguments.missing
    ours = (device == arguments.device) & (seconds > 0)
    print(f"{ours.sum()} of {len(done)} labels: seconds are known, and the device is {arguments.device}")
    print("| atoms | labels | CPU s: median, 10 % and 90 % | an hour and core |\n|---|---|---|---|")
    for atoms in np.unique(done.natoms):
        spent = seconds[(done.natoms == atoms) & ours]
        if len(spent) >= 10:
            low, middle, high = np.percentile(spent, [10, 50, 90])
            print(f"| {atoms} | {len(spent)} | {middle:.1f}, {low:.1f} to {high:.1f} | {3600 / middle:.0f} |")


def _file(path: Path) -> Clusters:
    """A clusters file or a data set."""
    try:
        return Clusters.load(path)
    except FileFormatError:
        return LabelSet.load(path).clusters


def grids(arguments) -> None:
    """Energy and forces of a distorted SA1AM1 on several grids against (99, 590), with the grid's response and without."""
    import dataclasses
    from types import MappingProxyType

    from ase.io import read

    from sampler.potentials.composite import fast, methods, molecule
    from sampler.potentials.composite import reference as public

    frame = read(arguments.reference / "sa_am/b973c_minima/sa_am_b973c_minima.extxyz", 0)
    frame.rattle(0.05, seed=1)
    chosen = methods.get_method("b97-3c")
    mol = molecule.build(chosen, frame.numbers, frame.positions, 0)
    every = {
        "(99, 590)": {"default": (99, 590)},
        "default of sampler": dict(chosen.grid),
        "PySCF's level 2": _level(2),
        "PySCF's level 3": _level(3),
        "(75, 302), H (50, 302)": dict(methods.FINE_GRID),
    }
    exact = None
    for name, grid in every.items():
        method = dataclasses.replace(chosen, grid=MappingProxyType(grid), convergence=(1e-9, 1e-5))
        result = fast.scf(method, mol)
        exact = exact or result
        mf = public.mean_field(method, mol)
        mf.kernel()
        _grid_row(name, mf.grids.weights.size, result, mf.nuc_grad_method().kernel(), exact)


def _level(number: int) -> dict[str, tuple[int, int]]:
    """PySCF's grid ``number`` in the form of a method's grid."""
    from pyscf.dft import gen_grid

    table = {"H": 1, "N": 7, "O": 8, "S": 16}
    return {s: (gen_grid._default_rad(z, number), gen_grid._default_ang(z, number)) for s, z in table.items()}


def _grid_row(name, size, result, plain, exact) -> None:
    with_response, without = (np.sqrt(np.mean(((g - exact[1]) * HARTREE_PER_BOHR) ** 2)) for g in (result[1], plain))
    print(f"{name:24s} {size:7d} points, energy {(result[0] - exact[0]) * HARTREE / KCAL_PER_MOL:8.4f} kcal/mol, RMS force "
          f"error {with_response:.5f} eV/A, without response {without:.5f}", flush=True)  # fmt: skip


def points(arguments) -> None:
    """Points of the grid used here for SA4AM4, and of ORCA's default as its outputs print them."""
    import re

    from ase.io import read
    from pyscf.dft import gen_grid

    from sampler.potentials.composite import methods, molecule

    folder = arguments.reference / "sa_am/orca503_b973c_engrad"
    frame = read(folder / "sa4am4_b973c_engrad.extxyz", 0)
    method = methods.get_method("b97-3c")
    grid = gen_grid.Grids(molecule.build(method, frame.numbers, frame.positions, 0))
    grid.atom_grid = dict(method.grid)
    grid.build(with_non0tab=False)
    print(f"sampler: {grid.weights.size} points; {method.settings['grid']}")
    for output in sorted((folder / "raw").glob("*.out"))[:1]:
        text = output.read_text()
        angular, count = (re.findall(p, text)[0] for p in (r"AngularGrid \.\.\. (.+)", r"grid points +\.\.\. +(\d+)"))
        print(f"ORCA 5.0.3: {count} points; angular grid {angular}, H one unit smaller, pruned ({output.name})")


def _seconds(potential, one) -> float:
    started = time.process_time()
    failure = potential.evaluate(one).failure[0]
    if failure:
        raise SystemExit(failure)
    return time.process_time() - started


def _labels(wanted: Clusters, folder: Path) -> Clusters:
    for k, one in enumerate(wanted):
        result = label(one, POTENTIAL, folder)
        print(f"{k + 1}/{len(wanted)} {one.ids[0]}: {result.seconds:.0f} s", flush=True)
    return collect(folder)


if __name__ == "__main__":
    main()
