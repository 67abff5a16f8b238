"""The stage ``select`` with ``confidence``, by itself: what it keeps, what it says, whose error it takes."""

import json

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.errors import InputError, ModelError, ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.stages import expected_error
from sampler.funnel.stages import minimum_probability as confidence
from sampler.funnel.stages.context import Context
from sampler.funnel.stages.energy_source import EnergySource
from sampler.funnel.stages.select import Select
from sampler.monomers import MonomerLibrary
from sampler.units import KCAL_PER_MOL

LIBRARY = MonomerLibrary.load()
GFN1 = EnergySource("gfn1-xtb")


def population(n=30, level="gfn1-xtb"):
    energies = np.linspace(0, 10, n)[::-1] * KCAL_PER_MOL - 50
    return Clusters.make([np.zeros((1, 3))] * n, [np.array([1])] * n, energy=energies, level=level)


def context(name="2sa2w", folder="."):
    return Context(Composition.parse(name, LIBRARY), LIBRARY, 0, folder)


def test_the_stage_keeps_what_the_confidence_takes():
    stage = Select(kind="select", confidence=0.9, error_kcalmol=1.2)
    out = stage.run(population(), context())
    kept = out.columns["fate"] == ""
    k, reached = confidence.how_many(np.linspace(0, 10, 30), 1.2, 0.9)
    assert kept.sum() == k and kept[:k].all() and 1 < k < 30
    ledger = stage.ledger_of_result(out)["confidence"]
    assert (ledger["kept"], ledger["of"]) == (k, 30) and ledger["probability"] == pytest.approx(reached, abs=1e-4)
    assert ledger["error_kcalmol"] == 1.2 and stage.ledger_of_sources(context())["error_from"] == "protocol"
    json.dumps(ledger)


def test_the_stage_says_what_a_limit_costs():
    free = Select(kind="select", confidence=0.95, error_kcalmol=3.0)
    asked = free.ledger_of_result(free.run(population(), context()))["confidence"]["probability"]
    for limit in ({"count": 2}, {"window_kcalmol": 0.5}):
        stage = Select(kind="select", confidence=0.95, error_kcalmol=3.0, **limit)
        ledger = stage.ledger_of_result(stage.run(population(), context()))
        assert ledger["confidence"]["kept"] == 2 and ledger["confidence"]["probability"] < 0.95 <= asked
        assert "less than asked" in stage.said_at_end(ledger)[0]


def test_a_second_selection_counts_what_the_first_has_left_out():
    """Its probability is about all that came to the first one, and it keeps more to make up for that."""
    first = Select(kind="select", confidence=0.97, error_kcalmol=3.0)
    out = first.run(population(60), context())
    before = first.ledger_of_result(out)["confidence"]
    second = Select(kind="select", confidence=0.9, error_kcalmol=1.0)
    survivors = out[out.columns["fate"] == ""]
    now = second.ledger_of_result(second.run(survivors, context()))["confidence"]
    alone = np.cumsum(confidence.minimum_probabilities(np.linspace(0, 10, 60)[: before["kept"]], 1.0))
    print(f"first {before}, second {now}; of what came in {alone[now['kept'] - 1]:.4f}")
    assert now["probability"] == pytest.approx(before["probability"] * alone[now["kept"] - 1], abs=2e-4)
    assert now["probability"] >= 0.9 and before["probability"] * alone[now["kept"] - 2] < 0.9
    beyond = Select(kind="select", confidence=0.99, error_kcalmol=1.0)  # more than is left to be had
    ledger = beyond.ledger_of_result(beyond.run(survivors, context()))["confidence"]
    assert ledger["kept"] == before["kept"] and ledger["probability"] == pytest.approx(before["probability"], abs=1e-4)


def test_the_calibrated_error():
    stage = Select(kind="select", confidence=0.9).informed(GFN1, ["relax with gfn1-xtb"])
    stage.check(context())
    ledger = stage.ledger_of_result(stage.run(population(), context()))
    expected = expected_error.expected_error("gfn1-xtb", Composition.parse("2sa2w", LIBRARY)).kcalmol
    assert ledger["confidence"]["error_kcalmol"] == pytest.approx(expected, abs=1e-4)
    assert stage.ledger_of_sources(context())["error_from"] == "calibration"
    larger = expected_error.expected_error("gfn1-xtb", Composition.parse("4sa4w", LIBRARY)).kcalmol
    assert larger == pytest.approx(np.sqrt(2) * expected)
    assert stage.identity(context()) == {"error_kcalmol": pytest.approx(expected, abs=1e-5)}
    assert f"{ledger['confidence']['kept']} structures: relax with gfn1-xtb" in stage.said_at_end(ledger)[0]


def test_a_narrow_search_is_told_of():
    """What the search itself did not keep is not counted; where it may matter, that is said."""
    for window, error, lines in ((6.0, 4.0, 2), (6.0, 0.5, 1), (None, 8.0, 1)):
        stage = Select(kind="select", confidence=0.95, error_kcalmol=error).informed(GFN1, [], window)
        told = stage.said_at_end(stage.ledger_of_result(stage.run(population(), context())))
        assert len(told) == lines and (lines == 1 or "more than 6 kcal/mol" in told[1])


def test_the_error_of_a_model_that_was_not_calibrated_comes_on_top():
    plain = Select(kind="select", confidence=0.9)
    stage = Select(kind="select", confidence=0.9, model="gfn1-xtb_sa_am")
    added = stage.run(population(), context("2sa2am")).columns["assumed_error_kcalmol"][0]
    alone = plain.run(population(), context("2sa2am")).columns["assumed_error_kcalmol"][0]
    assert added**2 == pytest.approx(alone**2 + expected_error.model_error("gfn1-xtb_sa_am") ** 2)
    with pytest.raises(ModelError):
        Select(kind="select", confidence=0.9, model="nothing").check(context())


def test_what_was_not_calibrated_is_said_before_the_run():
    stage = Select(kind="select", confidence=0.9).informed(GFN1, [])
    with pytest.raises(InputError, match="was calibrated for nta.*error_kcalmol"):
        stage.check(context("1nta1am"))
    Select(kind="select", confidence=0.9, error_kcalmol=2.0).check(context("1nta1am"))
    with pytest.raises(InputError, match="gfn2-xtb.*only of gfn1-xtb"):
        stage.informed(EnergySource("gfn2-xtb"), []).check(context())
    with pytest.raises(InputError, match="gfn2-xtb"):
        Select(kind="select", confidence=0.9).run(population(level="gfn2-xtb"), context())
    with pytest.raises(InputError, match="no energies"):
        stage.informed(EnergySource(), []).run(population(level=""), context())


@pytest.mark.parametrize(
    "wrong", [{}, {"confidence": 1.5}, {"confidence": 0.9, "diverse": 0.2}, {"count": 3, "error_kcalmol": 1.0},
              {"confidence": 0.9, "error_kcalmol": 1.0, "model": "gfn1-xtb_sa_am"}]
)  # fmt: skip
def test_contradictions_in_a_protocol(wrong):
    with pytest.raises(ProtocolError):
        protocols.build(
            {"name": "x", "description": "x", "stage": [{"kind": "generate"}, {"kind": "select", **wrong}]}, "x"
        )
