"""Input of the Atmospheric Cluster Dynamics Code (ACDC): cluster set, thermochemistry, dipoles.

The formats are those that the public program reads (Perl generator acdc_2022_05_04.pl, manual of 2022 and example
files of https://github.com/tolenius/ACDC and https://github.com/tolenius/ClusterIn; 10.5194/acp-12-2345-2012):

* the cluster set (``--i``): a header line with one word a molecule, lines ``name:``, ``charge:``, … ,
  ``density [kg/m**3]:``, then one line a row of clusters with one column that may be a range, and ``out neutral`` …
  lines that say what has grown out of the system;
* the energies (``--e``): pressure in Pa, temperature in K, then ``label ΔH ΔS`` in kcal/mol and cal/mol/K, formation
  from the monomers, each cluster once; monomers have 0 and need no line;
* dipoles (``--dip``): ``label dipole polarizability`` in debye and Å³ of the neutral species, used for collisions
  with ions.

Labels are numbers and names in the order of the header, such as ``2A1N``. An ion is a molecule of its own (``B`` for
HSO4⁻), a cation holds a proton (``1A1N1P``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..monomers import Monomer, MonomerLibrary
from ..storage import write_text
from ..units import KCAL_PER_MOL
from .thermo.study import Cluster, Study

NAMES = {"sa": "A", "am": "N", "dma": "D", "ma": "M", "tma": "T", "w": "W", "b": "B", "msa": "S", "eda": "E"}
"""Names that ACDC's examples and publications use; others are called by their own name in capitals."""
PROTON = "P"
# kg/m³ of the pure liquids at about 298 K; those of H2SO4, NH3 and (CH3)2NH as in ACDC's examples
DENSITIES = {
    "sa": 1830.0, "am": 696.0, "dma": 680.0, "ma": 694.0, "tma": 670.0, "w": 997.0, "msa": 1481.0, "nta": 1512.9,
    "fa": 1220.0, "eda": 899.0,
}  # fmt: skip
# relative strengths, which order what leaves a cluster outside the system; −1 for the other kind, 0 for neither
ACIDS = {"sa": 4, "msa": 3, "nta": 2, "fa": 1}
BASES = {"am": 1, "ma": 2, "dma": 4, "tma": 3, "eda": 3}


@dataclass(frozen=True)
class Molecule:
    """One column of the cluster set.

    Attributes:
        name: letters, as in labels. title: header word. charge: e. mass: g/mol. density: kg/m³ (None for the proton).
        neutral, negative, positive: labels of the corresponding molecules, '-' if none.
        acid, base: strengths; −1 for a base's and an acid's other one, 0 for neither.
    """

    name: str
    title: str
    charge: int
    mass: float
    density: float | None
    neutral: str = "-"
    negative: str = "-"
    positive: str = "-"
    acid: int = -1
    base: int = -1


@dataclass(frozen=True)
class Entry:
    """One cluster: counts in the order of the molecules, charge, ΔH kcal/mol, ΔS cal/mol/K; dipole and polarizability."""

    counts: tuple[int, ...]
    charge: int
    enthalpy: float
    entropy: float
    dipole_debye: float = float("nan")
    polarizability_A3: float = float("nan")

    @property
    def molecules(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class System:
    """What the files are written from; ``entries`` holds the monomers too, with ΔH = ΔS = 0."""

    molecules: tuple[Molecule, ...]
    entries: tuple[Entry, ...]
    temperature: float
    pressure: float
    note: str

    def label(self, counts: Sequence[int]) -> str:
        """ACDC's label, e.g. ``2A1N``."""
        return "".join(f"{n}{m.name}" for n, m in zip(counts, self.molecules) if n)


def system(
    made: Study,
    library: MonomerLibrary,
    names: Mapping[str, str] | None = None,
    densities: Mapping[str, float] | None = None,
    moments: Mapping[str, tuple[float, float]] | None = None,
) -> System:
    """The ACDC system of a study.

    Args:
        names: molecule -> letters, beside :data:`NAMES`. densities: molecule -> kg/m³, beside :data:`DENSITIES`.
        moments: id of a species -> dipole in debye and polarizability in Å³, in place of what the species brings.

    Raises:
        InputError: a cluster with more than one charge, a name that is no letters or used twice, an unknown density.
    """
    names = NAMES | dict(names or {})
    densities = DENSITIES | dict(densities or {})
    families: dict[str, None] = {}
    clusters = [c for c in made.clusters if c.counts]
    for cluster in clusters:
        if abs(cluster.charge) > 1:
            raise InputError(f"{cluster.name} has the charge {cluster.charge:+d}; ACDC knows -1, 0 and +1 only")
        families |= {library[m].family: None for m, _ in cluster.counts}
    anions = {m for c in clusters for m, _ in c.counts if library[m].charge < 0}
    positive = any(c.charge > 0 for c in clusters)
    ordered = [m for m in library if m.family in families]
    neutral = [m for m in ordered if m.charge == 0]
    molecules = [_molecule(m, names, densities, anions, positive, library) for m in neutral]
    molecules += [_anion(m, names, densities, library) for m in ordered if m.name in anions]
    if positive:
        molecules.append(Molecule(PROTON, "proton", 1, 1.00728, None, acid=max([*ACIDS.values()]) + 1))
    used = [m.name for m in molecules]
    for name in used:
        if not (name.isascii() and name.isalpha()):
            raise InputError(f"a molecule of ACDC is named by letters alone, not {name!r}")
        if used.count(name) > 1:
            raise InputError(f"two molecules would be called {name!r} in ACDC; name one with --name MOLECULE=LETTERS")
    keys = [m.name for m in neutral] + [m.name for m in ordered if m.name in anions] + ["p"] * positive
    entries = [_entry(c, keys, library, moments or {}) for c in clusters]
    t = made.treatment
    note = f"{made.level}, low modes {t.low}" + ("" if t.low == "harmonic" else f" {t.cutoff:g} cm-1")
    return System(
        tuple(molecules), tuple(entries), made.conditions.temperature, made.conditions.pressure,
        f"{note}, scaling {t.scaling.method}",
    )  # fmt: skip


def _mass(monomer: Monomer) -> float:
    from ase.data import atomic_masses

    return float(atomic_masses[monomer.numbers].sum())


def _density(monomer: Monomer, densities: Mapping[str, float], library: MonomerLibrary) -> float:
    parent = next((m.name for m in library.family(monomer.family) if m.charge == 0), monomer.name)
    if parent not in densities:
        raise InputError(
            f"no liquid density of {parent} is known, which ACDC needs for collision rates; "
            f"give one with --density {parent}=VALUE (kg/m³)"
        )
    return float(densities[parent])


def _name(monomer: Monomer, names: Mapping[str, str]) -> str:
    return names.get(monomer.name, monomer.name.upper())


def _molecule(m, names, densities, anions, positive, library) -> Molecule:
    family = library.family(m.family)
    anion = next((a for a in family if a.name in anions), None)
    can_protonate = positive and any(c.charge > 0 for c in family)
    return Molecule(
        name=_name(m, names), title=m.title.replace(" ", "_"), charge=0, mass=_mass(m),
        density=_density(m, densities, library), negative=_name(anion, names) if anion else "-",
        positive=f"1{_name(m, names)}1{PROTON}" if can_protonate else "-",
        acid=ACIDS.get(m.name, -1 if m.name in BASES else 0), base=BASES.get(m.name, -1 if m.name in ACIDS else 0),
    )  # fmt: skip


def _anion(m, names, densities, library) -> Molecule:
    parent = next(n for n in library.family(m.family) if n.charge == 0)
    return Molecule(
        name=_name(m, names), title=m.title.replace(" ", "_"), charge=-1, mass=_mass(m),
        density=_density(m, densities, library), neutral=_name(parent, names), base=max(BASES.values()) + 1,
    )  # fmt: skip


def _entry(
    cluster: Cluster, keys: Sequence[str], library: MonomerLibrary, moments: Mapping[str, tuple[float, float]]
) -> Entry:
    counts = dict.fromkeys(keys, 0)
    for name, n in cluster.counts:
        monomer = library[name]
        if monomer.charge > 0:  # a protonated molecule is the molecule and a proton
            neutral = next(m for m in library.family(monomer.family) if m.charge == 0)
            counts[neutral.name] += n
            counts["p"] += n
        else:
            counts[name] += n
    d = cluster.binding
    more = cluster.lowest.columns
    known = float(more.get("dipole_debye", np.nan)), float(more.get("polarizability_A3", np.nan))
    return Entry(
        tuple(counts.values()), cluster.charge,
        d.enthalpy / KCAL_PER_MOL if d else 0.0, d.entropy / KCAL_PER_MOL * 1000.0 if d else 0.0,
        *moments.get(cluster.lowest.id, known),
    )  # fmt: skip


# ---- the files -------------------------------------------------------------------------------------------------------


def energies_text(s: System) -> str:
    """``HS…K.txt``: two lines of conditions, then label, ΔH (kcal/mol), ΔS (cal/mol/K); clusters only."""
    lines = [f"{s.pressure:.10g}", f"{s.temperature:.10g}", f"# {s.note}; label, dH kcal/mol, dS cal/mol/K"]
    for e in _sorted(s):
        if _single(e, s):
            continue
        lines.append(f"{s.label(e.counts):<12s} {e.enthalpy:12.4f} {e.entropy:12.4f}")
    return "\n".join(lines) + "\n"


def dipoles_text(s: System) -> str | None:
    """``dip_pol_…K.txt`` of the neutral species; None where a neutral has no dipole or polarizability."""
    neutral = [e for e in _sorted(s) if e.charge == 0]
    if not all(np.isfinite([e.dipole_debye, e.polarizability_A3]).all() for e in neutral):
        return None
    return "".join(f"{s.label(e.counts):<12s} {e.dipole_debye:10.5f} {e.polarizability_A3:10.5f}\n" for e in neutral)


def cluster_set_text(s: System, out: Sequence[Sequence[int]] = ()) -> str:
    """``input.inp``: the molecules, the clusters, and what has grown out of the system.

    Args:
        out: counts that a grown cluster reaches at least, one line each; by default one molecule more of every kind
            of neutral molecule than the largest cluster of each charge.
    """
    rows = [
        ("name:", [m.name for m in s.molecules]),
        ("charge:", [f"{m.charge:d}" for m in s.molecules]),
        ("corresponding neutral molecule:", [m.neutral for m in s.molecules]),
        ("corresponding negative ion:", [m.negative for m in s.molecules]),
        ("corresponding positive ion:", [m.positive for m in s.molecules]),
        ("mass [g/mol]:", [f"{m.mass:.2f}" for m in s.molecules]),
        ("density [kg/m**3]:", [f"{m.density:.1f}" if m.density else "-" for m in s.molecules]),
        ("base strength:", [f"{m.base:d}" for m in s.molecules]),
        ("acid strength:", [f"{m.acid:d}" for m in s.molecules]),
    ]
    lines = [_line("#", [m.title for m in s.molecules]), *[_line(key, values) for key, values in rows]]
    for charge, word in ((0, "neutral"), (-1, "negative"), (1, "positive")):
        entries = [e for e in s.entries if e.charge == charge]
        if not entries:
            continue
        lines.append(f"# {word} clusters")
        lines += [_line("", r) for r in _ranges(entries)]
        given = [o for o in out if _charge(o, s) == charge]
        for criterion in given or [_outgrown(entries, s)]:
            lines.append(_line(f"out {word}", [str(n) for n in criterion]))
    return "\n".join(lines) + "\n"


def write(s: System, folder: Path | str, out: Sequence[Sequence[int]] = ()) -> dict[str, Path]:
    """Write ``input.inp``, ``HS<T>K.txt`` and, where all is known, ``dip_pol_<T>K.txt``; returns what was written."""
    folder = Path(folder)
    t = f"{s.temperature:g}"
    texts = {
        "cluster_set": ("input.inp", cluster_set_text(s, out)),
        "energies": (f"HS{t}K.txt", energies_text(s)),
        "dipoles": (f"dip_pol_{t}K.txt", dipoles_text(s)),
    }
    written = {}
    for what, (name, text) in texts.items():
        if text is not None:
            write_text(folder / name, text)
            written[what] = folder / name
    return written


def parse_counts(text: str, s: System) -> tuple[int, ...]:
    """Counts of a label such as ``5A5N``.

    Raises:
        InputError: a name that is no molecule of the system.
    """
    import re

    parts = re.findall(r"(\d+)([A-Za-z]+)", text)
    known = [m.name for m in s.molecules]
    if "".join(n + m for n, m in parts) != text or any(m not in known for _, m in parts):
        raise InputError(f"{text!r} is no cluster of {', '.join(known)}; write for example 5{known[0]}")
    counts = dict.fromkeys(known, 0)
    for n, m in parts:
        counts[m] += int(n)
    return tuple(counts.values())


def missing_clusters(s: System) -> list[str]:
    """Labels inside the box of the neutral clusters that have no energy: holes that may be wanted or not."""
    import itertools

    have = {e.counts for e in s.entries}
    top = [max((e.counts[k] for e in s.entries if e.charge == 0), default=0) for k in range(len(s.molecules))]
    everything = itertools.product(*[range(n + 1) for n in top])
    return [s.label(c) for c in everything if sum(c) > 1 and c not in have]


def _single(e: Entry, s: System) -> bool:
    """One molecule; the proton does not count as one."""
    return sum(n for n, m in zip(e.counts, s.molecules) if m.name != PROTON) == 1


def _sorted(s: System) -> list[Entry]:
    order = {0: 0, -1: 1, 1: 2}
    return sorted(s.entries, key=lambda e: (order[e.charge], e.molecules, e.counts))


def _charge(counts: Sequence[int], s: System) -> int:
    return sum(n * m.charge for n, m in zip(counts, s.molecules))


def _ranges(entries: list[Entry]) -> list[list[str]]:
    """Rows of the cluster set: the first molecule as a range, all others fixed."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for e in entries:
        groups.setdefault(e.counts[1:], []).append(e.counts[0])
    rows = []
    for rest, firsts in sorted(groups.items(), key=lambda item: item[0][::-1]):
        firsts = sorted(set(firsts))
        start = 0
        for i in range(1, len(firsts) + 1):
            if i == len(firsts) or firsts[i] != firsts[i - 1] + 1:
                low, high = firsts[start], firsts[i - 1]
                rows.append([f"{low}-{high}", *map(str, rest)])
                start = i
    return rows


def _outgrown(entries: list[Entry], s: System) -> list[int]:
    """One more of every kind of neutral molecule than any cluster of this charge has; ions as they are."""
    top = np.max([e.counts for e in entries], axis=0)
    return [int(n) + 1 if m.charge == 0 and n else int(n) for n, m in zip(top, s.molecules)]


def _line(key: str, cells: Sequence[str]) -> str:
    return f"{key:<36s}" + "".join(f"\t{c}" for c in cells)


__all__ = [
    "Entry", "Molecule", "System", "cluster_set_text", "dipoles_text", "energies_text",
    "missing_clusters", "parse_counts", "system", "write",
]  # fmt: skip
