"""``--level``: a visible choice, refused where it cannot be, said in one line, and without influence on what it does not touch."""

import json
import re

import pytest
from typer.testing import CliRunner

from sampler.cli.app import app
from sampler.composition import Composition
from sampler.errors import InputError, ProtocolError
from sampler.funnel.protocols import protocol as protocols
from sampler.funnel.protocols.automatic import ended, homes, resolve
from sampler.funnel.protocols.ending import at_level, ending
from sampler.monomers import MonomerLibrary

LIBRARY = MonomerLibrary.load()
TOY = {
    "name": "toy",
    "description": "two ends",
    "stage": [{"kind": "generate", "candidates": 4}, {"kind": "relax", "potential": "auto:gfn1-xtb"}],
    "end": {
        "b97-3c": [{"kind": "relax", "potential": "auto"}, {"kind": "select", "count": 3}],
        "gfn1-xtb": [{"kind": "relax", "potential": "gfn1-xtb"}],
    },
}
SHORT = ["--set", "generate.candidates=4", "--set", "generate.explorations=1", "--set", "relax.max_steps=2", "-j", "1"]


def of(name):
    return Composition.parse(name, LIBRARY)


def potentials(protocol):
    return [s.potential for s in protocol.stage if hasattr(s, "potential")]


def run(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def test_one_end_is_done_and_the_search_is_on_its_level():
    toy = protocols.build(TOY, "toy")
    assert potentials(ended(toy, of("2sa2am"))) == ["auto:member", "auto"]
    assert potentials(ended(toy, of("2sa2am"), "gfn1-xtb")) == ["auto:gfn1-xtb", "gfn1-xtb"]
    assert potentials(ended(toy, of("1sa3am"))) == ["auto:gfn1-xtb", "gfn1-xtb"]
    made = ended(toy, of("2sa2am"))
    assert ended(made, of("2sa2am")) == made and "end" not in made.dump() and "end" in toy.dump()
    assert protocols.build(toy.dump(), "again") == toy


def test_no_energy_of_another_level_is_left_in_the_end():
    """At GFN1-xTB no stage takes a model of B97-3c, whatever the protocol."""
    for name in ("quick", "standard", "thorough", "large", "gfn1", "b97-3c", "b97-3c-large"):
        for stage in resolve(protocols.load(name), of("2sa2am"), LIBRARY, "gfn1-xtb").stage:
            assert not hasattr(stage, "potential") or stage.make().level == "gfn1-xtb", name


def test_numbers_of_stages_go_on_into_the_ends():
    changed = protocols.build(TOY, "toy", {"3.fmax": 0.3, "4.count": 2})
    assert [s[0].fmax for s in changed.end.values()] == [0.3, 0.3] and changed.end["b97-3c"][1].count == 2
    assert protocols.build(TOY, "toy", {"relax.fmax": 0.2}).end["gfn1-xtb"][0].fmax == 0.2
    with pytest.raises(ProtocolError, match="--set 5.count: the protocol has no stage '5'"):
        protocols.build(TOY, "toy", {"5.count": 2})
    with pytest.raises(
        ProtocolError, match=r"end: r2scan-3c: write \[\[end.LEVEL\]\] tables, LEVEL one of b97-3c, gfn1"
    ):
        protocols.build({**TOY, "end": {"r2scan-3c": []}}, "toy")
    with pytest.raises(ProtocolError, match="end.gfn1-xtb, stage 1 .relax.: fmin = 1: is not a parameter here"):
        protocols.build({**TOY, "end": {"gfn1-xtb": [{"kind": "relax", "fmin": 1}]}}, "toy")
    with pytest.raises(ProtocolError, match="only the first stage can be 'generate'; stage 3 is too"):
        protocols.build({**TOY, "end": {"gfn1-xtb": [{"kind": "generate"}]}}, "toy")


def test_a_level_that_cannot_be_is_refused_with_what_to_do():
    with pytest.raises(ProtocolError) as refused:
        at_level(protocols.load("quick"), "b97-3c", of("1sa3am"), LIBRARY)
    for words in (
        "at home in 1sa3am: its numbers of molecules differ by 2",
        homes(),
        "--protocol refined",
        "--level gfn1-xtb",
    ):
        assert words in str(refused.value)
    with pytest.raises(
        ProtocolError, match="refined ends with b97-3c@pyscf, by its own stages; take one of the shipped"
    ):
        at_level(protocols.load("refined"), "gfn1-xtb", of("1sa1am"), LIBRARY)
    own = protocols.build(
        {**TOY, "end": {}, "stage": [TOY["stage"][0], {"kind": "relax", "potential": "gfn2-xtb"}]}, "own"
    )
    with pytest.raises(ProtocolError, match=r"toy ends with gfn2-xtb.*write \[\[end.b97-3c\]\] stages"):
        at_level(own, "b97-3c", of("2sa2am"), LIBRARY)
    assert at_level(protocols.load("refined"), "b97-3c", of("1sa3am"), LIBRARY)  # calculated, for any molecules
    assert at_level(protocols.load("wu2023"), "b97-3c", of("2sa2am"), LIBRARY)


def test_the_line_says_level_engine_and_why():
    def line(protocol, name, asked="auto"):
        resolved = at_level(protocols.load(protocol), asked, of(name), LIBRARY)
        return str(ending(resolved, asked, of(name), LIBRARY))

    assert line("quick", "2sa2am").startswith(
        "b97-3c@pyscf by PaiNN (b97-3c_sa_am_dma_w-seed7 and 2 more): models of b97-3c"
    )
    assert line("quick", "2sa2am", "gfn1-xtb") == "gfn1-xtb by GFN1-xTB itself: asked for"
    assert line("standard", "1sa1b1am").endswith("no model of b97-3c is at home in this composition, it is charged")
    assert line("refined", "1sa1am") == "b97-3c@pyscf by PySCF: as the protocol refined says"
    assert line("wu2023", "2sa2am").startswith("b97-3c@orca by ORCA: ")


def test_the_command_says_it_and_keeps_it(tmp_path):
    done = run("run", "1sa1b", "-o", tmp_path / "ion", "-q", *SHORT)
    words = "level: gfn1-xtb by GFN1-xTB itself: no model of b97-3c is at home in this composition, it is charged"
    assert done.exit_code == 0 and words in done.output, (done.output, done.exception)
    manifest = json.loads((tmp_path / "ion" / "manifest.json").read_text())
    assert manifest["level"] == {
        "level": "gfn1-xtb", "by": "GFN1-xTB itself", "why": "no model of b97-3c is at home in this composition, it is charged"
    }  # fmt: skip
    assert words in run("show", tmp_path / "ion").output
    assert json.loads(run("show", tmp_path / "ion", "--json").stdout)["level"] == manifest["level"]
    assert "level: gfn1-xtb" in run("run", "1sa1b", "-o", tmp_path / "said", *SHORT).output.split("stage")[0]
    refused = run("run", "1sa1b", "--level", "b97-3c", "-o", tmp_path / "none")
    assert isinstance(refused.exception, ProtocolError) and not (tmp_path / "none").exists()
    assert isinstance(run("run", "1sa1b", "--level", "gfn2-xtb").exception, InputError)
    assert isinstance(run("run", "1sa1b", "--from-level", "gfn2-xtb").exception, InputError)


def test_with_structures_from_elsewhere(tmp_path):
    """``--level`` is also the level of their energies where the file does not say, ``--from-level`` where it is another."""
    made = run("run", "1sa1am", "--level", "gfn1-xtb", "-o", tmp_path / "a", "-q", *SHORT)
    assert made.exit_code == 0, (made.output, made.exception)
    frames = tmp_path / "a" / "structures.xyz"
    enters = ["run", "--from", frames, "--stage", "dedupe", "-p", "quick", "-q", "-j", "1"]
    both = run(*enters, "--level", "gfn1-xtb", "-o", tmp_path / "b")
    assert "level: gfn1-xtb by GFN1-xTB itself: asked for" in both.output, (both.output, both.exception)
    plain = tmp_path / "plain.toml"
    plain.write_text('name = "p"\ndescription = "p"\n[[stage]]\nkind = "generate"\n[[stage]]\nkind = "dedupe"\n')
    kept = run(*enters[:6], plain, "-q", "-j", "1", "-o", tmp_path / "c")
    assert "level: gfn1-xtb by who made the structures: no stage gives others" in kept.output, (
        kept.output,
        kept.exception,
    )
    refused = run(*enters[:6], plain, "-q", "-j", "1", "--level", "b97-3c", "-o", tmp_path / "d")
    assert "ends with gfn1-xtb" in str(refused.exception)
    lower = run(*enters[:4], "relax", "--level", "b97-3c", "-o", tmp_path / "e", *SHORT, "-q")
    assert "level: b97-3c@pyscf by PaiNN" in lower.output, (lower.output, lower.exception)
    bare = tmp_path / "bare.xyz"
    bare.write_text(re.sub(r' level="?gfn1-xtb"?', "", frames.read_text()))
    assert bare.read_text() != frames.read_text()
    named = run("run", "--from", bare, *enters[3:5], "-p", plain, "--level", "gfn1-xtb", "-o", tmp_path / "f", "-q")
    assert "level: gfn1-xtb by who made the structures" in named.output, (named.output, named.exception)


def test_a_screen_refuses_what_it_cannot_do_for_all(tmp_path):
    refused = run("screen", "1sa", "1-3am", "--level", "b97-3c", "-o", tmp_path / "s", "-q")
    assert "1 of 3 systems cannot end at b97-3c (1sa3am)" in str(refused.exception)
    assert not list((tmp_path / "s").glob("*"))


def test_the_ends_are_shown():
    shown = run("protocols", "standard").output
    assert "end at b97-3c:" in shown and "end at gfn1-xtb:" in shown
    assert "then, to end at b97-3c: select → relax" in run("protocols").output
