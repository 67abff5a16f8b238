"""Input of the Atmospheric Cluster Dynamics Code (ACDC): cluster set, thermochemistry, dipoles.

The formats are those that the public program reads (Perl generators of 2016 to 2022, manual of 2022 and example
files of https://github.com/tolenius/ACDC and https://github.com/tolenius/ClusterIn; 10.5194/acp-12-2345-2012):

* the cluster set (``--i``): a header line with one word a molecule, lines ``name:``, ``charge:``, … ,
  ``density [kg/m**3]:``, then one line a row of clusters with one column that may be a range, and ``out neutral`` …
  lines that say what has grown out of the system;
* the energies (``--e``): pressure in Pa, temperature in K, then ``label ΔH ΔS`` in kcal/mol and cal/mol/K, formation
  from neutral molecules and one ion a sign (:mod:`.acdc_ions`), each cluster once; what has 0 needs no line;
* dipoles (``--dip``): ``label dipole polarizability`` in debye and Å³ of the neutral species, used for collisions
  with ions.

Labels are numbers and names in the order of the header, such as ``2A1N``. A cation holds a proton (``1A1N1P``). An
anion is a molecule of its own (``B`` for HSO4⁻) where no other molecule gives its proton away; where several do, it lacks
one (``1A1RP``), so that the charge can move from one to the other.
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
from .acdc_ions import Shift, neutral_of, shifts
from .thermo.study import Cluster, Study

NAMES = {"sa": "A", "am": "N", "dma": "D", "ma": "M", "tma": "T", "w": "W", "b": "B", "msa": "S", "eda": "E"}
"""Names that ACDC's examples and publications use; others are called by their own name in capitals."""
PROTON = "P"
MISSING = "RP"
"""ACDC's own name of a proton that has been removed; it knows it by its negative mass."""
PROTON_MASS = 1.00728
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
        name: letters, as in labels. title: header word. charge: e. mass: g/mol. density: kg/m³ (None for protons).
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
    above = shifts(made, library)
    anions, cations = ([m for m in library if m.name in above and m.charge * sign > 0] for sign in (-1, 1))
    missing = len(anions) > 1
    ordered = [m for m in library if m.family in families]
    neutral = [m for m in ordered if m.charge == 0]
    known = _Names(names, densities, anions, cations, library)
    molecules = [_molecule(m, known) for m in neutral]
    keys = [m.name for m in neutral]
    strongest = max(ACIDS.values()) + 1, max(BASES.values()) + 1
    if missing:
        molecules.append(Molecule(MISSING, "removed_proton", -1, -PROTON_MASS, None, base=strongest[1]))
        keys.append(MISSING)
    else:
        molecules += [_anion(m, known) for m in anions]
        keys += [m.name for m in anions]
    if cations:
        molecules.append(Molecule(PROTON, "proton", 1, PROTON_MASS, None, acid=strongest[0]))
        keys.append(PROTON)
    used = [m.name for m in molecules]
    for name in used:
        if not (name.isascii() and name.isalpha()):
            raise InputError(f"a molecule of ACDC is named by letters alone, not {name!r}")
        if used.count(name) > 1:
            raise InputError(f"two molecules would be called {name!r} in ACDC; name one with --name MOLECULE=LETTERS")
    entries = [_entry(c, keys, above, library, moments or {}) for c in clusters]
    t = made.treatment
    note = f"{made.level}, low modes {t.low}" + ("" if t.low == "harmonic" else f" {t.cutoff:g} cm-1")
    zeros = sorted({s.zero for name, s in above.items() if s.zero != name})
    note += f", ions relative to {' and '.join(zeros)}" if zeros else ""
    return System(
        tuple(molecules), tuple(entries), made.conditions.temperature, made.conditions.pressure,
        f"{note}, scaling {t.scaling.method}",
    )  # fmt: skip


@dataclass(frozen=True)
class _Names:
    """What the molecules of a system are made of: see :func:`system`."""

    names: Mapping[str, str]
    densities: Mapping[str, float]
    anions: Sequence[Monomer]
    cations: Sequence[Monomer]
    library: MonomerLibrary

    def of(self, monomer: Monomer) -> str:
        return self.names.get(monomer.name, monomer.name.upper().rstrip("0123456789"))


def _mass(monomer: Monomer) -> float:
    from ase.data import atomic_masses

    return float(atomic_masses[monomer.numbers].sum())


def _density(neutral: Monomer, densities: Mapping[str, float]) -> float:
    if neutral.name not in densities:
        raise InputError(
            f"no liquid density of {neutral.name} is known, which ACDC needs for collision rates; "
            f"give one with --density {neutral.name}=VALUE (kg/m³)"
        )
    return float(densities[neutral.name])


def _molecule(m: Monomer, known: _Names) -> Molecule:
    name = known.of(m)
    anion = next((a for a in known.anions if a.family == m.family), None)
    negative = "-" if anion is None else known.of(anion) if len(known.anions) == 1 else f"1{name}1{MISSING}"
    protonated = any(ion.family == m.family for ion in known.cations)
    return Molecule(
        name=name, title=m.title.replace(" ", "_"), charge=0, mass=_mass(m),
        density=_density(m, known.densities), negative=negative, positive=f"1{name}1{PROTON}" if protonated else "-",
        acid=ACIDS.get(m.name, -1 if m.name in BASES else 0), base=BASES.get(m.name, -1 if m.name in ACIDS else 0),
    )  # fmt: skip


def _anion(m: Monomer, known: _Names) -> Molecule:
    parent = neutral_of(m, known.library)
    return Molecule(
        name=known.of(m), title=m.title.replace(" ", "_"), charge=-1, mass=_mass(m),
        density=_density(parent, known.densities), neutral=known.of(parent), base=max(BASES.values()) + 1,
    )  # fmt: skip


def _entry(
    cluster: Cluster, keys: Sequence[str], above: Mapping[str, Shift], library: MonomerLibrary,
    moments: Mapping[str, tuple[float, float]],
) -> Entry:  # fmt: skip
    d = cluster.binding
    if d is None and cluster.molecules > 1:
        raise InputError(f"{cluster.name} has no free energy of binding; leave it out, or add its monomers")
    counts = dict.fromkeys(keys, 0)
    enthalpy, entropy = (d.enthalpy, d.entropy) if d else (0.0, 0.0)
    for name, n in cluster.counts:
        monomer = library[name]
        if name not in counts:  # an ion is the molecule and a proton, or without one
            counts[neutral_of(monomer, library).name] += n
            counts[PROTON if monomer.charge > 0 else MISSING] += n
        else:
            counts[name] += n
        if name in above:
            enthalpy, entropy = enthalpy + n * above[name].enthalpy, entropy + n * above[name].entropy
    more = cluster.lowest.columns
    own = float(more.get("dipole_debye", np.nan)), float(more.get("polarizability_A3", np.nan))
    return Entry(
        tuple(counts.values()), cluster.charge, enthalpy / KCAL_PER_MOL, entropy / KCAL_PER_MOL * 1000.0,
        *moments.get(cluster.lowest.id, own),
    )  # fmt: skip


# ---- the files -------------------------------------------------------------------------------------------------------


def energies_text(s: System) -> str:
    """``HS…K.txt``: two lines of conditions, then label, ΔH (kcal/mol), ΔS (cal/mol/K) of all that is not zero."""
    lines = [f"{s.pressure:.10g}", f"{s.temperature:.10g}", f"# {s.note}; label, dH kcal/mol, dS cal/mol/K"]
    for e in _sorted(s):
        if _single(e, s) and e.enthalpy == e.entropy == 0.0:
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
    """One molecule; a proton does not count as one, nor a missing one."""
    return sum(n for n, m in zip(e.counts, s.molecules) if m.name not in (PROTON, MISSING)) == 1


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
