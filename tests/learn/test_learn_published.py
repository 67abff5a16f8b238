"""The models of B97-3c that ship against real ORCA numbers, which lie beside the checkout: what their cards claim.

Which models these are is read from ``recommended.toml``, and what they claim from their cards.
"""

import pytest

from sampler.funnel.protocols.automatic import recommendations
from sampler.learn.evaluate import evaluate
from sampler.learn.labels.importing import Columns, import_extxyz
from sampler.monomers import MonomerLibrary
from sampler.potentials import Potential, get_potential
from sampler.potentials.painn.delta import DeltaPotential
from sampler.potentials.painn.potential import CommitteePotential, PaiNNPotential
from sampler.potentials.trained import model_folder

pytestmark = pytest.mark.once

DIRECT, DELTA = (
    next(r["options"]["model"] for r in recommendations() if r["level"] == "b97-3c" and r.get("delta", False) == delta)
    for delta in (False, True)
)
WU = "wu_1sa1am_to_14sa14am"
CLAIMS = {
    "mae_energy_kcal_mol": ("energy", "mae_kcal_mol", 0.01),
    "relative_mae_energy_kcal_mol": ("energy", "relative_mae_kcal_mol", 0.01),
    "rank_correlation": ("energy", "spearman", 0.005),  # two structures next to each other change places by rounding
    "mae_forces_kcal_mol_A": ("forces", "mae_kcal_mol_A", 0.01),
}


class Remembered(Potential):
    """GFN1-xTB with what it said of the same structures before: all Δ models share one calculation."""

    level = "gfn1-xtb"

    def __init__(self):
        self.said = {}

    def evaluate(self, clusters, forces=True):
        key = clusters.positions.tobytes()
        if key not in self.said:
            self.said[key] = get_potential("gfn1-xtb").evaluate(clusters)
        return self.said[key]


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


@pytest.fixture(scope="module")
def base():
    return Remembered()


@pytest.fixture(scope="module")
def sets(reference, library):
    """Prefix in the cards -> labels: 20 structures of 4sa4am with gradients, and minima of Wu et al. without."""
    folder, energy = reference / "sa_am", "b973c_electronic_energy_Eh"

    def labels(file, columns):
        return import_extxyz(next(folder.glob(f"*/{file}")), "b97-3c@orca5", library, ("sa", "am"), columns).labels

    gradients = Columns(energy, "Eh", "b973c_gradient_Eh_per_bohr", "bohr", gradient=True)
    orca, wu = (
        labels("sa4am4_b973c_engrad.extxyz", gradients),
        labels("sa_am_b973c_minima.extxyz", Columns(energy, "Eh")),
    )
    return {"orca_4sa4am": orca, WU: wu}


def check(models, prefix, data, sets, library, base):
    """Every error in ``data`` that the card of ``models`` names, there being some, is what it is now."""
    potential, card = opened(models, base)
    report = evaluate(potential, sets[data], library).report()["all"]
    said = {claim: card.errors.get(f"{prefix}{data}_{claim}") for claim in CLAIMS}
    assert said["mae_energy_kcal_mol"] is not None, card.errors
    for claim, (part, key, tolerance) in CLAIMS.items():
        if said[claim] is not None:
            print(claim, said[claim], report[part][key])
            assert report[part][key] == pytest.approx(said[claim], abs=tolerance), claim


def opened(models, base):
    """A model, or a committee of several, and the card of the first; corrections on top of ``base``."""
    members = [PaiNNPotential(model_folder(name)) for name in models]
    potential, card = CommitteePotential(members) if len(members) > 1 else members[0], members[0].card
    return (DeltaPotential(base, potential) if card.base_level else potential), card


# GFN1-xTB of 14sa14am takes its time
SETS = [(group, "orca_4sa4am") for group in (DIRECT, DELTA)] + [
    (DIRECT, WU),
    pytest.param(DELTA, WU, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("group, data", SETS)
def test_members_have_the_errors_of_their_cards(group, data, sets, library, base):
    for name in group:
        check([name], "", data, sets, library, base)


@pytest.mark.parametrize("group, data", SETS)
def test_committees_have_the_errors_of_their_cards(group, data, sets, library, base):
    check(group, "committee_", data, sets, library, base)


@pytest.mark.parametrize("names", [DIRECT, DELTA], ids=["direct", "delta"])
def test_the_default_ranks_real_b97_energies_better_than_gfn1_does(names, sets, library, base):
    """A model that is worse than GFN1-xTB must not be the default."""
    labels = sets["orca_4sa4am"]
    ours, theirs = (evaluate(p, labels, library).report()["all"] for p in (opened(names, base)[0], base))
    print(ours["energy"], theirs["energy"])
    assert ours["energy"]["relative_mae_kcal_mol"] < 0.5 * theirs["energy"]["relative_mae_kcal_mol"]
    assert ours["energy"]["spearman"] > theirs["energy"]["spearman"] + 0.2
    assert ours["forces"]["mae_kcal_mol_A"] < 0.2 * theirs["forces"]["mae_kcal_mol_A"]
