"""The statistics of benchmarks/exploration, against scipy and by hand. Skips where the benchmarks are not beside the tests."""

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "exploration"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not here")


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import records
    import table

    yield records, table
    for name in ("methods", "records", "table", "systems"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("hits, n", [(0, 10), (3, 10), (9, 10), (10, 10), (1, 1)])
def test_wilson_interval(modules, hits, n):
    from scipy.stats import binomtest

    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert modules[0].wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_cost_of_a_success(modules):
    records = modules[0]
    assert records.first_hit([[50, -1.0], [80, -2.0], [90, -2.5]], -2.0) == 80
    assert records.first_hit([], -2.0) == np.inf
    assert records.per_success([80, np.inf, 40], [100, 100, 100]) == (80 + 100 + 40) / 2
    assert records.per_success([np.inf], [100]) == np.inf


def test_records_survive_a_line_cut_short(modules, tmp_path):
    records, path = modules[0], tmp_path / "results.jsonl"
    records.append(path, {"a": 1})
    with path.open("a") as handle:
        handle.write('{"a": 2, "b')
    records.append(path, {"a": 3})
    assert records.read(path) == [{"a": 1}, {"a": 3}]


def test_the_table(modules, tmp_path):
    table = modules[1]

    def record(method, seed, lowest, trace, settings="x", budget=None):
        return {"system": "3w", "method": method, "seed": seed, "settings": settings, "budget": budget, "cpu_minutes": 1.0,
                "lowest_eV": lowest, "state": "3 H2O", "trace": trace, "evaluations": {"gfn1-xtb": 200, "painn": 5000 * (method == "standard")}}  # fmt: skip

    everything = [
        record("standard", 0, -9.0, [[200, -9.0]], settings="old"),
        record("standard", 0, -10.0, [[200, -10.0]]),
        record("standard", 1, -10.001, [[200, -10.001]]),  # 0.02 kcal/mol lower: the same success
        record("random", 0, -9.9, [[30, -9.9]], settings="r0", budget=200),
        record("random", 1, -10.0, [[60, -9.9], [120, -10.0]], settings="r1", budget=210),
    ]
    text = table.markdown(everything)
    assert "| 3w | standard | 2/2 |" in text and "1 records of earlier settings" in text
    assert "| 3w | random | 1/2 | 0.09–0.91 | 120 | 320 | 200 | – | 1.0 |" in text
    assert "| 200 | 200 | 200 | 5,000 | 1.0 |" in text
    everything.append(record("standard-screened", 0, -10.0, [[100, -10.0]]))  # as it was: counts, but has no row
    assert table.markdown(everything).count("standard-screened") == 0
    assert "| 3w | standard-screened | 1/1 |" in table.markdown(everything, earlier=True)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: begin -->\nold\n<!-- table: end -->\nafter\n")
    table.replace(page, text)
    assert "old" not in page.read_text() and page.read_text().startswith("before") and "2/2" in page.read_text()
