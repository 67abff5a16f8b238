"""The uncertainty that stands beside each energy: calibrated, in the ranking, the files and the tables, and never made up."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.columns import ENERGY_SPREAD, UNCERTAINTY
from sampler.composition import Composition
from sampler.funnel import results
from sampler.funnel.stages.energy_source import EnergySource
from sampler.funnel.stages.expected_error import ErrorEstimate, expected_error
from sampler.funnel.stages.uncertainty import with_uncertainty
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.relax import RelaxParams, relax
from sampler.units import KCAL_PER_MOL

LIBRARY = MonomerLibrary.load()
COMMITTEE = tuple(f"b97-3c_sa_am_dma_w-seed{n}" for n in (7, 42, 69))


def waters(count: int) -> Clusters:
    """Water dimers that differ a little."""
    rng = np.random.default_rng(5)
    water = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    dimer = np.concatenate([water, water[:, [1, 0, 2]] + [0.3, 2.9, 0.4]])
    return Clusters.make(
        [dimer + rng.normal(scale=0.03, size=dimer.shape) for _ in range(count)], [[8, 1, 1] * 2] * count
    )


def test_a_relaxation_keeps_the_spread_of_its_last_energies():
    committee = get_potential("painn", model=list(COMMITTEE))
    relaxed = relax(waters(3), committee, RelaxParams(fmax=0.05, max_steps=15))
    again = committee.evaluate(relaxed, forces=False)
    print(relaxed.columns[ENERGY_SPREAD], again.energy_spread)
    assert relaxed.columns[ENERGY_SPREAD] == pytest.approx(again.energy_spread, rel=1e-4)
    alone = relax(waters(1), get_potential("painn", model=COMMITTEE[0]), RelaxParams(max_steps=2))
    assert ENERGY_SPREAD not in alone.columns


def test_spread_and_scatter_add_in_squares():
    error = ErrorEstimate(2.0, "", scatter=0.3, spread_factor=2.0)
    assert error.of_each(np.array([0.2, np.nan])) == pytest.approx([0.5, 0.3])
    assert ErrorEstimate(2.0, "").of_each(np.array([0.2])) == pytest.approx([2.0])


@pytest.mark.parametrize(
    "level, models, known",
    [
        ("b97-3c@pyscf", COMMITTEE, True),
        ("gfn1-xtb", (), True),
        ("b97-3c@pyscf", (), False),  # the level itself
        ("gfn2-xtb", (), False),
        ("", (), False),
    ],
)
def test_what_is_not_calibrated_has_none(level, models, known):
    composition = Composition.parse("2w1sa", LIBRARY)
    clusters = waters(2).replace(energy=np.array([1.0, np.nan]), level=level)
    each = with_uncertainty(clusters, EnergySource(level, models), composition).columns[UNCERTAINTY]
    assert np.isnan(each[1]), "without an energy"
    assert np.isfinite(each[0]) == known
    if known:
        assert each[0] == pytest.approx(expected_error(level, composition, models).scatter)


def test_it_goes_with_the_energies():
    """Energies of another level have none until something says how far off they are."""
    clusters = (
        waters(1)
        .replace(energy=np.array([1.0]), level="gfn1-xtb")
        .with_columns(**{UNCERTAINTY: 0.8, ENERGY_SPREAD: 0.1})
    )
    other = clusters.replace(energy=np.array([2.0]), level="b97-3c@orca")
    assert UNCERTAINTY not in other.columns and ENERGY_SPREAD not in other.columns


def test_ranking_and_files_carry_it(tmp_path):
    composition = Composition.parse("2w", LIBRARY)
    clusters = waters(2).replace(energy=np.array([1.0, 1.0 + KCAL_PER_MOL]), level="gfn1-xtb")
    rows = results.ranking(clusters.with_columns(**{UNCERTAINTY: np.array([0.81234, np.nan])}), composition, LIBRARY)
    assert [row["uncertainty_kcalmol"] for row in rows] == [0.812, None]
    table = list(csv.DictReader(results.to_csv(rows).splitlines()))
    assert [row["uncertainty_kcalmol"] for row in table] == ["0.812", ""]
    assert "uncertainty_kcalmol=0.812" in results.to_xyz(clusters, rows)
    assert results.ranking(clusters, composition, LIBRARY)[0]["uncertainty_kcalmol"] is None
