"""Data sets: what goes in comes out, near-duplicates and mixed levels do not get in."""

import json

import ase.data
import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import FileFormatError, LevelError
from sampler.learn.labels.dataset import LabelSet, atom_references, binding_energies, split
from sampler.learn.labels.importing import Columns, import_extxyz
from sampler.learn.sampling.near_duplicates import distinct, fingerprint
from sampler.learn.training.targets import card_references, direct_targets
from sampler.levels import load_level
from sampler.monomers import MonomerLibrary
from sampler.potentials import get_potential
from sampler.units import HARTREE, HARTREE_PER_BOHR, KCAL_PER_MOL


@pytest.fixture(scope="module")
def library():
    return MonomerLibrary.load()


def some(library, count=6, seed=0, level="gfn1-xtb") -> LabelSet:
    rng = np.random.default_rng(seed)
    sa, am = library["sa"], library["am"]
    numbers = np.concatenate([sa.numbers, am.numbers])
    base = np.vstack([sa.conformers[0].positions, am.conformers[0].positions + [4.0, 0, 0]])
    positions = [base + rng.normal(0, 0.1, base.shape) for _ in range(count)]
    clusters = Clusters.make(
        positions, [numbers] * count, energy=rng.normal(-700, 1, count),
        forces=[rng.normal(0, 1, base.shape) for _ in range(count)], level=level,
        columns={"composition": np.full(count, "1sa1am"), "temperature": np.arange(count, dtype=float)},
    )  # fmt: skip
    return LabelSet(clusters, {"sa": -638.0, "am": -131.0}, "none")


def test_round_trip_keeps_everything_to_single_precision(tmp_path, library):
    labels = some(library)
    labels.save(tmp_path / "a.npz")
    back = LabelSet.load(tmp_path / "a.npz")
    assert back.level == labels.level and back.references == labels.references
    assert np.array_equal(back.clusters.energy, labels.clusters.energy)
    assert np.abs(back.clusters.positions - labels.clusters.positions).max() < 1e-6
    assert np.abs(back.clusters.forces - labels.clusters.forces).max() < 1e-6
    assert np.array_equal(back.clusters.columns["temperature"], labels.clusters.columns["temperature"])
    assert back.digest() == labels.digest()


def test_truncated_and_foreign_files_are_refused(tmp_path, library):
    file = tmp_path / "a.npz"
    some(library).save(file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(FileFormatError):
        LabelSet.load(file)
    some(library).clusters.save(file)
    with pytest.raises(FileFormatError, match="sampler data collect"):
        LabelSet.load(file)
    file.write_text("3\n\nO 0 0 0\n")
    with pytest.raises(FileFormatError, match=r"not a data set of labels \(.npz\)") as told:
        LabelSet.load(file)
    assert "pickle" not in str(told.value)


def test_sets_of_different_levels_or_monomers_do_not_join(library):
    one = some(library)
    with pytest.raises(LevelError, match="levels"):
        LabelSet.join([one, some(library, level="b97-3c@pyscf")])
    other = LabelSet(one.clusters, {"sa": -638.1, "am": -131.0}, "none")
    with pytest.raises(LevelError, match="reference energies of sa"):
        LabelSet.join([one, other])
    assert len(LabelSet.join([one, some(library, seed=1)])) == 12


def test_binding_energy_of_separated_monomers_is_zero(library):
    level = load_level("gfn1-xtb")
    names = np.array(["2sa1am", "1sa1b1am"])
    energy = np.array(
        [
            2 * level.monomers["sa"] + level.monomers["am"],
            level.monomers["sa"] + level.monomers["b"] + level.monomers["am"],
        ]
    )
    found = binding_energies(energy, names, level.monomers, library)
    assert np.allclose(found, 0.0, atol=1e-9), found
    with pytest.raises(LevelError, match="am"):
        binding_energies(energy[:1], names[:1], {"sa": -638.0}, library)


def test_atom_references_add_up_to_the_monomers():
    references = {"sa": -638.3, "am": -131.4, "w": -157.0}
    atoms = {"sa": {1: 2, 8: 4, 16: 1}, "am": {1: 3, 7: 1}, "w": {1: 2, 8: 1}}
    table = atom_references(references, atoms)
    for name, formula in atoms.items():
        total = sum(table[z] * n for z, n in formula.items())
        assert total == pytest.approx(references[name], abs=1e-9), (name, total)


def minima_of(library, names) -> LabelSet:
    level = load_level("gfn1-xtb")
    minima = Clusters.make(
        [library[n].conformers[0].positions for n in names], [library[n].numbers for n in names],
        charge=[library[n].charge for n in names], energy=[level.monomers[n] for n in names], level="gfn1-xtb", ids=names,
        columns={"composition": np.array([f"1{n}" for n in names])},
    )  # fmt: skip
    return LabelSet(minima, dict(level.monomers), "tblite")


def test_references_of_amines_are_energies_of_elements_whatever_else_the_level_knows(library):
    names = ["am", "ma", "dma"]  # their formulas depend on one another
    labels = minima_of(library, names)
    assert "amh" in labels.references
    found = card_references(labels, library)
    assert found["charge_energies"] == {}
    for n in names:
        total = sum(found["element_energies"][ase.data.chemical_symbols[z]] for z in library[n].numbers)
        assert total == pytest.approx(labels.references[n], abs=0.5), n


def test_references_of_ions_have_an_energy_of_their_charge(library):
    labels = minima_of(library, ["sa", "b", "nta", "ntam", "am", "amh", "dma", "dmah"])
    found = card_references(labels, library)
    assert sorted(found["charge_energies"]) == ["-1", "1"]
    # electrons and protons: several eV, which the energies of elements alone would leave to the network
    assert found["charge_energies"]["-1"] < -3.0 and found["charge_energies"]["1"] > 3.0
    rest = direct_targets(labels, library, energies_only=True).energy
    for charge in (-1, 1):
        ions = labels.clusters.charge == charge
        assert rest[ions].mean() == pytest.approx(0.0, abs=1e-6)
    assert np.abs(rest).max() < 1.5


def test_fingerprint_is_blind_to_what_energies_are_blind_to(library):
    sa = library["sa"]
    rng = np.random.default_rng(3)
    p, z = sa.conformers[0].positions + rng.normal(0, 0.05, (7, 3)), sa.numbers
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(7)
    moved = fingerprint((p @ q.T + 3.0)[order], z[order])
    assert np.abs(moved - fingerprint(p, z)).max() < 1e-12
    assert np.linalg.norm(fingerprint(p + rng.normal(0, 0.05, p.shape), z) - fingerprint(p, z)) > 0.02


def test_distinct_keeps_the_first_of_near_duplicates_only(library):
    labels = some(library, count=4)
    copies = labels.clusters.replace(positions=labels.clusters.positions + 1e-4)
    both = Clusters.concatenate([labels.clusters, copies])
    assert distinct(both, 0.01).tolist() == [True] * 4 + [False] * 4
    assert not distinct(copies, 0.01, first=labels.clusters).any()
    other_formula = Clusters.make([library["sa"].conformers[0].positions], [library["sa"].numbers])
    assert distinct(other_formula, 0.01, first=labels.clusters).all()


def test_split_is_a_partition_and_depends_on_the_seed_alone():
    a, b = split(100, 0.1, 7)
    assert len(b) == 10 and sorted([*a, *b]) == list(range(100))
    assert np.array_equal(b, split(100, 0.1, 7)[1]) and not np.array_equal(b, split(100, 0.1, 8)[1])


def test_import_of_real_orca_frames(reference, library):
    file = reference / "sa_am" / "orca503_b973c_engrad" / "sa4am4_b973c_engrad.extxyz"
    columns = Columns("b973c_electronic_energy_Eh", "Eh", "b973c_gradient_Eh_per_bohr", "bohr", gradient=True)
    labels = import_extxyz(file, "b97-3c@orca5", library, ("sa", "am"), columns).labels
    assert set(labels.compositions.tolist()) == {"4sa4am"} and len(labels) == 20
    assert labels.clusters.energy[0] == pytest.approx(-3026.638829746457 * HARTREE, abs=1e-6)
    assert labels.clusters.forces[0, 0] == pytest.approx(0.006401409 * HARTREE_PER_BOHR, abs=1e-6)
    binding = binding_energies(labels.clusters.energy, labels.compositions, labels.references, library) / KCAL_PER_MOL
    # the file's own column, against its own monomers
    assert binding[0] == pytest.approx(-146.3426, abs=0.01)
    with pytest.raises(FileFormatError, match="energy_eV"):
        import_extxyz(file, "b97-3c@orca5", library, ("sa", "am"), Columns("energy_eV"))


_AMMONIA = """4
Properties=species:S:1:pos:R:3:forces:R:3:one:R:1 {info} pbc="F F F"
N 0 0 0.12 0 0 0.1 1
H 0 {y} -0.27 0 0.5 0 1
H 0.81 -0.47 -0.27 0 0 0 1
H -0.81 -0.47 -0.27 0 -0.5 -0.1 1
"""


def _import(tmp_path, library, info, forces="forces", families=("am",), key="energy"):
    file = tmp_path / "mace.xyz"
    first = _AMMONIA.format(info="energy=-1500.0 charge=0", y=0.94)
    file.write_text(first + _AMMONIA.format(info=info, y=1.04))
    columns = Columns(key, forces=forces)
    return import_extxyz(file, "b97-3c@pyscf", library, families, columns, unchecked=True).labels


def test_import_of_the_keys_of_ase_and_mace(tmp_path, library):
    """ASE's reader moves ``energy`` and ``forces`` into a calculator."""
    labels = _import(tmp_path, library, "energy=-1540.5 charge=0")
    assert labels.clusters.energy.tolist() == [-1500.0, -1540.5] and labels.compositions.tolist() == ["1am"] * 2
    assert labels.clusters.forces[:4, 1].tolist() == [0, 0.5, 0, -0.5]
    assert _import(tmp_path, library, "energy=-1 REF_energy=-3", "").clusters.forces is None


@pytest.mark.parametrize(
    "info, how, words",
    [
        ("charge=0", {}, "has no 'energy'; numbers it has: charge"),
        ("energy=-1 E=x", {"key": "E"}, "frame 0 has no 'E'; numbers it has: energy, charge"),
        ("energy=-1 charge=one", {}, "charge is 'one', no integer"),
        ("energy=-1 charge=0.5", {}, "charge is '0.5', no integer"),
        ("energy=-1", {"forces": "one"}, "frame 0: one are no three numbers an atom"),
        ("energy=-1", {"forces": "gradient"}, "frame 0 has no columns 'gradient'; columns of three .* has: forces"),
        ("energy=-1 charge=1", {}, "4 atoms with charge .1 are no cluster of am"),
    ],
)
def test_what_cannot_be_imported_is_named_with_its_frame(tmp_path, library, info, how, words):
    with pytest.raises((FileFormatError, LevelError), match=words) as told:
        _import(tmp_path, library, info, **how)
    assert "mace.xyz: frame " in str(told.value)


def test_a_text_energy_is_named(tmp_path, library):
    file = tmp_path / "text.xyz"
    file.write_text(_AMMONIA.format(info="my_energy=low", y=0.94))
    with pytest.raises(FileFormatError, match="text.xyz: frame 0: my_energy is 'low', no number"):
        import_extxyz(file, "b97-3c@pyscf", library, ("am",), Columns("my_energy"))


def _run(*words):
    from typer.testing import CliRunner

    from sampler.cli.app import app

    return CliRunner().invoke(app, ["data", *map(str, words)])


def test_collect_says_what_it_leaves_out_and_keeps_what_a_label_cost(tmp_path, library):
    from sampler.learn.labels.label import store
    from sampler.potentials import get_potential

    folder, out = tmp_path / "labels", tmp_path / "set.npz"
    rng = np.random.default_rng(4)
    for name in ("am", "am", "amh", "w"):
        m = library[name]
        place = m.conformers[0].positions + rng.normal(0, 0.05, (len(m.numbers), 3))
        one = Clusters.make([place], [m.numbers], charge=[m.charge]).with_columns(
            cpu_seconds=2.5, device="gpu", engine="x 1"
        )
        store(get_potential("gfn1-xtb"), one, folder, -100.0, np.zeros_like(place))
    done = _run("collect", folder, "-o", out, "--molecules", "am", "--json")
    assert done.exit_code == 0, done.exception
    summary = json.loads(done.stdout)
    assert (summary["structures"], summary["level"], summary["engine"]) == (2, "gfn1-xtb", "x 1")
    assert {k: n for k, n in summary["left_out"].items() if n} == {"other_charge": 1, "other_molecules": 1}
    columns = LabelSet.load(out).clusters.columns
    assert columns["cpu_seconds"].tolist() == [2.5, 2.5] and columns["device"].tolist() == ["gpu", "gpu"]
    done = _run("collect", folder, "-o", out, "--molecules", "am")
    assert "left out: 1 of another charge, 1 of other molecules" in done.output
    done = _run("collect", folder, "-o", out, "--molecules", "sa")
    assert (
        "no labelled structures are left; left out: 1 of another charge, 3 of other molecules; --molecules is sa"
        in str(done.exception)
    )


def test_collect_at_a_level_without_monomers_says_how_to_add_them(tmp_path, library):
    from sampler.learn.labels.label import store
    from sampler.potentials import get_potential

    m = library["w"]
    place = m.conformers[0].positions
    store(get_potential("wb97x-d"), Clusters.make([place], [m.numbers]), tmp_path / "l", -100.0, np.zeros_like(place))
    done = _run("collect", tmp_path / "l", "-o", tmp_path / "x.npz", "--molecules", "w")
    assert "sampler label --references w --level wb97x-d --out levels/wb97x-d@pyscf.toml" in str(done.exception)


@pytest.mark.parametrize(
    "words, why",
    [
        (["-c", "1am=-5"], "1am=-5: the number of structures must be at least 1"),
        (["-c", "1am=0"], "1am=0: the number"),
        (["-c", "1am=3", "-t", "-300"], "a temperature is -300 K; it must be above 0"),
        (["-c", "1am=3", "-t", "nan"], "a temperature is nan K"),
    ],
)
def test_nonsense_is_not_sampled(tmp_path, words, why):
    done = _run("sample", tmp_path / "s.npz", *words, "-j", "1", "-q")
    assert done.exit_code != 0 and why in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_held_out_sizes_are_left_out_of_the_default(library):
    from sampler.learn.sampling.sample import SHARES, default_wanted

    every = default_wanted(1000, (), library)
    assert set(every) == set(SHARES) and every["2sa2am"] == 200
    rest = default_wanted(1000, ("4am4sa",), library)
    assert set(every) - set(rest) == {"4sa4am"}


def test_collect_takes_labels_with_and_without_a_composition_and_one_charge(tmp_path, library):
    """A folder filled from sampled structures, which carry their composition, and from plain files, which do not."""
    from typer.testing import CliRunner

    from sampler.cli.app import app
    from sampler.learn.labels.label import store
    from sampler.potentials import get_potential

    potential, rng = get_potential("gfn1-xtb"), np.random.default_rng(4)
    for name, how in (("sa", {"composition": "1sa"}), ("am", {}), ("amh", {}), ("w", {})):
        m = library[name]
        place = m.conformers[0].positions + rng.normal(0, 0.02, (len(m.numbers), 3))
        columns = {k: np.array([v]) for k, v in how.items()}
        one = Clusters.make([place], [m.numbers], charge=[m.charge], ids=[name], columns=columns)
        store(potential, one, tmp_path / "labels", -100.0, np.zeros_like(place))
    out = tmp_path / "set.npz"
    words = ["data", "collect", str(tmp_path / "labels"), "-o", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert sorted(LabelSet.load(out).compositions.tolist()) == ["1am", "1sa", "1w"]  # NH4+ is not neutral
    result = CliRunner().invoke(app, [*words, "--molecules", "sa,am"])
    assert result.exit_code == 0, result.output
    found = LabelSet.load(out)
    assert sorted(found.compositions.tolist()) == ["1am", "1sa"]  # water is not asked for
    assert set(found.references) == {"sa", "am"}
    result = CliRunner().invoke(app, ["data", "collect", str(tmp_path / "labels"), "-o", str(out), "--charge", "1"])
    assert result.exit_code == 0, result.output
    assert LabelSet.load(out).compositions.tolist() == ["1am1p"]


@pytest.mark.parametrize("column", [True, False])
def test_sampling_starts_from_what_it_is_given(column, library, tmp_path):
    from typer.testing import CliRunner

    from sampler.cli.app import app

    sa, am = (library[m].conformers[0].positions for m in ("sa", "am"))
    started = Clusters.make([am, sa, am + 5.0], [library[m].numbers for m in ("am", "sa", "am")])
    if column:  # otherwise by the atoms, as in what a run leaves
        started = started.with_columns(composition=np.array(["1am", "1sa", "1am"]))
    if column:  # a data set is read, too
        labelled = started.replace(energy=np.zeros(3), level="gfn1-xtb")
        LabelSet(labelled, {}).save(tmp_path / "start.npz")
    else:
        started.save(tmp_path / "start.npz")
    out = tmp_path / "s.npz"
    words = [
        "data",
        "sample",
        str(out),
        "--driver",
        "gfn1-xtb",
        "--label",
        "none",
        "--start",
        str(tmp_path / "start.npz"),
    ]
    words += ["--relax", "0", "--steps", "4", "--every", "4", "-t", "300", "-j", "1", "-q"]
    done = CliRunner().invoke(app, [*words, "-c", "1am=30", "--json"])
    assert done.exit_code == 0, done.exception
    summary = json.loads(done.stdout)
    assert summary["structures"] == len(Clusters.load(out)) and summary["wanted"] == {"1am": 30}
    found = Clusters.load(out)
    first = found[found.columns["origin"] == "arranged"]
    assert len(first) and set(found.columns["composition"].tolist()) == {"1am"}
    for i in range(len(first)):
        positions = first.positions[first.atoms_of(i)]
        assert min(np.abs(positions - am).max(), np.abs(positions - am - 5.0).max()) < 1e-5
    refused = CliRunner().invoke(app, [*words, "-c", "1am=3", "-c", "2sa1am=3"])
    assert refused.exit_code != 0 and "no structure of 2sa1am" in str(refused.exception)


def test_isolated_atoms_of_files_for_mace_are_left_out_and_said(tmp_path, library):
    file = tmp_path / "mace.extxyz"
    atom = '1\nProperties=species:S:1:pos:R:3 REF_energy=-13.6 config_type=IsolatedAtom pbc="F F F"\nH 0 0 0\n'
    am = library["am"]
    energy = get_potential("gfn1-xtb").evaluate(Clusters.make([am.conformers[0].positions], [am.numbers])).energy[0]
    rows = "".join(f"{s} {x} {y} {z}\n" for s, (x, y, z) in zip("NHHH", am.conformers[0].positions))
    frame = f'4\nProperties=species:S:1:pos:R:3 REF_energy={float(energy)} config_type=Default pbc="F F F"\n{rows}'
    file.write_text(atom + frame)
    found = import_extxyz(file, "gfn1-xtb", library, ("am",), Columns("REF_energy"))
    assert found.labels.compositions.tolist() == ["1am"]
    assert any("1 isolated atoms" in remark for remark in found.remarks), found.remarks
    file.write_text(atom)
    with pytest.raises(FileFormatError, match="isolated atoms only"):
        import_extxyz(file, "gfn1-xtb", library, ("am",), Columns("REF_energy"))
