"""``sampler run --confidence``: where it decides, what it lets through, and that it fails before the search, not after."""

import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.composition import Composition
from sampler.errors import InputError, ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.automatic import ended, resolve
from sampler.funnel.protocols.informed import informed
from sampler.funnel.protocols.with_confidence import with_confidence
from sampler.funnel.runner import run
from sampler.funnel.stages import expected_error
from sampler.funnel.stages.select import Select
from sampler.monomers import MonomerLibrary
from sampler.rundir.directory import read_ledgers, read_result

LIBRARY = MonomerLibrary.load()
# so weak a potential moves nothing: all that is whole is a minimum of its own, and nearly as low as the others
WEAK = 'potential = "lennard-jones"\noptions = { epsilon = 1e-5, sigma = 0.9 }\n'
HOP = f'[[stage]]\nkind = "hop"\n{WEAK}children = 8\nrounds = 2\nchunk = 4\nmd_steps = 2\n'
RELAX = f'[[stage]]\nkind = "relax"\n{WEAK}max_steps = 5\n'
TOY = 'name = "toy"\ndescription = "toy"\n[[stage]]\nkind = "generate"\ncandidates = 8\n'
LOWEST = '[[stage]]\nkind = "select"\ncount = '


def confident(table, name="4sa4am", confidence=0.95, error=None, first=0):
    protocol = protocols.load(table) if isinstance(table, str) else protocols.build(table, "x")
    return with_confidence(protocol, confidence, error, Composition.parse(name, LIBRARY), LIBRARY, first)


def outline(protocol):
    """Kinds of the stages; of those that cut, how they do it."""
    words = []
    for s in protocol.stage:
        cut = [f"{k}={getattr(s, k)}" for k in ("confidence", "count", "window_kcalmol") if getattr(s, k, None)]
        words.append(" ".join([s.kind, *cut]) if s.kind in ("select", "refine", "orca") else s.kind)
    return words


def test_with_a_search_the_archive_decides_and_nothing_is_cut_after_it():
    changed = confident("standard")
    plain = ended(protocols.load("standard"), Composition.parse("4sa4am", LIBRARY))
    kinds = [s.kind for s in plain.stage]
    hop = kinds.index("hop")
    assert changed.stage[: hop + 1] == plain.stage[: hop + 1]
    assert outline(changed)[hop + 1 :] == [
        "select confidence=0.975", "relax", "identify", "dedupe", "refine", "select confidence=0.95"
    ]  # fmt: skip
    other = confident("standard", "4sa4tma", error=2.0)
    assert outline(other)[hop + 1 :] == ["select confidence=0.95", "refine", "relax", "identify", "dedupe"]
    assert changed.export.count is None


def test_where_energies_get_better_a_second_decision_uses_them(monkeypatch):
    """Of the archive enough go on for both; the second is by the selection before the end, and only by it."""

    def error(level, composition, models=()):
        return expected_error.ErrorEstimate(0.2 if "delta" in models[0] else 1.0, "made up")

    monkeypatch.setattr("sampler.funnel.protocols.with_confidence.expected_error", error)
    changed = outline(confident("b97-3c"))
    after = changed[changed.index("hop") + 1 :]
    assert after == ["select confidence=0.975", "relax", "identify", "dedupe", "refine", "select confidence=0.95"]
    monkeypatch.setattr(
        "sampler.funnel.protocols.with_confidence.expected_error",
        lambda *a: expected_error.ErrorEstimate(1.0, "made up"),
    )
    changed = outline(confident("b97-3c"))
    assert changed[changed.index("hop") + 1 :] == ["select confidence=0.95", "relax", "identify", "dedupe", "refine"]
    one = outline(confident("b97-3c", error=2.0))  # one error was given, for one decision
    assert [w for w in one if "confidence" in w] == ["select confidence=0.95"]


def test_without_a_search_the_last_relaxation_decides_on_all_that_is_distinct():
    assert outline(confident("quick")) == [
        "generate", "relax", "identify", "dedupe", "relax", "identify", "dedupe", "select confidence=0.95"]  # fmt: skip
    assert "select count=300" in outline(confident("gfn1"))  # before anything distinct is known: part of the search


def test_a_higher_level_gets_what_the_confidence_asks_for():
    refined = outline(confident("refined"))
    assert refined[6:10] == ["dedupe", "select confidence=0.95", "refine", "select count=3"]
    wu = outline(confident("wu2023"))
    assert wu[3:6] == ["dedupe", "select confidence=0.95", "orca"] and "select count=1000" in wu[6:]


def test_what_cannot_be_done_is_said():
    with pytest.raises(ProtocolError, match="confidence = 1.5"):
        confident("b97-3c", confidence=1.5)
    none = {"name": "x", "description": "x", "stage": [{"kind": "generate"}]}
    with pytest.raises(ProtocolError, match="no stage 'select'"):
        confident(none)


def test_a_protocol_without_confidence_is_left_alone():
    protocol = resolve(protocols.load("standard"), Composition.parse("4sa4am", LIBRARY), LIBRARY)
    assert informed(protocol).dump() == protocol.dump()
    assert set(Select(kind="select", count=3).model_dump()) == {
        "kind", "count", "window_kcalmol", "diverse", "per_framework", "confidence", "error_kcalmol", "model"}  # fmt: skip


@pytest.mark.parametrize("name, protocol", [("1sa1am", "quick"), ("4w", "b97-3c"), ("4sa4am", "standard")])
def test_every_selection_knows_the_error_of_its_energies(name, protocol):
    """The default protocols: ``--confidence`` must not end in an error after the search."""
    composition = Composition.parse(name, LIBRARY)
    changed = informed(resolve(confident(protocol, name), composition, LIBRARY))
    for stage in (s for s in changed.stage if getattr(s, "confidence", None)):
        source = stage._source
        found = expected_error.expected_error(source.level, composition, source.models)
        print(f"{name} {protocol}: {source}: {found.kcalmol:.2f} kcal/mol, {found.source}")
        assert found.kind == "calibration"


def write(folder, *stages):
    path = folder / "toy.toml"
    path.write_text(TOY + "".join(stages))
    return path


def command(folder, path, *options):
    return ["run", "1sa1am", "-p", str(path), "-o", str(folder / "run"), "-j", "1", *options]


@pytest.mark.parametrize("confidence", [[], ["--confidence", "0.8"]])
def test_an_error_that_nobody_knows_ends_the_run_before_its_first_stage(tmp_path, confidence):
    """By the option, and by a protocol that asks for a confidence itself."""
    last = LOWEST + "3\n" if confidence else '[[stage]]\nkind = "select"\nconfidence = 0.8\n'
    refused = CliRunner().invoke(app, command(tmp_path, write(tmp_path, RELAX, last), "-q", *confidence))
    assert refused.exit_code and isinstance(refused.exception, InputError)
    assert "lennard-jones" in str(refused.exception) and "error_kcalmol" in str(refused.exception)
    assert not list((tmp_path / "run").glob("stages/*"))


def test_energies_from_elsewhere_have_their_own_level(tmp_path):
    """``--from``: the stages before are not done, so their potential says nothing about the energies."""
    path = write(tmp_path, RELAX, LOWEST + "3\n")
    done = CliRunner().invoke(app, command(tmp_path, path, "-q"))
    assert done.exit_code == 0, done.output
    table = protocols.load(str(path))
    from sampler.funnel.runner import Start

    clusters = read_result(tmp_path / "run")
    composition = Composition.parse("1sa1am", LIBRARY)
    changed = with_confidence(table, 0.8, None, composition, LIBRARY, first=2)
    start = Start(clusters.replace(level="gfn1-xtb"), "x", "elsewhere", "select")
    finished = run(composition, changed, tmp_path / "from", library=LIBRARY, start=start)
    assert finished.ledgers[-1]["error_from"] == "calibration"
    with pytest.raises(InputError, match="gfn2-xtb"):
        other = Start(clusters.replace(level="gfn2-xtb"), "x", "elsewhere", "select")
        run(composition, changed, tmp_path / "other", library=LIBRARY, start=other)


def test_the_probability_is_about_the_archive_and_what_it_takes_gets_through(tmp_path):
    """A search whose minima are all about as low: of n, 90 % need nine tenths, whatever the protocol would have kept."""
    stages = (HOP, LOWEST + "4\n", RELAX, LOWEST + "2\nwindow_kcalmol = 1e-9\n", RELAX, LOWEST + "1\n")
    path = write(tmp_path, *stages)
    done = CliRunner().invoke(app, command(tmp_path, path, "--confidence", "0.9", "--error-kcalmol", "5"))
    assert done.exit_code == 0, done.output
    ledgers = read_ledgers(tmp_path / "run")
    archive = next(x for x in ledgers if x["kind"] == "hop")["out"]
    (decided,) = [x for x in ledgers if "confidence" in x]
    found, kept = decided["confidence"], read_result(tmp_path / "run")
    print(f"{archive} minima, {found}; {len(kept)} in the end\n{done.stderr}")
    assert found["of"] == archive > 6 and found["asked"] == 0.9
    assert found["kept"] == len(kept) == -(-archive * 9 // 10)
    assert found["probability"] == pytest.approx(found["kept"] / archive, abs=1e-3)
    assert kept.columns["lowest_probability"].sum() == pytest.approx(found["probability"], abs=1e-4)
    line = next(x for x in done.stderr.splitlines() if "hold the B97-3c minimum" in x)
    assert f"{found['kept']} structures: relax with lennard-jones, then relax with lennard-jones" in line
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "run")])
    assert f"the {found['kept']} lowest of {archive} hold the B97-3c minimum" in " ".join(shown.output.split())
