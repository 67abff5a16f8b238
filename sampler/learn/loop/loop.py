"""The closed loop: rounds in a folder, each with its labels' choice, its models and their cards, killed and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...clusters import Clusters
from ...composition import Composition
from ...errors import InputError
from ...monomers import MonomerLibrary
from ...potentials.base import Potential
from ...rundir.held import held
from ..labels.provenance import content, describe
from ..planned_chunks import digest, keep_plan
from .asked import Learn, knows, starts
from .rounds import Round

SAMPLES = "gfn1-xtb"
"""Samples in the first round where no model that ships has an energy for the molecules."""


@dataclass(frozen=True)
class Learnt:
    """What a loop has left: the models of its last round, a committee, and one ledger a round."""

    models: tuple[Path, ...]
    rounds: tuple[dict[str, Any], ...]


def learn(
    composition: Composition,
    how: Learn,
    folder: Path,
    library: MonomerLibrary,
    *,
    seed: int = 0,
    candidates: Clusters | None = None,
    workers: int | str = 1,
    say: Callable[[str], None] = lambda text: None,
) -> Learnt:
    """Teach a committee of PaiNN a composition.

    The first round samples with models that ship where they know the molecules, and else with GFN1-xTB; each later one with the models of the round before. Of what was sampled that is labelled which these differ on
    most, or refuse. All rounds are labels for the next training, which starts from the weights before it.

    Args:
        folder: of labels, rounds and models; a folder of other settings is refused.
        candidates: structures that are labelled in the first round in any case, such as those that a simulation doubted.

    Raises:
        RunError: another loop is in the folder. InputError: candidates of other atoms, or no label could be computed.
    """
    from ...potentials.of_level import potential_of
    from ...potentials.trained import painn

    labeller = potential_of(how.level)
    if labeller.models:
        raise InputError(
            f"--learn {how.level}: labels come from a method that is calculated, such as gfn1-xtb or b97-3c"
        )
    given = _fitting(candidates, composition, library)
    before = starts(labeller.level, composition, library)
    driver: Potential = (
        painn(before if len(before) > 1 else before[0])
        if knows(before, composition, library)
        else potential_of(SAMPLES)
    )
    plan = asdict(how) | {
        "composition": composition.name(library), "seed": seed, "start": [*before], "driver": content(driver), "candidates": digest(given),
        "labeller": describe(labeller),
    }  # fmt: skip
    with held(folder):
        keep_plan(folder, plan, "another closed loop")
        ledgers = []
        for number in range(how.rounds):
            now = Round(
                folder, number, how, composition, library, seed, labeller, driver, before,
                given if number == 0 else Clusters.empty(), workers, say,
            )  # fmt: skip
            ledgers.append(now.run())
            before = tuple(str(folder / name) for name in ledgers[-1]["models"])
            driver = painn(list(before))
    return Learnt(tuple(Path(name) for name in before), tuple(ledgers))


def _fitting(candidates: Clusters | None, composition: Composition, library: MonomerLibrary) -> Clusters:
    """The candidates; each must have the atoms and the charge of the composition."""
    if candidates is None or not len(candidates):
        return Clusters.empty()
    atoms = composition.atoms(library)
    for i, one in enumerate(candidates):
        count = {int(z): int((one.numbers == z).sum()) for z in set(one.numbers.tolist())}
        if count != atoms or int(one.charge[0]) != composition.charge:
            raise InputError(
                f"candidate {candidates.ids[i]} ({candidates.formulas[i]}, charge {one.charge[0]:+d}) has not the atoms of "
                f"{composition.name(library)}; learn from structures of this composition"
            )
    return candidates.replace(columns={}).without_energies()
