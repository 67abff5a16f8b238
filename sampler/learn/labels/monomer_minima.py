"""Monomer reference energies: every molecule of the library optimised with a potential, kept as a level of theory."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...errors import LevelError
from ...monomers import Monomer, MonomerLibrary
from ...potentials import Potential
from ...storage import write_text
from ...units import HARTREE


@dataclass(frozen=True)
class Minimum:
    """A monomer's lowest minimum.

    Attributes:
        monomer, conformer: names in the library.
        energy: eV.
        positions: (n, 3) Å, atoms ordered as in the library.
        fmax: largest force on an atom, eV/Å.
    """

    monomer: str
    conformer: str
    energy: float
    positions: np.ndarray
    fmax: float


def optimise(
    monomer: Monomer,
    potential: Potential,
    fmax: float = 1e-3,
    steps: int = 300,
    step_done: Callable[[Clusters, float, np.ndarray], None] | None = None,
) -> Minimum:
    """The lowest minimum that the conformers of ``monomer`` relax to (L-BFGS).

    Args:
        fmax: convergence, eV/Å.
        step_done: called with each structure, its energy and forces; every step is a label worth keeping.

    Raises:
        LevelError: an evaluation fails, or no conformer converges.
    """
    from ase import Atoms
    from ase.calculators.calculator import Calculator, all_changes
    from ase.optimize import LBFGS

    class Evaluator(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            one = Clusters.make([atoms.positions], [atoms.numbers], charge=monomer.charge, ids=[monomer.name])
            result = potential.evaluate(one)
            if result.failure[0]:
                raise LevelError(f"{potential.level} fails on {monomer.name}: {result.failure[0]}")
            self.results = {"energy": float(result.energy[0]), "forces": result.needed_forces}
            if step_done:
                step_done(one, float(result.energy[0]), result.needed_forces)

    found = []
    for conformer in monomer.conformers:
        atoms = Atoms(monomer.numbers, conformer.positions, calculator=Evaluator())
        optimizer = LBFGS(atoms, logfile=None, maxstep=0.15)  # type: ignore[arg-type]  # ASE takes None
        optimizer.run(fmax=fmax, steps=steps)
        rest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        if rest <= fmax:
            found.append(
                Minimum(monomer.name, conformer.name, atoms.get_potential_energy(), atoms.positions.copy(), rest)
            )
    if not found:
        raise LevelError(f"no conformer of {monomer.name} converges to {fmax} eV/Å in {steps} steps")
    return min(found, key=lambda m: m.energy)


def read_sets(path: Path, *, id: str, engine: str, settings: dict[str, str], **_: Any) -> dict[str, dict]:
    """The reference sets of the level file ``path``, as TOML has them; none if there is no such file.

    Args:
        id, engine, settings: of the level that the file must be of, as :func:`.provenance.describe` gives them.

    Raises:
        LevelError: the file belongs to another level, engine or settings, or is no level file.
    """
    if not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        found = (table["id"], table["engine"], table.get("settings", {}))
        sets = table["reference_sets"]
        for one in sets.values():
            for monomer in one["monomers"].values():
                float(monomer["energy_Eh"])
    except (
        OSError,
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise LevelError(
            f"{path} is not a readable level of theory ({error!r}); repair it, remove it or choose another --out"
        ) from error
    if "element" in table:
        raise LevelError(
            f"{path} holds the parameters of {found[0]}, too, and is not written to; give another --out in the same folder"
        )
    if found != (id, engine, settings):
        raise LevelError(
            f"{path} is another level, engine or settings ({found[0]}, {found[1]}; not {id}, {engine}); choose another "
            "file or remove it"
        )
    return sets


def write_level(
    path: Path,
    *,
    id: str,
    method: str,
    engine: str,
    settings: dict[str, str],
    minima: Iterable[Minimum],
    command: str,
    library: MonomerLibrary,
) -> None:
    """Add ``minima`` to the level file ``path``, as its reference set ``minima``; other sets and monomers stay.

    Raises:
        LevelError: see :func:`read_sets`.
    """
    sets = read_sets(path, id=id, engine=engine, settings=settings)
    chosen = sets.setdefault("minima", {"monomers": {}})
    chosen["source"] = command
    chosen["monomers"] |= entries(minima)
    write_text(path, level_text(id, method, engine, settings, sets, library))


def entries(minima: Iterable[Minimum]) -> dict[str, dict[str, Any]]:
    """Monomer -> what a level file says of it."""
    return {
        m.monomer: {
            "energy_Eh": round(m.energy / HARTREE, 9),
            "conformer": m.conformer,
            "fmax_eV_per_A": round(m.fmax, 6),
            "positions": np.round(m.positions, 6).tolist(),
        }
        for m in minima
    }


def level_text(
    id: str, method: str, engine: str, settings: dict[str, str], sets: dict[str, dict], library: MonomerLibrary
) -> str:
    """A level file: ``sets`` as TOML has the reference sets, monomers in the order of ``library``."""
    order = {name: i for i, name in enumerate(library.names)}
    lines = [f"id = {_s(id)}", f"method = {_s(method)}", f"engine = {_s(engine)}", "", "[settings]"]
    lines += [f"{k} = {_s(v)}" for k, v in settings.items()]
    for name, one in sets.items():
        lines += ["", f"[reference_sets.{name}]", f"source = {_s(one['source'])}"]
        for monomer in sorted(one["monomers"], key=lambda n: order.get(n, 999)):
            entry = one["monomers"][monomer]
            lines += ["", f"[reference_sets.{name}.monomers.{monomer}]", f"energy_Eh = {entry['energy_Eh']!r}"]
            if "positions" in entry:
                lines += [f"conformer = {_s(entry['conformer'])}", f"fmax_eV_per_A = {entry['fmax_eV_per_A']!r}"]
                lines += ["positions = [  # Å"]
                lines += ["    [" + ", ".join(f"{x:.6f}" for x in row) + "]," for row in entry["positions"]] + ["]"]
    return "\n".join(lines) + "\n"


def _s(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
