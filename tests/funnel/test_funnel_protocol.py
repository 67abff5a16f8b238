"""Protocol files: what ships is valid, and every mistake of a bad one is reported at once."""

import pytest

from sampler.errors import ProtocolError
from sampler.funnel.protocols import protocol as module


@pytest.mark.parametrize("name", module.names())
def test_shipped_protocols_are_valid_and_survive_dumping(name):
    loaded = module.load(name)
    assert loaded.name == name
    assert module.build(loaded.dump(), "again") == loaded


@pytest.mark.parametrize("name", module.names())
def test_shipped_protocols_are_shown_in_full(name, capsys):
    from sampler.cli.protocols import protocols

    protocols(name)
    told = " ".join(capsys.readouterr().out.split())  # however the table is wrapped
    assert "…" not in told
    for stage in module.load(name).stage:
        assert f" {stage.kind} " in told and all(
            f"{key} = " in told for key in stage.model_dump(exclude_none=True) if key != "kind"
        )


def test_all_mistakes_at_once(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(
        """
name = "bad name"
description = "x"
colour = "blue"
[[stage]]
kind = "generate"
candidates = 0
[[stage]]
kind = "relax"
potential = "gfn3-xtb"
fmaxx = 0.1
[[stage]]
kind = "polish"
[[stage]]
kind = "select"
[export]
count = -1
"""
    )
    with pytest.raises(ProtocolError) as caught:
        module.load(str(path))
    text = str(caught.value)
    for part in (
        "bad.toml", "name = 'bad name'", "colour", "stage 1 (generate): candidates = 0", "gfn3-xtb", "gfn1-xtb",
        "fmaxx", "stage 3: kind = 'polish'", "known: generate", "stage 4 (select)", "export.count = -1",
    ):  # fmt: skip
        assert part in text, f"{part!r} is not in:\n{text}"
    assert len(caught.value.mistakes) == 8


def test_overrides():
    changed = module.load("quick", module.parse_overrides(["relax.fmax=0.2", "1.candidates=7", "export.preset=sp"]))
    assert [s.fmax for s in changed.stage if s.kind == "relax"] == [0.2, 0.2]
    assert changed.stage[0].candidates == 7
    assert changed.export.preset == "sp"


@pytest.mark.parametrize("setting", ["relax.fmax=fast", "relax.speed=1", "polish.x=1", "99.x=1", "0.x=1"])
def test_bad_overrides_are_refused(setting):
    with pytest.raises(ProtocolError):
        module.load("quick", module.parse_overrides([setting]))


def test_not_toml(tmp_path):
    (tmp_path / "x.toml").write_text("name = ")
    with pytest.raises(ProtocolError, match="x.toml: not valid TOML: "):
        module.load(str(tmp_path / "x.toml"))
    with pytest.raises(ProtocolError, match="quick.*standard|shipped"):
        module.load("slow")
    with pytest.raises(ProtocolError, match="cannot be read"):
        module.load(str(tmp_path / "absent.toml"))
