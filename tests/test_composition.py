"""Names of compositions, and the protonation states they stand for."""

import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler.composition import Composition, Form, state_label
from sampler.errors import CompositionError
from sampler.monomers import MonomerLibrary

LIBRARY = MonomerLibrary.load()


def parse(text, charge=None):
    return Composition.parse(text, LIBRARY, charge)


@pytest.mark.parametrize(
    "n, states", [(1, 3), (2, 8), (3, 15), (4, 27), (5, 42), (6, 64), (8, 125), (10, 216), (15, 612)]
)
def test_number_of_states_of_neutral_sa_am(n, states):
    """The published counts of (SA)n(AM)n, with trans and cis SA, HSO4-, SO4(2-), NH3, NH4+."""
    composition = parse(f"{n}sa{n}am")
    listed = composition.states(LIBRARY)
    assert len(listed) == len(set(listed)) == composition.count_states(LIBRARY) == states


@pytest.mark.parametrize("text", ["2sa1b1am", "1sa1msa2dma", "2sa1eda1w", "3w1p", "1s2am", "2sa2eda"])
@pytest.mark.parametrize("conformers", [True, False])
def test_states_against_brute_force(text, conformers):
    """Every assignment of a form to every single molecule, charges added, duplicates removed."""
    composition = parse(text)
    choices = []
    for family, n in composition.counts:
        for _ in range(n):
            choices.append(
                [
                    (m.name, k, m.charge)
                    for m in LIBRARY.family(family)
                    for k in range(len(m.conformers) if conformers else 1)
                ]
            )
    wanted = {
        tuple(sorted((name, k) for name, k, _ in chosen))
        for chosen in product(*choices)
        if sum(q for _, _, q in chosen) == composition.charge
    }
    listed = composition.states(LIBRARY, conformers)
    found = {tuple(sorted((f.monomer, f.conformer) for f in s.forms())) for s in listed}
    assert found == wanted
    assert len(listed) == len(wanted)


def test_a_state_in_detail():
    state = parse("1sa1am").states(LIBRARY)[0]
    assert state.forms() == [Form("sa", 0), Form("am", 0)]
    labels = {state_label(s.monomers, LIBRARY) for s in parse("2sa2am").states(LIBRARY)}
    assert labels == {"2 H2SO4 · 2 NH3", "1 H2SO4 · 1 HSO4⁻ · 1 NH4⁺ · 1 NH3", "2 HSO4⁻ · 2 NH4⁺",
                      "1 H2SO4 · 1 SO4²⁻ · 2 NH4⁺"}  # fmt: skip


def test_large_families_are_quick():
    start = time.perf_counter()
    assert len(parse("15sa15am").states(LIBRARY)) == 612
    assert parse("30sa10am10dma10eda").count_states(LIBRARY) > 1e6
    seconds = time.perf_counter() - start
    assert seconds < 5, seconds  # 0.06 s on an idle core; a busy test machine is slower


def test_too_many_states_is_an_error():
    with pytest.raises(CompositionError, match=r"30sa10am10dma10eda has \d+ .* leave out the conformers"):
        parse("30sa10am10dma10eda").states(LIBRARY)


@pytest.mark.parametrize(
    "text, name, charge",
    [
        ("4sa4am", "4sa4am", 0),
        (" 4AM4Sa ", "4sa4am", 0),
        ("1w3aq", "4w", 0),
        ("2sa1b1am1p", "3sa1am", 0),
        ("1am1p", "1am1p", 1),
        ("1amh", "1am1p", 1),
        ("1b", "1b", -1),
        ("1b2sa1am", "2sa1b1am", -1),
        ("2b", "2b", -2),
        ("1sa1s", "2b", -2),
        ("1s", "1s", -2),
        ("2s1sa1am", "2b1s1am", -4),
        ("3w2dma1sa", "1sa2dma3w", 0),
        ("2sa0am", "2sa", 0),
        ("2sa2sa", "4sa", 0),
        ("1edahh1s", "1sa1eda", 0),
        ("1ntam1b", "1b1ntam", -2),
    ],
)
def test_canonical_names(text, name, charge):
    composition = parse(text)
    assert (composition.name(LIBRARY), composition.charge) == (name, charge)


def test_explicit_charge():
    assert parse("2sa1am", -1).name(LIBRARY) == "1sa1b1am"
    assert parse("2sa1am", 1).name(LIBRARY) == "2sa1am1p"
    assert parse("1sa1b", -1) == parse("2sa", -1)
    with pytest.raises(CompositionError, match=r"charge -1, but \+0 was asked for"):
        parse("1sa1b", 0)
    with pytest.raises(CompositionError, match=r"cannot have the charge \+2.*-2 to \+1"):
        parse("1sa1am", 2)


def test_atoms_follow_from_charge():
    assert parse("2sa1am").atoms(LIBRARY) == {1: 7, 7: 1, 8: 8, 16: 2}
    assert parse("1sa1b1am").atoms(LIBRARY) == {1: 6, 7: 1, 8: 8, 16: 2}
    assert parse("1am1p").atoms(LIBRARY) == {1: 4, 7: 1}


@pytest.mark.parametrize(
    "text, part",
    [
        ("", "empty"),
        ("   ", "empty"),
        ("sa4am", "'sa4am'"),
        ("4sa4", "'4'"),
        ("4sa-4am", "'-4am'"),
        ("4sa4xy", "'xy'"),
        ("4sa ?4am", "' \\?4am'"),
        ("4", "'4'"),
        ("4sé", "'é'"),
        ("0sa", "no molecule"),
        ("201sa", "201 molecules"),
        ("99999999999999sa", "cannot read"),
        ("1p", "no molecule"),
        ("1w2p", r"charge \+2"),
    ],
)
def test_bad_names_say_which_part(text, part):
    with pytest.raises(CompositionError, match=part):
        parse(text)


def test_bad_names_list_the_known_molecules():
    for text in ("4sa4xy", "sa"):
        with pytest.raises(CompositionError) as caught:
            parse(text)
        for name in ("sa", "b", "am", "dma", "eda", "msa", "nta", "fa", "w"):
            assert f" {name}," in str(caught.value), (name, str(caught.value))


NAMES = [m.name for m in LIBRARY]
PARTS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([*NAMES, "p"])), min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(PARTS, st.booleans())
def test_round_trip(parts, upper):
    text = "".join(f"{n}{name}" for n, name in parts)
    try:
        composition = parse(text.upper() if upper else text)
    except CompositionError:
        return  # empty, or more protons than the bases can take
    charge = sum(n * (1 if name == "p" else LIBRARY[name].charge) for n, name in parts)
    assert composition.charge == charge
    name = composition.name(LIBRARY)
    assert parse(name) == composition, (text, name)
    assert parse(name).name(LIBRARY) == name
    assert composition == parse("".join(f"{n}{name}" for n, name in reversed(parts)))
    if composition.count_states(LIBRARY) < 2000:
        for state in composition.states(LIBRARY):
            assert sum(LIBRARY[f.monomer].charge for f in state.forms()) == charge
            assert len(state.forms()) == composition.molecules()
