"""Fits a rigid surface of clusters of ions to relaxed ones, for data/surfaces.

    OMP_NUM_THREADS=1 python benchmarks/fit_surface.py sample OUT --seed 0
    OMP_NUM_THREADS=1 python benchmarks/fit_surface.py fit OUT --write
    OMP_NUM_THREADS=1 python benchmarks/fit_surface.py sample OUT-B97 --protocol b97-3c; … fit OUT-B97 --surface b97-3c --write

``sample`` generates candidates of many compositions with the parameters that are in the library, relaxes them with the potential of the protocol's
first stage relax (a PaiNN of GFN1-xTB), and leaves OUT/COMPOSITION-SEED.npz; what is there is not done again. ``fit`` reads all of them. Run in turn, with
another seed each time: so structures that the fitted surface prefers wrongly are in the next fit.

A structure counts as its molecules, with the library's geometry laid over what they are in the minimum. Wanted: (1) at the minimum of
the rigid surface next to it the energy is that of the relaxed structure, up to a constant for each composition and
protonation state; (2) forces and torques on whole molecules vanish where the relaxed structure has them. The minima of (1) are found anew
after each fit. One type of atom is a class that the bond graph cannot tell apart. Charges
add up to that of the molecule; their products are multiplied by the mean of a share for each of two molecules, which is fitted,
so that as many cations as anions have no net charge.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import tblite.interface  # noqa: F401 - before torch
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from sampler import resources, units
from sampler.clusters import Clusters
from sampler.composition import Composition, Form
from sampler.funnel.parents import read_parent
from sampler.funnel.protocols.automatic import resolve
from sampler.funnel.protocols.protocol import load as load_protocol
from sampler.funnel.runner import with_surface
from sampler.generate import generate
from sampler.generate.bodies import Bodies, Kinds, from_library, take_apart
from sampler.generate.fitted import SURFACES, FittedSurface, surface
from sampler.generate.rigid import _CLOSEST_H, _CLOSEST_HEAVY, Poses, coordinates, minimise, surface_parameters
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.relax import RelaxParams, relax
from sampler.units import KCAL_PER_MOL

COMPOSITIONS = "1sa1am 2sa2am 3sa3am 4sa4am 5sa5am 1sa1dma 2sa2dma 3sa3dma 4sa4dma 2sa1am1dma 3sa2am1dma 3sa1am2dma 4sa2am2dma".split()
MOLECULES = ("b", "amh", "dmah")
WIDTH = 5.0  # kcal/mol, over which the weight of a structure falls with its energy
FORCES = 0.5  # (kcal/mol)² in the loss for 1 (kcal/mol/Å)²
PRIOR = 0.02
SHARE = 0.5  # of the charge of ions, to start with
LONELY, FAR = 0.35, 0.8  # Å: geometries further from the library's are left out; rigid minima further away do not count
LIBRARY = MonomerLibrary.load()


def sample(arguments: argparse.Namespace) -> None:
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.compositions or COMPOSITIONS:
        file = arguments.out / f"{name}-{arguments.seed}.npz"
        if file.exists():
            continue
        composition = Composition.parse(name, LIBRARY)
        declared = load_protocol(arguments.protocol)
        protocol = resolve(declared, composition, LIBRARY, "gfn1-xtb" if declared.end else "auto")
        stage = next(s for s in protocol.stage if s.kind == "relax")
        options = dict(library=with_surface(LIBRARY, protocol), seed=arguments.seed, symmetric=0.5, shares="ions-only")
        half = arguments.candidates // 2
        parts = [
            generate(composition, half, method="exploration", explorations=2, effort=500, **options),
            generate(composition, half, **options),
        ]
        found = relax(
            Clusters.concatenate(parts),
            get_potential(stage.potential, **stage.options),
            RelaxParams(fmax=0.05, max_steps=300),
        )
        found = found[np.flatnonzero(found.columns["fate"] == "")]
        found.save(file)
        print(f"{name}: {len(found)} structures, {found.columns['evaluations'].sum()} evaluations", flush=True)


# --- atoms have types: (molecule, class in its bond graph)


def classes(numbers: np.ndarray, held_by: np.ndarray) -> np.ndarray:
    """Heavy atoms by element and number of hydrogens, hydrogens by what holds them."""
    own = np.array([((held_by == k) & (numbers == 1)).sum() for k in range(len(numbers))])
    return np.where(numbers == 1, 1000 + numbers[held_by], 10 * numbers + own)


MONOMERS = {name: LIBRARY[name] for name in MOLECULES}
SHAPES = {n: [from_library(Form(n, c), LIBRARY) for c in range(len(m.conformers))] for n, m in MONOMERS.items()}
TYPES = {
    key: k
    for k, key in enumerate(
        dict.fromkeys((n, int(c)) for n in MOLECULES for c in classes(SHAPES[n][0].numbers, SHAPES[n][0].held_by))
    )
}


def types_of(bodies: Bodies) -> np.ndarray:
    """(n,) number of each atom's type."""
    parts = []
    for m, name in enumerate(bodies.names):
        atoms = slice(bodies.ptr[m], bodies.ptr[m + 1])
        parts += [TYPES[name, int(c)] for c in classes(bodies.numbers[atoms], bodies.held_by[atoms] - bodies.ptr[m])]
    return np.array(parts)


ATOMS = {name: types_of(shapes[0]) for name, shapes in SHAPES.items()}


def laid_over(bodies: Bodies) -> tuple[Bodies, float]:
    """The library's molecules where those of a structure are, and the largest of their root mean square distances (Å)."""
    placed, worst = [], 0.0
    for m, name in enumerate(bodies.names):
        one = bodies.take([m])
        label, best = classes(one.numbers, one.held_by), (np.inf, None)
        for shape in SHAPES[name]:
            order = classes(shape.numbers, shape.held_by)
            # hydrogens on carbon follow from the rest
            firm = [c for c in np.unique(label) if c != 1006]
            groups = [(np.flatnonzero(label == c), np.flatnonzero(order == c)) for c in firm]
            mine = np.concatenate([g[0] for g in groups])
            for turn in itertools.product(*(itertools.permutations(g[1]) for g in groups)):
                theirs = np.concatenate(turn)
                for hand in (1.0, -1.0):
                    rotation, shift, rms = _superposed(hand * shape.positions[theirs], one.positions[mine])
                    if rms < best[0]:
                        best = rms, shape.at(hand * shape.positions @ rotation + shift)
        placed.append(best[1])
        worst = max(worst, best[0])
    return Bodies.join(placed), worst


def _superposed(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Rotation and shift that bring x onto y (Kabsch), and the distance left."""
    u, _, v = np.linalg.svd((x - x.mean(0)).T @ (y - y.mean(0)))
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))]) @ v
    shift = y.mean(0) - x.mean(0) @ rotation
    return rotation, shift, float(np.sqrt(((x @ rotation + shift - y) ** 2).sum(1).mean()))


def read(folders: list[Path], runs: list[Path], most: tuple[int, int]) -> dict[str, list[tuple[Bodies, float]]]:
    """Structures of the given molecules by composition and state, with energies in kcal/mol; so many of each file, and of each run."""
    found, kinds, rng = defaultdict(list), Kinds(LIBRARY), np.random.default_rng(0)
    files = sorted(f for folder in folders for f in folder.glob("*.npz"))
    sources = [(f.stem.split("-")[0], Clusters.load(f), most[0]) for f in files]
    sources += [(parent.name, parent.archive, most[1]) for parent in (read_parent(run, LIBRARY) for run in runs)]
    for name, clusters, some in sources:
        clusters = clusters[np.sort(rng.permutation(len(clusters))[:some])]
        for bodies, energy in zip(take_apart(clusters, Composition.parse(name, LIBRARY), kinds), clusters.energy):
            if bodies is not None and set(bodies.names) <= set(MOLECULES):
                placed, worst = laid_over(bodies)
                if worst < LONELY:
                    found[name + " " + " ".join(sorted(bodies.names))].append((placed, energy / KCAL_PER_MOL))
    return {key: some for key, some in found.items() if len(some) >= 8}


# --- the surface, as a function of what is fitted


class Pairs:
    """All pairs of atoms of different molecules of many structures."""

    def __init__(self, structures: list[tuple[Bodies, np.ndarray]]):
        columns, vectors, arms, start = [], [], [], 0
        for k, (bodies, x) in enumerate(structures):
            of, types = bodies.molecule_of_atom, types_of(bodies)
            i, j = np.nonzero(of[:, None] < of[None])
            centre = np.add.reduceat(x, bodies.ptr[:-1]) / np.diff(bodies.ptr)[:, None]
            arm = x - centre[of]
            size = np.sqrt(np.add.reduceat((arm**2).sum(1), bodies.ptr[:-1]) / np.diff(bodies.ptr)).clip(0.5)
            arm = arm / size[of][:, None]
            columns.append(np.stack([types[i], types[j], np.full(len(i), k), of[i] + start, of[j] + start]))
            vectors.append(x[i] - x[j])
            arms.append(np.stack([arm[i], arm[j]]))
            start += bodies.molecules
        self.i, self.j, self.structure, self.first, self.second = torch.tensor(np.concatenate(columns, 1))
        self.vector = torch.tensor(np.concatenate(vectors))
        self.r2 = (self.vector**2).sum(1)
        self.arms = torch.tensor(np.concatenate(arms, 1))
        self.structures, self.molecules = len(structures), start

    def _terms(self, tables):
        repulsion, dispersion, coulomb = (t[self.i, self.j] for t in tables)
        sixth = self.r2**-3
        return repulsion * sixth**2, dispersion * sixth, coulomb * self.r2**-0.5

    def energies(self, tables) -> torch.Tensor:
        a, b, c = self._terms(tables)
        return torch.zeros(self.structures, dtype=torch.float64).index_add(0, self.structure, a - b + c)

    def forces(self, tables) -> torch.Tensor:
        """(molecules, 6) kcal/mol/Å: force, and torque divided by the molecule's size."""
        a, b, c = self._terms(tables)
        force = ((12 * a - 6 * b + c) / self.r2)[:, None] * self.vector
        total = torch.zeros(self.molecules, 6, dtype=torch.float64)
        for molecule, arm, sign in ((self.first, self.arms[0], 1.0), (self.second, self.arms[1], -1.0)):
            total = total.index_add(0, molecule, torch.cat([sign * force, sign * torch.linalg.cross(arm, force)], 1))
        return total


class Parameters:
    """Charge of every type of atom, share of every molecule, repulsion and dispersion of every pair of types."""

    def __init__(self) -> None:
        n = len(TYPES)
        usual, count, charge = np.zeros((n, 3)), np.zeros((len(MOLECULES), n)), np.zeros(len(MOLECULES))
        number = np.zeros(n, int)
        for k, name in enumerate(MOLECULES):
            shape, types = SHAPES[name][0], types_of(SHAPES[name][0])
            np.add.at(count[k], types, 1)
            charge[k] = shape.charges[0]
            for t in np.unique(types):
                usual[t], number[t] = shape.parameters[types == t, :3].mean(0), shape.numbers[types == t][0]
        a, b, _ = surface_parameters(number, np.column_stack([usual, np.full(n, -1)]))
        self.pair = torch.tensor(np.triu_indices(n)[0]), torch.tensor(np.triu_indices(n)[1])
        self.usual = (
            torch.tensor(usual[:, 0] * SHARE / 0.75),
            torch.tensor(np.log(np.maximum(a / KCAL_PER_MOL, 1.0)))[self.pair],
            torch.tensor(np.log(np.maximum(b / KCAL_PER_MOL, 0.01)))[self.pair],
        )
        self.count, self.charge = torch.tensor(count), torch.tensor(charge)
        hydrogen = torch.tensor(number == 1)
        self.closest = torch.where(hydrogen[:, None] | hydrogen[None], _CLOSEST_H, _CLOSEST_HEAVY)
        self.molecule = (self.count > 0).double().argmax(0)  # (types,)
        self.free = [
            (self.usual[0] / SHARE).requires_grad_(),
            *(x.clone().requires_grad_() for x in self.usual[1:]),
            torch.full((len(MOLECULES),), np.log(SHARE**2), dtype=torch.float64).requires_grad_(),
        ]

    def start_from(self, table: FittedSurface) -> None:
        """Of the same types."""
        coulomb = torch.tensor(table.coulomb) / units.COULOMB
        own = torch.where(self.molecule[:, None] == self.molecule[None], coulomb * self.count.sum(0), 0.0).sum(1)
        share = self.count @ own
        logarithm = lambda x: torch.tensor(np.log(x / KCAL_PER_MOL))[self.pair]  # noqa: E731
        charges = own / (share * self.charge)[self.molecule]
        values = charges, logarithm(table.repulsion), logarithm(table.dispersion), share.log()
        with torch.no_grad():
            for mine, value in zip(self.free, values):
                mine.copy_(value)

    def tables(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(types, types) repulsion, dispersion and charges multiplied, in kcal/mol and Å."""
        charges, share = self.charges(), self.free[3].exp()[self.molecule]
        coulomb = units.COULOMB / KCAL_PER_MOL * torch.outer(charges, charges) * (share[:, None] + share[None]) / 2
        a, b = (self._square(self.free[k].clamp(-6.0, 20.0).exp()) for k in (1, 2))
        # a point charge never falls into another, as everywhere on the rigid surface
        return torch.maximum(a, (-coulomb).clamp(min=0.0) * self.closest**11 / 12.0), b, coulomb

    def charges(self) -> torch.Tensor:
        """e, that add up to each molecule's charge; what is missing is dealt out evenly over its atoms."""
        left = self.count @ self.free[0] - self.charge
        return self.free[0] - (left / self.count.sum(1))[self.molecule]

    def _square(self, x: torch.Tensor) -> torch.Tensor:
        full = torch.zeros(len(TYPES), len(TYPES), dtype=torch.float64).index_put(self.pair, x)
        return full + full.triu(1).T

    def prior(self) -> torch.Tensor:
        """How far from the usual parameters; keeps those in bounds that the structures say nothing about."""
        charges = self.charges() * (self.free[3] / 2).exp()[self.molecule]
        charges, repulsion, dispersion = (new - old for new, old in zip((charges, *self.free[1:3]), self.usual))
        return (charges / 0.2).square().mean() + repulsion.square().mean() + dispersion.square().mean()

    def surface(self) -> FittedSurface:
        with torch.no_grad():
            return FittedSurface(ATOMS, *(t.numpy() * KCAL_PER_MOL for t in self.tables()))


def fit(arguments: argparse.Namespace) -> None:
    groups = read(arguments.out, arguments.runs, (arguments.most, arguments.most_of_runs))
    print(
        f"{sum(map(len, groups.values()))} structures, {len(groups)} compositions and states, {len(TYPES)} types",
        flush=True,
    )
    structures = [s for some in groups.values() for s in some]
    group = torch.tensor(np.repeat(np.arange(len(groups)), [len(some) for some in groups.values()]))
    energy = np.concatenate([np.array([e for _, e in some]) - min(e for _, e in some) for some in groups.values()])
    weight = np.exp(-energy / WIDTH) + 0.02
    weight /= np.sqrt(np.bincount(group.numpy(), weight))[group.numpy()]
    y, w = torch.tensor(energy), torch.tensor(weight)
    still = Pairs([(b, b.positions) for b, _ in structures[:: arguments.forces_every]])
    of_all = torch.zeros(len(groups), dtype=torch.float64).index_add(0, group, w)
    parameters = Parameters()
    ships = surface(arguments.surface)
    table, first = None, report(groups, ships)
    if not arguments.scratch:
        table = ships
        parameters.start_from(table)
    for round_ in range(arguments.rounds):
        ends = [end(b, table) if table else (b.positions, 0.0, 0.0) for b, _ in structures]
        pairs = Pairs([(b, x if far < FAR else b.positions) for (b, _), (x, _, far) in zip(structures, ends)])
        optimizer = torch.optim.LBFGS(
            parameters.free, max_iter=arguments.steps, history_size=20, line_search_fn="strong_wolfe"
        )

        def parts(pairs=pairs):
            tables = parameters.tables()
            off = pairs.energies(tables) - y
            off = off - (torch.zeros(len(groups), dtype=torch.float64).index_add(0, group, w * off) / of_all)[group]
            return (w * off**2).sum() / w.sum(), (still.forces(tables) ** 2).mean(), parameters.prior()

        def closure(optimizer=optimizer, parts=parts):
            optimizer.zero_grad()
            energies, forces, prior = parts()
            loss = energies + FORCES * forces + PRIOR * prior
            loss.backward()
            return loss

        optimizer.step(closure)
        table = parameters.surface()
        energies, forces, prior = (float(p) for p in parts())
        print(
            f"round {round_}: {energies**0.5:.2f} kcal/mol, {forces**0.5:.2f} kcal/mol/Å, prior {prior:.2f}, shares {parameters.free[3].exp().detach().numpy().round(3)}",
            flush=True,
        )
    after = report(groups, table)
    print(f"{'':48}{'before':>24}{'after':>24}\n{'':48}{'rank corr.      Å':>24}{'rank corr.      Å':>24}")
    for key, some in groups.items():
        print(f"{key:40} {len(some):6d} " + "".join(f"{rho:17.2f} {far:6.2f}" for rho, far in (first[key], after[key])))
    for (name, label), q in zip(TYPES, parameters.charges().tolist()):
        print(f"{name:6} {label:5d} charge {q:8.4f} e")
    if arguments.write:
        write(table, arguments.surface)


def report(groups, table) -> dict[str, tuple[float, float]]:
    """Rank correlation of rigid with relaxed energies, and Å by which distances change, on this surface."""
    found = {}
    for key, some in groups.items():
        ends = [end(b, table) for b, _ in some]
        found[key] = spearmanr([e for _, e, _ in ends], [e for _, e in some])[0], np.mean([far for _, _, far in ends])
    return found


def end(bodies: Bodies, table: FittedSurface) -> tuple[np.ndarray, float, float]:
    """The next rigid minimum: positions, eV, Å (root mean square) by which distances change."""
    a, b, c = table.pairs(types_of(bodies))
    system = replace(bodies.system(), repulsion=a, dispersion=b, coulomb=c)
    poses = Poses(
        bodies.centres()[None], np.tile([1.0, 0.0, 0.0, 0.0], (1, bodies.molecules, 1)), np.ones((1, bodies.molecules))
    )
    found = minimise(system, poses, fmax=0.02, max_evaluations=600)
    x = coordinates(system, found.poses)[0]
    return x, float(found.energy[0]), float(np.sqrt(((pdist(x) - pdist(bodies.positions)) ** 2).mean()))


def write(table: FittedSurface, name: str) -> None:
    rows = lambda x: "[\n" + "".join("    [" + ", ".join(f"{v:.6g}" for v in row) + "],\n" for row in x) + "]"  # noqa: E731
    lines = [
        "# The rigid surface of clusters of these molecules, fitted by benchmarks/fit_surface.py (docs/concepts/generation.md).",
        "# Molecule = type of each atom, in the order of data/monomers",
        "[molecules]",
        *(f"{name} = {of.tolist()}" for name, of in table.types.items()),
    ]
    head = [
        f"repulsion = {rows(table.repulsion)}  # of each pair of types, eV Å¹²",
        f"dispersion = {rows(table.dispersion)}  # eV Å⁶",
        f"coulomb = {rows(table.coulomb)}  # eV Å",
    ]
    file = resources.path("data", "surfaces") / f"{name}.toml"
    file.write_text("\n".join([lines[0], *head, "", *lines[1:]]) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("sample")
    command.add_argument("out", type=Path)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--candidates", type=int, default=200)
    command.add_argument("--compositions", nargs="+")
    command.add_argument(
        "--protocol", default="standard", help="whose first stage relax says with what structures are relaxed"
    )
    command = commands.add_parser("fit")
    command.add_argument("out", type=Path, nargs="+")
    command.add_argument("--surface", default=SURFACES[0], choices=SURFACES)
    command.add_argument(
        "--runs", type=Path, nargs="+", default=[], help="finished runs whose minima of the stage hop count as well"
    )
    command.add_argument("--most", type=int, default=120, help="structures of a file")
    command.add_argument("--most-of-runs", type=int, default=250, help="minima of a run")
    command.add_argument("--rounds", type=int, default=4)
    command.add_argument("--steps", type=int, default=150)
    command.add_argument("--forces-every", type=int, default=3)
    command.add_argument(
        "--scratch", action="store_true", help="start from the library's parameters, not from the surface that ships"
    )
    command.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    {"sample": sample, "fit": fit}[arguments.command](arguments)


if __name__ == "__main__":
    main()
