"""Outputs that were cut, doubled, joined and reordered: what is read is of one job, or it is refused."""

import numpy as np
import orca_texts as texts
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sampler.errors import FileFormatError
from sampler.refine.orca import read_outputs
from sampler.refine.orca.folder import usable

pytestmark = pytest.mark.once

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LONG = settings(QUICK, max_examples=1500)
METHODS = ("B97-3c", "TPSSh D4 def2-QZVPP", "r2SCAN-3c")
KINDS = ("sp", "opt", "opt freq")
one_job = st.builds(texts.job, st.sampled_from(sorted(texts.MOLECULES)), st.sampled_from(KINDS), st.sampled_from(METHODS),
                    st.integers(0, 9), st.sampled_from((0, 0, 1)))  # fmt: skip


def _read(path, text):
    path.write_text(text)
    try:
        return read_outputs(path)
    except FileFormatError:
        return []


def _good(results):
    return [r for r in results if usable(r, False)]


def _is(result, fact, places=None):
    """Whether everything that a result says is of that one job."""
    pairs = fact.steps if places is None else places
    if tuple(result.numbers) != fact.numbers or result.charge != fact.charge or result.level not in ("", fact.level):
        return False
    if not any(np.abs(result.positions - p).max() < 1e-5 and abs(result.energy - e) < 1e-7 for p, e in pairs):
        return False
    if len(result.frequencies) and sorted(result.frequencies) != list(fact.frequencies):
        return False
    return all(abs(t.gibbs - fact.gibbs) < 1e-6 for t in result.thermochemistry)


def _apart(jobs):
    """No two jobs of the same molecule and charge, which might be taken for one structure."""
    kinds = [(j[2].molecule, j[2].charge) for j in jobs]
    return len(set(kinds)) == len(kinds)


def _check_jobs_apart(tmp_path, jobs, appended):
    text = "".join(texts.run([j]) for j in jobs) if appended else texts.run(jobs)
    found = _read(tmp_path / "x.out", text)
    assert len(found) == len(jobs) == len(_good(found))
    for result, (_, _, fact) in zip(found, jobs):
        assert _is(result, fact, [fact.last]) and result.level == fact.level
        assert len(result.frequencies) == len(fact.frequencies) and bool(result.thermochemistry) == bool(
            fact.frequencies
        )


def _check_joined(tmp_path, jobs, cuts):
    """Runs of different molecules one behind the other, each cut somewhere."""
    parts, facts = [], []
    for job, cut in zip(jobs, cuts):
        whole = texts.run([job])
        parts.append(whole[: int(len(whole) * cut)])
        facts.append(job[2])
    for result in _good(_read(tmp_path / "x.out", "".join(parts))):
        assert any(_is(result, fact, [fact.last]) for fact in facts), result


def _check_linked(tmp_path, molecule, first, second, seed, mid):
    """Optimisation, frequencies, a single point at another level: its energy, with the thermal parts of the first."""
    one = texts.job(molecule, "opt freq", first, seed)
    two = texts.job(molecule, "sp", second, seed)
    place = two[2].last[0]
    energy = two[2].last[1] - 5.0
    shifted = two[1].replace(f"{two[2].last[1] / texts.HARTREE:18.12f}", f"{energy / texts.HARTREE:18.12f}")
    assume(shifted != two[1])
    (found,) = _read(tmp_path / "x.out", texts.run([one, (two[0], shifted, two[2])]))
    same = one[2].level == two[2].level
    assert found.finished and found.level == (one[2].level if same else f"{two[2].level}//{one[2].level}")
    assert abs(found.energy - energy) < 1e-7 and np.abs(found.positions - place).max() < 1e-5
    (thermo,) = found.thermochemistry
    assert abs((thermo.gibbs - found.energy) - (one[2].gibbs - one[2].last[1])) < 1e-6
    cut = _read(tmp_path / "y.out", texts.run([one, (two[0], shifted, two[2])])[: -int(200 + mid)])
    assert all(_is(r, one[2], [one[2].last]) for r in _good(cut))


# What is lost between the nuclear repulsion and the energy behind it would leave nothing to tell that they are of two jobs.
def _places(lines):
    return [
        i for i, line in enumerate(lines) if not line.startswith(("FINAL", "Nuclear", "-------------------------   "))
    ]


def _check_mutated(tmp_path, job, operation, numbers):
    """Lines of the output of one job cut out, doubled or moved: of that job, or refused."""
    lines = texts.run([job]).splitlines(keepends=True)
    allowed = _places(lines)
    a, b, c = sorted(allowed[int(n * (len(allowed) - 1))] for n in numbers)
    made = {
        "cut": lines[:a] + lines[b:], "double": lines[:b] + lines[a:], "move": lines[:a] + lines[b:c] + lines[a:b] + lines[c:],
        "end": lines[:a],
    }[operation]  # fmt: skip
    for result in _good(_read(tmp_path / "x.out", "".join(made))):
        assert _is(result, job[2]), (operation, a, b, c)


def _check_spliced(tmp_path, jobs, operation, numbers):
    """Lines of an output of several molecules cut out, doubled or moved: each result is of one job, or refused."""
    lines = texts.run(jobs).splitlines(keepends=True)
    allowed = _places(lines)
    a, b, c = sorted(allowed[int(n * (len(allowed) - 1))] for n in numbers)
    made = {
        "cut": lines[:a] + lines[b:], "double": lines[:b] + lines[a:], "move": lines[:a] + lines[b:c] + lines[a:b] + lines[c:],
        "end": lines[:a],
    }[operation]  # fmt: skip
    for result in _good(_read(tmp_path / "x.out", "".join(made))):
        assert any(_is(result, j[2]) for j in jobs), (operation, a, b, c)


several = st.lists(one_job, min_size=2, max_size=4).filter(_apart)
fraction = st.floats(0, 1)
operations = st.sampled_from(("cut", "double", "move", "end"))
CHECKS = {
    "apart": (_check_jobs_apart, (several, st.booleans())),
    "joined": (_check_joined, (several, st.lists(fraction, min_size=4, max_size=4))),
    "linked": (_check_linked, (st.sampled_from(sorted(texts.MOLECULES)), st.sampled_from(METHODS), st.sampled_from(METHODS),
                               st.integers(0, 9), st.integers(0, 300))),
    "mutated": (_check_mutated, (one_job, operations, st.tuples(fraction, fraction, fraction))),
    "spliced": (_check_spliced, (several, operations, st.tuples(fraction, fraction, fraction))),
}  # fmt: skip


def _run(name, tmp_path, how):
    check, strategies = CHECKS[name]
    how(given(st.tuples(*strategies))(lambda drawn: check(tmp_path, *drawn)))()


@pytest.mark.parametrize("name", CHECKS)
def test_of_one_job_or_refused(name, tmp_path):
    _run(name, tmp_path, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_of_one_job_or_refused_for_minutes(name, tmp_path):
    _run(name, tmp_path, LONG)
