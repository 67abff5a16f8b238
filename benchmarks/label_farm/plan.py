"""What is sampled for GFN1-xTB labels of all molecules of the library: compositions, and how many structures of each."""

from __future__ import annotations

import numpy as np

from sampler.composition import Composition
from sampler.monomers import MonomerLibrary

ACIDS, BASES = ("sa", "msa", "nta", "fa"), ("am", "ma", "dma", "tma", "eda")
HELD_OUT = (
    "3msa3ma",
    "2nta2am",
    "2sa2tma",
    "2sa2eda",
    "1b2sa2am",
    "2sa3am1p",
    "2sa1msa2dma",
    "2sa2ma2w",
    "2fa2sa1ma",
    "1nta1ntam2am",
)
"""Systems that no model is to know: what the searches with the models are tried on."""
KNOWN = {"sa", "am", "dma", "w"}  # mixtures of these alone have their labels already
SEED = 20261127


def atoms_in(composition: str, library: MonomerLibrary) -> int:
    """Atoms of one structure."""
    return sum(Composition.parse(composition, library).atoms(library).values())


def held_out(library: MonomerLibrary) -> set[str]:
    """``HELD_OUT``, as the library spells compositions."""
    return {Composition.parse(name, library).name(library) for name in HELD_OUT}


def plan(library: MonomerLibrary) -> dict[str, int]:
    """Canonical composition -> structures wanted, from small to large; always the same for one library."""
    rng = np.random.default_rng(SEED)
    neutral = [*ACIDS, *BASES, "w"]
    wanted: dict[str, int] = {}

    def add(name: str, structures: int) -> None:
        made = Composition.parse(name, library)
        canonical = made.name(library)
        if made.charge == 0 and {family for family, _ in made.counts} <= KNOWN:
            return
        if canonical not in left_out:
            wanted[canonical] = max(structures, wanted.get(canonical, 0))

    left_out = held_out(library)
    anions = [m.name for m in library if m.charge == -1]
    cations = [m.name for m in library if m.charge == 1]
    for one in [*neutral, *anions, *cations]:
        add(f"1{one}", 40)
    for i, one in enumerate(neutral):  # every neutral pair, and every pair with an ion
        for other in neutral[i:]:
            add(f"1{one}1{other}", 160)
    for ion in [*anions, *cations]:
        for other in neutral:
            add(f"1{ion}1{other}", 110)
    for acid in ACIDS:
        for base in BASES:
            for acids, bases, structures in (
                (2, 1, 160),
                (1, 2, 110),
                (2, 2, 270),
                (3, 3, 110),
                (3, 2, 110),
                (2, 3, 60),
                (4, 4, 60),
            ):
                add(f"{acids}{acid}{bases}{base}", structures)
            for anion in anions:
                add(f"1{anion}1{acid}1{base}", 60)
                add(f"1{anion}2{acid}2{base}", 60)
            for cation in cations:
                add(f"1{cation}1{acid}1{base}", 60)
                add(f"1{cation}2{acid}2{base}", 60)
    for _ in range(260):  # mixtures of up to four kinds, neutral and with one net charge, up to 6 + 6
        acids = int(np.minimum(6, 1 + rng.geometric(0.45)))
        bases = int(np.clip(acids + rng.integers(-1, 2), 0, 6))
        kinds_of_acid = rng.choice(ACIDS, size=min(acids, int(rng.integers(1, 3))), replace=False)
        kinds_of_base = rng.choice(BASES, size=min(bases, int(rng.integers(1, 3))), replace=False)
        molecules = [*rng.choice(kinds_of_acid, size=acids), *(rng.choice(kinds_of_base, size=bases) if bases else [])]
        molecules += ["w"] * int(rng.choice([0, 0, 1, 2]))
        charge = rng.choice(["", "", "", "anion", "cation"])
        if charge:
            molecules.append(rng.choice(anions if charge == "anion" else cations))
        add("".join(f"{molecules.count(m)}{m}" for m in dict.fromkeys(molecules)), 55)
    order = sorted(wanted, key=lambda c: (atoms_in(c, library), c))
    return {c: wanted[c] for c in order}
