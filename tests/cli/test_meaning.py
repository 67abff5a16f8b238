"""What people mean: molecules by formula and in words, misspelled names, the default protocol, and what to do next."""

import inspect
import json
import shlex

import pytest
import typer.main
from toys import TOY

import sampler as public
from sampler.cli import app as module
from sampler.cli.common import DEFAULT_PROTOCOL
from sampler.composition import Composition, in_names
from sampler.errors import CompositionError, MonomerError
from sampler.funnel.protocols.protocol import build, load, names
from sampler.monomers import MonomerLibrary
from sampler.screen.grid import axis_in_names

LIBRARY = MonomerLibrary.load()


@pytest.fixture(autouse=True)
def toy(tmp_path):
    (tmp_path / "toy.toml").write_text(TOY)


# ---- molecules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2sa2NH3", "2sa2am"),
        ("2H2SO42NH3", "2sa2am"),
        ("2H2SO4 2NH3", "2sa2am"),
        ("2 sulfuric acid 2 ammonia", "2sa2am"),
        ("2 Sulphuric Acid, 1 ammonia", "2sa1am"),
        ("H2SO4 + NH3", "1sa1am"),
        ("HNO3", "1nta"),
        ("nh3", "1am"),
        ("ammonia", "1am"),
        ("2sa 2am", "2sa2am"),
        ("4 HSO4⁻ · 4 NH4⁺", "4sa4am"),
        ("1HSO4-1NH4+", "1sa1am"),
        ("SO4²⁻ + 2 NH₄⁺", "1sa2am"),
        ("1HSO4-", "1b"),
        ("2(CH3)2NH2sa", "2sa2dma"),
        ("3 water sulfuric acid", None),  # of sulfuric acid no number, and no separator of its own before it
    ],
)
def test_formulas_and_words_are_molecules(text, name):
    if name is None:
        name = "1sa3w"
    assert Composition.parse(text, LIBRARY).name(LIBRARY) == name


def test_every_molecule_is_found_by_its_formula_and_its_name_in_words():
    by_label = {}
    for m in LIBRARY:
        by_label.setdefault(m.label, []).append(m.name)
    for m in LIBRARY:
        assert LIBRARY[m.title].name == LIBRARY[m.title.upper()].name == m.name
        if by_label[m.label] == [m.name]:
            assert LIBRARY[m.label].name == m.name


def test_what_is_a_name_is_read_as_one(tmp_path):
    """A user's molecule whose name is a formula of another's is meant by it."""
    am = LIBRARY["am"]
    import dataclasses

    other = dataclasses.replace(am, name="nh3", aliases=(), title="my ammonia", family="nh3", rank=999)
    known = LIBRARY.adding(other)
    assert known["NH3"].name == "nh3" and known["ammonia"].name == "am"
    assert Composition.parse("1nh3", known).name(known) == "1nh3"


def test_what_can_be_read_in_two_ways_is_refused():
    import dataclasses

    am = LIBRARY["am"]
    twin = dataclasses.replace(am, name="amx", aliases=(), title="ammonia", symbol="NH3", family="amx", rank=999)
    known = LIBRARY.adding(twin)
    assert known.meant("NH3") is None and known.meant("ammonia") is None
    with pytest.raises(CompositionError, match="cannot read|not a known molecule"):
        Composition.parse("2NH3", known)


@pytest.mark.parametrize("text", ["4xx4am", "sa4", "4sa4", "4sa?4am", "2 2 NH3", "acid", "2 acids"])
def test_what_has_no_meaning_is_still_refused(text):
    with pytest.raises(CompositionError):
        Composition.parse(text, LIBRARY)


def test_names_of_clusters_stay_as_they_are():
    assert in_names("2SA2am", LIBRARY) == "2SA2am" and in_names("2H2SO4 2NH3", LIBRARY) == "2sa2am"


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("0-4NH3", "0-4am"),
        ("4H2SO4", "4sa"),
        ("NH3=2H2SO4+1", "am=2sa+1"),
        ("(CH3)2NH=sa±2", "dma=sa±2"),
        ("1-2 sulfuric acid", "1-2sa"),
        ("2H2SO4 2NH3", "2sa2am"),
        ("1-4SA", "1-4SA"),
        ("am=sa±2", "am=sa±2"),
        ("1-2xx", "1-2xx"),
    ],
)
def test_axes_of_a_screen(word, read):
    assert axis_in_names(word, LIBRARY) == read


def test_one_line_says_what_was_understood_and_the_folder_is_canonical(sampler, tmp_path):
    status, out, err = sampler("run", "H2SO4 + NH3", "-p", "toy.toml", "-j", 1, "--no-report")
    assert status == 0 and err.count("'H2SO4 + NH3' is read as 1sa1am") == 1
    assert (tmp_path / "1sa1am" / "manifest.json").is_file()
    assert "Next: sampler thermo 1sa1am" in err and "Next: cd 1sa1am/orca && sbatch slurm_array.sh" in err
    status, out, err = sampler("show", "1NH31H2SO4")
    assert status == 0 and "6 lowest" in out
    status, out, err = sampler("run", "1sa1am", "-p", "toy.toml", "-j", 1, "--json", "--no-report")
    assert status == 0 and "Next:" not in out + err and json.loads(out)["composition"] == "1sa1am"
    assert "Next:" not in sampler("run", "1sa1am", "-p", "toy.toml", "-j", 1, "-q", "--no-report")[2]


def test_a_screen_of_formulas(sampler, tmp_path):
    status, _, err = sampler("screen", "1H2SO4", "0-1NH3", "-p", "toy.toml", "-j", 1, "--no-report")
    assert status == 0 and "'1H2SO4' is read as 1sa" in err and "'0-1NH3' is read as 0-1am" in err
    assert sorted(p.name for p in (tmp_path / "screen").iterdir() if p.is_dir() and p.name != "errors") == [
        "1sa",
        "1sa1am",
    ]
    assert "Next: sampler show screen" in err and "Next: sampler thermo screen" in err


# ---- what was meant ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "1sa", "-p", "standart"), "did you mean standard?"),
        (("screen", "1sa", "-p", "Thorogh"), "did you mean thorough?"),
        (("protocols", "qick"), "did you mean quick?"),
        (("run", "2amonia"), "did you mean am (ammonia)"),
        (("run", "amonia"), "did you mean am (ammonia)"),
        (("run", "2 sulfric acid"), "did you mean sa (sulfuric acid)?"),
        (("run", "sa"), "one sa is 1sa"),
        (("monomer", "show", "hydronum"), "did you mean wh (hydronium)?"),
        (("run", "1sa", "--set", "relax.fmx=1"), "did you mean fmax? it has potential, "),
        (("run", "1sa", "--set", "relx.fmax=1"), "did you mean relax? it has generate, relax"),
        (("run", "1sa", "--set", "1.candidate=2"), "did you mean candidates? it has method, candidates"),
        (("run", "1sa", "--set", "export.cont=1"), "did you mean count? it has preset, count, cores, memory_mb"),
        (("run", "1sa", "-p", "refined", "--engine", "orka"), "did you mean orca?"),
        (("run", "1sa", "--model", "b97-pain"), "did you mean b97-painn"),
        (("train", "x.npz", "-o", "y", "--recipe", "papr"), "did you mean paper?"),
        (("train", "x.npz", "-o", "y", "--set", "n_rbv=3"), "did you mean n_rbf?"),
        (("label", "--references", "amonia", "--out", "x.toml"), "did you mean am (ammonia)"),
    ],
)
def test_misspelled_words_get_suggestions(sampler, words, said):
    status, _, err = sampler(*words)
    assert status != 0 and err.startswith("sampler: error: ") and said in err and "Traceback" not in err


def test_a_misspelled_run_is_suggested(sampler):
    assert sampler("run", "1sa1am", "-p", "toy.toml", "-j", 1, "-q", "--no-report")[0] == 0
    status, _, err = sampler("show", "1sa1an")
    assert status != 0 and "did you mean 1sa1am?" in err


def test_set_names_the_parameters_of_every_kind_of_stage():
    from sampler.errors import ProtocolError
    from sampler.funnel.stages.registry import STAGES

    for kind, stage in STAGES.items():
        table = {"name": "t", "description": "", "stage": [{"kind": "generate"}, {"kind": kind}]}
        with pytest.raises(ProtocolError) as caught:
            build(table, "t", {f"{kind}.zzz": 1})
        line = next(line for line in caught.value.mistakes if "zzz" in line)
        assert set(line.partition("it has ")[2].split(", ")) == set(stage.model_fields) - {"kind"}


def test_the_default_protocol_is_marked(sampler):
    out = sampler("protocols")[1]
    assert [line.split()[0] for line in out.splitlines() if line.endswith(" (default)")] == [DEFAULT_PROTOCOL]
    assert out.splitlines()[0] == f"{DEFAULT_PROTOCOL} (default)" and load(DEFAULT_PROTOCOL)
    for command in ("run", "screen"):
        option = next(p for p in typer.main.get_command(module.app).commands[command].params if p.name == "protocol")
        assert option.default == DEFAULT_PROTOCOL
        assert inspect.signature(getattr(public, command)).parameters["protocol"].default == DEFAULT_PROTOCOL
    assert all(f"\n{name}\n" in out for name in names() if name != DEFAULT_PROTOCOL)


# ---- next --------------------------------------------------------------------------------------------


def test_commands_that_leave_something_say_what_is_next(sampler, tmp_path):
    assert sampler("run", "1sa1am", "-p", "toy.toml", "-j", 1, "-q", "--no-report")[0] == 0
    for words, said in [
        (("export", "orca", "1sa1am", "-n", 1, "-o", "in puts"), "Next: cd 'in puts' && sbatch slurm_array.sh"),
        (("export", "orca", "1sa1am", "-n", 1, "-o", "inputs"), "Next: sampler import orca inputs"),
        (("export", "xyz", "1sa1am", "-o", "a.xyz"), "Next: sampler relax a.xyz"),
        (("export", "csv", "1sa1am", "-o", "a.csv"), "Next: sampler thermo 1sa1am"),
        (("import", "a.xyz", "-o", "a.npz"), "Next: sampler audit a.npz"),
    ]:
        status, out, err = sampler(*words)
        assert status == 0 and said in err and "Next:" not in out, (words, err)
    assert "Next:" not in "".join(sampler("export", "orca", "1sa1am", "-o", "other", "--json")[1:])
    assert "Next:" not in "".join(sampler("export", "xyz", "1sa1am")[1:])


def test_every_next_command_can_be_typed(sampler, tmp_path):
    """Those that start with sampler: a command of that name, with options that it has."""
    root = typer.main.get_command(module.app)
    assert sampler("run", "1sa1am", "-p", "toy.toml", "-j", 1, "--no-report")[0] == 0
    seen = []
    for words in [
        ("run", "1sa1am", "-p", "toy.toml", "-j", 1, "--no-report"),
        ("export", "csv", "1sa1am", "-o", "a.csv"),
    ]:
        seen += [line[6:] for line in sampler(*words)[2].splitlines() if line.startswith("Next: sampler")]
    assert seen
    for line in seen:
        _, command, *rest = shlex.split(line)
        params = {o for p in root.commands[command].params for o in p.opts}
        assert all(word in params for word in rest if word.startswith("--"))


def test_unknown_molecules_of_the_library_say_which_are_near():
    with pytest.raises(MonomerError, match=r"did you mean am \(ammonia\)"):
        LIBRARY["amonia"]
