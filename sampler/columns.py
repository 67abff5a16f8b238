"""The columns of a population: their names, what they hold, and what each derives from.

Every column that the package itself writes has a constant here, and an entry in :data:`COLUMNS` with kind, unit and meaning.
A column has one value a structure, shape (B,). Columns of others, read from files, are carried along.

When positions or energies of a population change, columns that derive from them go (:func:`remaining`). A column is a record
(``parent``, ``seed_chunk``, ``energy_before_eV``: what was, and stays true), or it derives from the energies
(``binding_energy_kcalmol``, ``rank``), or from the geometry (``state``, ``rotational_a_cm1``). The names of columns that are
not known here tell it by their words and units; one that says no unit of energy is a record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["record", "energies", "geometry"]


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes:
        kind: of its values. unit: '' for numbers without one, and for text.
        meaning: in one line. source: what it derives from; see the module.
    """

    kind: Literal["str", "int", "float", "bool"]
    unit: str
    meaning: str
    source: Source


COLUMNS: dict[str, Column] = {}
"""Name -> what it holds, of every column that this package writes."""


def _text(name: str, meaning: str, source: Source = "record") -> str:
    COLUMNS[name] = Column("str", "", meaning, source)
    return name


def _flag(name: str, meaning: str, source: Source = "record") -> str:
    COLUMNS[name] = Column("bool", "", meaning, source)
    return name


def _count(name: str, meaning: str, source: Source = "record") -> str:
    COLUMNS[name] = Column("int", "", meaning, source)
    return name


def _value(name: str, unit: str, meaning: str, source: Source = "record") -> str:
    COLUMNS[name] = Column("float", unit, meaning, source)
    return name


# ---- what becomes of a structure -----------------------------------------------------------------

FATE = _text("fate", "why it does not go on; '' for what does (`sampler.fate.Fate`)")
FATE_DETAIL = _text("fate_detail", "the fate in words: which atoms, the id of the structure it duplicates, …")

# ---- where it comes from -------------------------------------------------------------------------

SEED_CHUNK = _count("seed_chunk", "the chunk of candidates it was generated in, a part of its random key")
PARENT = _text("parent", "id of the structure it was made from; with `grow` the systems, too, and both of two")
PARENT_ENERGY = _value("parent_energy_eV", "eV", "energy of the parent")
GROWN = _text("grown", "how `grow` made it: `add` or `splice`; '' for what came in")
MOVE = _text("move", "the move of a search that made it; '' for what came in")
WALKER = _count("walker", "the walker of a search that drew its parent")
STREAM = _count("stream", "number of the random key of a child, while it is made")
CEILING = _value("ceiling_eV", "eV", "the energy above which a child is given up, while it is made")
LADDER = _text("ladder", "K, the temperatures that its parent is to have replicas at, while it is made")
EXCHANGES = _text("exchanges", "what the exchanges of the replicas came to, while it is made")
ORIGIN = _text("origin", "how a structure of a training pool was made")
TEMPERATURE = _value("temperature", "K", "of the dynamics that made it, in a search or a training pool")
COMPOSITION = _text("composition", "its composition, such as `2sa2am`, in data sets of several")

# ---- rigid bodies and molecules ------------------------------------------------------------------

RIGID_ENERGY = _value("rigid_energy_eV", "eV", "interaction of its rigid molecules when it was generated", "geometry")
RIGID_FMAX = _value("rigid_fmax_eV_per_A", "eV/Å", "the largest force on a rigid molecule then", "geometry")
MOLECULES = _text("molecules", "the molecules in the order of its atoms, such as `1sa 1sa:1 2am`", "geometry")
STATE = _text("state", "protonation state, such as `2 HSO4⁻ · 2 NH4⁺`", "geometry")
OTHER_STATES = _text(
    "other_states", "states it has, too, because protons are shared or nearly so; `; ` between", "geometry"
)
STATE_BEFORE = _text("state_before", "protonation state before the refinement")
IDENTITY = _text("identity", "`intact`, `reacted`, `evaporated` or `exploded`", "geometry")
IDENTITY_DETAIL = _text("identity_detail", "what happened to it; '' if nothing", "geometry")
INTACT = _flag("intact", "whether every molecule is whole and all are connected", "geometry")
SHARED_PROTONS = _count("shared_protons", "protons midway between two molecules", "geometry")
ISOTOPES = _text("isotopes", "isotopes other than the usual ones")

# ---- relaxation and energies ---------------------------------------------------------------------

CONVERGED = _flag("converged", "whether it is at a minimum of the potential, as closely as was asked", "energies")
RMSD_TO_START = _value("rmsd_to_start_A", "Å", "RMSD to the geometry before a relaxation; like atoms may change places")
FMAX = _value("fmax_eV_per_A", "eV/Å", "the largest force on an atom", "energies")
STEPS = _count("steps", "accepted steps of the relaxation")
EVALUATIONS = _count("evaluations", "evaluations of the potential spent on it")
RANK = _count("rank", "place by energy, 1 is the lowest", "energies")
RELATIVE_ENERGY = _value("relative_energy_kcalmol", "kcal/mol", "energy above the lowest", "energies")
BINDING_ENERGY = _value("binding_energy_kcalmol", "kcal/mol", "energy minus those of its monomers", "energies")
ENERGY_SPREAD = _value(
    "energy_spread_eV", "eV", "standard deviation of the energy within a committee of models", "energies"
)
UNCERTAINTY = _value(
    "uncertainty_kcalmol", "kcal/mol", "one standard deviation of the relative energy from that of B97-3c", "energies"
)
NO_BINDING = _text("no_binding_energy", "why it has no binding energy; '' where it has one", "energies")
ENERGY_BEFORE = _value("energy_before_eV", "eV", "energy before the last refinement")
LEVEL_BEFORE = _text("level_before", "level of theory of that energy")
RANK_BEFORE = _count("rank_before", "place by that energy; -1 without one")

# ---- duplicates and searches ---------------------------------------------------------------------

DUPLICATE_OF = _text("duplicate_of", "id of the structure that it duplicates; '' if none", "energies")
TIMES_FOUND = _count("times_found", "candidates that ended in it")
MIRROR_COUNT = _count("mirror_count", "those of them that are its mirror image only")
MERGED_FROM = _text("merged_from", "the search that a structure of merged runs is of")
FOUND_IN = _text("found_in", "how often each of the merged searches found it, such as `seed0 12, seed1 3`")
SEEN = _count("seen", "how often a search met it, other than by its own children, what came in included")
TRIED = _count("tried", "children made from it")
FOUND = _count("found", "how often children of others ended in it")
WALKERS = _count("walkers", "bit w is set where walker w draws it as a parent")
FINDERS = _count("finders", "bit w is set where a child of walker w ended in it")

# ---- selection by confidence ---------------------------------------------------------------------

LOWEST_PROBABILITY = _value("lowest_probability", "", "probability that it is the minimum of the high level")
HELD_PROBABILITY = _value("held_probability", "", "probability that a selection kept that minimum")
ASSUMED_ERROR = _value("assumed_error_kcalmol", "kcal/mol", "error of relative energies that both rest on")

# ---- ORCA ----------------------------------------------------------------------------------------

ORCA_STATUS = _text("orca_status", "how the job ended: `finished`, or why it did not", "energies")
ORCA_VERSION = _text("orca_version", "version of ORCA", "energies")
IMAGINARY_MODES = _count("imaginary_modes", "imaginary frequencies; -1 without any frequencies", "energies")
LOWEST_FREQUENCY = _value("lowest_frequency_cm1", "cm⁻¹", "the lowest frequency", "geometry")
TEMPERATURE_K = _value("temperature_K", "K", "temperature of the thermochemistry", "energies")
ZERO_POINT = _value("zero_point_eV", "eV", "zero-point energy", "energies")
ENTHALPY = _value("enthalpy_eV", "eV", "enthalpy", "energies")
GIBBS = _value("gibbs_eV", "eV", "Gibbs free energy", "energies")
ENTROPY = _value("entropy_eV_per_K", "eV/K", "entropy", "energies")
DIPOLE = _value("dipole_debye", "D", "dipole moment", "energies")
POLARIZABILITY = _value("polarizability_bohr3", "bohr³", "isotropic polarisability", "energies")
ROTATIONAL_A = _value("rotational_a_cm1", "cm⁻¹", "the largest rotational constant", "geometry")
ROTATIONAL_B = _value("rotational_b_cm1", "cm⁻¹", "the second", "geometry")
ROTATIONAL_C = _value("rotational_c_cm1", "cm⁻¹", "the smallest", "geometry")
CYCLES = _count("cycles", "cycles of the optimisation")
SECONDS = _value("seconds", "s", "wall time of the job")
MULTIPLICITY = _count("multiplicity", "spin multiplicity that an output states")

# ---- labels for training -------------------------------------------------------------------------

FAILURE = _text("failure", "why there is no label; '' where there is one")
CPU_SECONDS = _value("cpu_seconds", "s", "CPU time of the label")
ENGINE = _text("engine", "program and versions that made it")
DEVICE = _text("device", "`cpu` or `gpu`")
DISAGREEMENT = _value(
    "disagreement_eV_per_A", "eV/Å", "spread of the forces of a committee, the worst atom", "energies"
)


# ---- names that are not known --------------------------------------------------------------------

_RECORDS = re.compile(r"(^|_)(before|parent|ceiling|assumed)(_|$)")
_ENERGIES = re.compile(
    r"_(eV|kcal_?mol|kJ_?mol|Eh|calmolK)(_per_\w+)?$|^(binding|relative)_|^orca_|^(log|out):|^reference_set$", re.ASCII
)
_PLACED = re.compile(r"^(rigid|rotational|identity)_|_cm1$|_frequenc(y|ies)\b|^(point_group|rg_A)$")


def source(name: str) -> Source:
    """What a column derives from."""
    if name in COLUMNS:
        return COLUMNS[name].source
    if _RECORDS.search(name):
        return "record"
    if _PLACED.search(name):
        return "geometry"
    return "energies" if _ENERGIES.search(name) else "record"


def of_energy(name: str) -> bool:
    """Whether a column says something of the energies, the level or the forces."""
    return source(name) == "energies"


def of_geometry(name: str) -> bool:
    """Whether a column says something of where the atoms are; energies do."""
    return source(name) != "record"


def remaining(columns: Mapping[str, Any], *, moved: bool, judged: bool) -> dict[str, Any]:
    """The columns that still hold when the atoms were ``moved``, or when energies or level became others."""
    return {k: v for k, v in columns.items() if not (moved and of_geometry(k)) and not (judged and of_energy(k))}


def renamed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns under their present names: what earlier versions called ``multiplicity`` beside other counts of a
    search is ``times_found``, and no spin. (Beside ``orca_status`` it is the spin.)"""
    old, new = MULTIPLICITY, TIMES_FOUND
    if old not in columns or new in columns or ORCA_STATUS in columns or not {MIRROR_COUNT, SEEN} & set(columns):
        return dict(columns)
    return {new if k == old else k: v for k, v in columns.items()}
