"""What a card says is checked before it is believed: kinds of values, and how close atoms may be."""

import numpy as np
import pytest
from test_painn_potential import CARD_OF_SA_AM, params

from sampler.clusters import Clusters
from sampler.errors import ModelError
from sampler.monomers import MonomerLibrary
from sampler.potentials.painn.card import CARD, load_model, read_card, save_model
from sampler.potentials.painn.limits import CLOSER, CONTACT, closest_allowed
from sampler.potentials.painn.potential import CommitteePotential, PaiNNPotential

SEEN = {"H-O": 0.837, "O-O": 1.716, "S-S": 9.0}


def two_acids(distance: float) -> Clusters:
    """Two molecules of sulfuric acid with two oxygen atoms this far apart (Å), all others at more than 1.9 Å."""
    sa = MonomerLibrary.load()["sa"]
    z, p = sa.numbers, sa.conformers[0].positions
    oxygen = next(i for i in np.flatnonzero(z == 8) if np.linalg.norm(p[z == 1] - p[i], axis=1).min() > 1.5)
    out = p[oxygen] - p[z == 16][0]
    out /= np.linalg.norm(out)
    other = 2 * p[oxygen] - p + distance * out  # the image at a point beyond the oxygen
    return Clusters.make([np.vstack([p, other])], [np.concatenate([z, z])])


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_atoms_are_held_apart_by_pair_of_elements(engine):
    old = PaiNNPotential(params(), CARD_OF_SA_AM, engine=engine)
    new = PaiNNPotential(params(), CARD_OF_SA_AM.replace(closest=SEEN), engine=engine)
    near, sound = two_acids(1.0), two_acids(1.6)
    assert old.evaluate(near).failure[0] == ""  # one number for all pairs cannot tell O...O from O-H
    told = new.evaluate(near)
    assert (
        "are 1.000 Å apart; the model has seen no O and O so close" in told.failure[0]
        and "not asked below 1.544 Å" in told.failure[0]
    ), told.failure
    assert np.isnan(told.energy).all() and np.isnan(told.forces).all()
    assert new.evaluate(sound).failure[0] == ""
    both = new.evaluate(Clusters.concatenate([sound, near, sound]))
    assert [bool(f) for f in both.failure] == [False, True, False]
    assert (
        PaiNNPotential(params(), CARD_OF_SA_AM.replace(closest=SEEN), min_distance=0.5).evaluate(near).failure[0] == ""
    )


def test_limits_are_a_share_of_what_was_seen_and_never_beyond_contact():
    limits = closest_allowed(CARD_OF_SA_AM.replace(closest=SEEN))
    assert limits[8, 8] == pytest.approx(CLOSER * 1.716) and limits[8, 8] == limits.T[8, 8]
    assert limits[1, 8] == pytest.approx(CLOSER * 0.837) == limits[8, 1]
    assert limits[1, 1] == CARD_OF_SA_AM.min_distance  # no entry
    assert limits[16, 16] == pytest.approx(CONTACT * 3.6)  # far apart in all data, which are few
    strict = closest_allowed(CARD_OF_SA_AM.replace(closest=SEEN, min_distance=0.82))
    assert strict[1, 8] == 0.82


def test_a_committee_takes_the_strictest_of_its_members():
    members = [PaiNNPotential(params(k), CARD_OF_SA_AM.replace(closest=c)) for k, c in enumerate(({}, SEEN))]
    assert "1.544" in CommitteePotential(members).evaluate(two_acids(1.0)).failure[0]


def test_the_table_is_in_the_card_and_older_cards_have_none(tmp_path):
    save_model(tmp_path, params(), CARD_OF_SA_AM.replace(closest=SEEN))
    assert read_card(tmp_path).closest == SEEN
    weights = read_card(tmp_path).weights_sha256
    same, card = load_model(tmp_path)
    save_model(tmp_path, same, card.replace(closest={}))
    assert read_card(tmp_path).closest == {}
    assert load_model(tmp_path)[1].weights_sha256 == weights


@pytest.mark.parametrize("old, new, told", [
    ('level = "b97-3c"', "level = 5", "level is 5"),
    ('elements = ["H", "N", "O", "S"]', 'elements = "HNOS"', "elements is 'HNOS'"),
    ('elements = ["H", "N", "O", "S"]', 'elements = ["H", "Xy"]', "elements is 'Xy'"),
    ("charges = [0]", 'charges = ["a"]', "charges is 'a'"),
    ("charges = [0]", "charges = 0", "charges is 0"),
    ("min_distance = 0.6", 'min_distance = "abc"', "min_distance is 'abc'"),
    ("min_distance = 0.6", "min_distance = -1.0", "min_distance is -1.0"),
    ("energy = -700.0", 'energy = "x"', "monomers.sa.energy is 'x'"),
    ("energy = -700.0", "energy = nan", "monomers.sa.energy is nan"),
    ("energy = -700.0\n", "", "monomers.sa is {"),
    ("H = 2", "H = 2.5", "monomers.sa.formula.H is 2.5"),
    ("O-O = 1.716", 'O-O = "far"', "closest.O-O is 'far'"),
    ("O-O = 1.716", "OO = 1.716", "closest is 'OO'"),
    ('energy_unit = "eV"', 'energy_unit = "pounds"', "energy_unit is 'pounds'"),
    ("offset_is_extensive = true", 'offset_is_extensive = "yes"', "offset_is_extensive is 'yes'"),
    ("charges = [0]\n", "", "charges is missing"),
])  # fmt: skip
def test_a_wrong_value_is_named(tmp_path, old, new, told):
    save_model(tmp_path, params(), CARD_OF_SA_AM.replace(closest=SEEN))
    text = (tmp_path / CARD).read_text()
    assert old in text
    (tmp_path / CARD).write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError) as error:
        read_card(tmp_path)
    assert str(tmp_path / CARD) in str(error.value) and told in str(error.value), error.value


def test_weights_without_their_offset_are_refused(tmp_path):
    import hashlib

    from safetensors.numpy import load_file, save_file

    save_model(tmp_path, params(), CARD_OF_SA_AM)
    file = tmp_path / "model.safetensors"
    arrays = load_file(file)
    del arrays["offset.mean"]
    save_file(arrays, file)
    card = tmp_path / CARD
    old = read_card(tmp_path).weights_sha256
    card.write_text(card.read_text().replace(old, hashlib.sha256(file.read_bytes()).hexdigest()))
    with pytest.raises(ModelError, match="offset.mean"):
        load_model(tmp_path)
