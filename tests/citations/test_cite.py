"""What to cite for a run, against lists that were put together by hand."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sampler.citations.of_dynamics import citations_of_dynamics
from sampler.citations.reference import Reference, key_of, references
from sampler.citations.used import LOW_MODES, citations_of, cited_for
from sampler.cli.app import app
from sampler.composition import Composition
from sampler.dynamics.ensembles import ENSEMBLES
from sampler.errors import RunError
from sampler.funnel.protocols.automatic import resolve
from sampler.funnel.protocols.protocol import load
from sampler.funnel.stages.registry import STAGES
from sampler.monomers import MonomerLibrary
from sampler.potentials import available
from sampler.potentials.composite.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "tests/data/run-0.1/1sa1am"
LIBRARY = MonomerLibrary.load()

APPROACH = {"10.1039/D4VA00255E"}
GFN1 = {"10.1021/acs.jctc.7b00118"}
TBLITE = {"10.1021/acs.jpca.4c08263"}
PAINN = {"10.48550/arXiv.2102.03150", "10.1063/5.0138367"}
B97_3C = {"10.1063/1.5012601", "10.1063/1.3382344", "10.1002/jcc.21759"}  # with D3(BJ)
PYSCF = {"10.1063/5.0006074", "10.21105/joss.07169"}
LATENT = {"10.1021/acs.jctc.9b00181", "10.1038/s41524-025-01577-7"}
RIGID = {"10.1039/C3DT50599E", "10.1039/C0CP01971B"}
SYMMETRIC = {"10.1039/C3CP44332A", "10.1088/0953-8984/23/5/053201"}
LBFGS = {
    "10.1007/BF01582063", "10.1016/0009-2614(95)00646-L", "10.1063/1.4947024", "10.1038/s41598-018-32105-x",
}  # fmt: skip
SAME = {"10.1039/b801115j", "10.1007/BF02278710", "10.1364/JOSAA.4.000629"}  # bonds, superposition
UNLIKE = {"10.1063/1.3553717", "10.1016/0304-3975(85)90224-5"}  # descriptors, farthest points
SEARCH = {"10.2307/2531532", "10.1093/biomet/40.3-4.237", "10.1093/amrx/abs010"}


def run_of(folder: Path, name: str, protocol: str, level: str = "auto", **more) -> Path:
    """A run directory, as far as the manifest says what it is."""
    composition = Composition.parse(name, LIBRARY)
    (folder / "stages").mkdir(parents=True)
    protocol = resolve(load(protocol), composition, LIBRARY, level)
    manifest = {"format": "sampler-run-1", "composition": name, "protocol": protocol.dump(), "seed": 0, **more}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def dois(cited) -> set[str]:
    return {references()[key].doi for key in cited.used_for} - {""}


def test_gfn1_alone(tmp_path):
    """No network, no DFT, no search; `gfn1` packs, relaxes, and chooses some structures for being unlike."""
    found = citations_of([run_of(tmp_path / "run", "2sa2tma", "gfn1")])
    assert dois(found) == APPROACH | GFN1 | TBLITE | RIGID | LBFGS | SAME | UNLIKE and not found.remarks


def test_quick_at_home_of_the_models(tmp_path):
    """A committee of PaiNN that has learnt B97-3c of PySCF; no GFN1-xTB, no Δ model."""
    found = citations_of([run_of(tmp_path / "run", "2sa2am", "quick")])
    expected = APPROACH | PAINN | B97_3C | PYSCF | LATENT | RIGID | SYMMETRIC | LBFGS | SAME
    print(sorted(dois(found) ^ expected))
    assert dois(found) == expected and not found.remarks


def test_corrections_bring_their_base_and_its_engine(tmp_path):
    found = citations_of([run_of(tmp_path / "run", "2sa2am", "b97-3c")])
    assert dois(found) >= APPROACH | PAINN | B97_3C | PYSCF | GFN1 | TBLITE | {"10.1021/acs.jctc.5b00099"} | SEARCH


def test_a_toy_costs_no_engine():
    found = citations_of([TOY])
    assert dois(found) == APPROACH | RIGID | LBFGS | SAME | SEARCH
    assert "chao1984" in found.used_for and not references()["chao1984"].doi


def test_stages_before_the_entrance_are_not_cited(tmp_path):
    start = {"source": "ensemble.xyz", "sha256": "0" * 64, "stage": "dedupe"}
    found = citations_of([run_of(tmp_path / "run", "2sa2am", "quick", **{"from": start})])
    assert not dois(found) & (RIGID | SYMMETRIC) and any("ensemble.xyz" in r for r in found.remarks)


def test_orca_counts_where_it_has_run(tmp_path):
    run = run_of(tmp_path / "run", "2sa2tma", "gfn1")
    (run / "orca").mkdir()
    (run / "orca/a.inp").write_text("# rank 1\n! B97-3c Opt\n* xyz 0 1\n*\n")
    orca = {"10.1002/wcms.1606", *B97_3C}
    assert not dois(citations_of([run])) & orca, "inputs alone are no use of ORCA"
    (run / "orca/a.out").write_text("   * O   R   C   A *\n  Program Version 5.0.4 -  RELEASE  -\n")
    found = dois(citations_of([run]))
    assert found >= orca and not found & PYSCF
    (run / "orca/a.out").write_text("  Program Version 6.1.0 -  RELEASE  -\n")
    assert "10.1002/wcms.70019" in dois(citations_of([run]))


def test_a_model_that_is_gone_is_said(tmp_path):
    run = run_of(tmp_path / "run", "2sa2am", "quick")
    text = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(text.replace("b97-3c_sa_am_dma_w-seed7", "/nowhere/mine"))
    assert any("/nowhere/mine" in remark for remark in citations_of([run]).remarks)


def test_every_potential_and_stage_is_known():
    """A toy alone has nothing to cite, and ``painn`` what its models say."""
    nothing = {name for name in available() if not list(cited_for(name))}
    assert nothing == {"painn", "lennard-jones"}
    source = "".join((ROOT / "sampler/citations" / name).read_text() for name in ("used.py", "of_dynamics.py"))
    silent = {"refine", "orca"}  # their potential or outputs speak for them
    assert all(f'"{kind}"' in source for kind in set(STAGES) - silent)
    assert {references()[k].doi for k, _ in cited_for("r2scan-3c")} >= {
        "10.1063/5.0040021",
        "10.1063/1.3700154",
        "10.1063/1.5090222",
    }


def test_references_are_whole():
    every = references()
    found = [r.doi.lower() for r in every.values() if r.doi]
    assert len(found) == len(set(found)) >= 40
    assert all(re.fullmatch(r"10\.\d{4,5}/\S+", doi) for doi in found)
    assert all(r.title and r.authors and r.journal and 1900 < r.year < 2100 and r.pages for r in every.values())
    assert {key_of(m.citation) for m in METHODS.values()} == {"brandenburg2018", "grimme2021", "chai2008"}
    source = "".join((ROOT / "sampler/citations" / name).read_text() for name in ("used.py", "of_dynamics.py"))
    by_citation = {"brandenburg2018", "grimme2021", "chai2008"}
    assert [key for key in every if f'"{key}"' not in source] == [k for k in every if k in by_citation]


def test_dois_are_those_of_the_docstrings():
    """Where the code names a publication by DOI and ``cite`` prints it, both are the same: all but the programs' own."""
    code = "".join(p.read_text() for p in (ROOT / "sampler").rglob("*.py")).lower()
    readme = (ROOT / "README.md").read_text().lower()
    missing = {r.key for r in references().values() if r.doi and r.doi.lower() not in code + readme}
    programs = {"katbashev2025", "sun2020", "ehlert2024", "larsen2017", "schutt2021", "grimme2011", "chao1984"}
    assert missing <= programs | {"neese2012", "neese2018", "neese2022", "neese2025"}, missing


def test_bibtex_is_balanced_and_names_all():
    told = CliRunner().invoke(app, ["cite", str(TOY), "--bibtex"])
    entries = re.findall(r"^@(\w+)\{(\w+),\n((?:  \w+ = \{.*\},?\n)+)\}$", told.output, re.M)
    assert [key for _, key, _ in entries] == list(citations_of([TOY]).used_for)
    assert told.output.count("{") == told.output.count("}")
    one = Reference("a2000", "Δ & ω – 5 %", ("Author, An", "others"), "J.", 2000, "1–2").bibtex()
    assert r"title = {{{$\Delta$} \& ω -- 5 \%}}" in one and "author = {Author, An and others}" in one


def test_the_command(tmp_path):
    call = lambda *words: CliRunner().invoke(app, ["cite", *map(str, words)])  # noqa: E731
    told = json.loads(call(TOY, "--json", "--low-modes", "grimme").output)
    assert {r["doi"] for r in told["references"]} - {""} == dois(citations_of([TOY])) | {"10.1002/chem.201200497"}
    text = call(TOY).output
    assert text.startswith("[1] J. Kubečka, ") and "https://doi.org/10.1039/D4VA00255E" in text
    assert "low vibrations" not in text
    with pytest.raises(RunError, match="not a run directory"):
        CliRunner().invoke(app, ["cite", str(tmp_path)], catch_exceptions=False)
    assert call(TOY, "--low-modes", "nonsense").exit_code
    assert set(LOW_MODES) == {"harmonic", "grimme", "raised"}


def simulation_of(folder: Path, ensemble: str, level: str, engine: str, named: list[str]) -> Path:
    """``md.json``, as far as it says what was simulated with what."""
    folder.mkdir()
    told = {"format": "sampler-md-1", "potential": {"engine": {"engine": engine}, "named": named}, "level": level}
    (folder / "md.json").write_text(json.dumps(told | {"ensemble": {"name": ensemble}}))
    return folder


def test_dynamics(tmp_path):
    gfn1 = simulation_of(tmp_path / "a", "rescaling", "gfn1-xtb", "tblite 0.5.0", ["gfn1-xtb"])
    assert dois(citations_of_dynamics(gfn1)) == APPROACH | GFN1 | TBLITE | {"10.1063/1.2408420"}
    model = simulation_of(tmp_path / "b", "nose-hoover", "gfn1-xtb", "model gfn1-xtb 0", ["gfn1-xtb_sa_am"])
    chains = {"10.1063/1.463940", "10.1080/00268979600100761"}
    assert dois(citations_of_dynamics(model)) - LATENT == APPROACH | PAINN | GFN1 | chains
    (model / "validation" / "b97-3c@pyscf").mkdir(parents=True)
    (model / "validation" / "b97-3c@pyscf" / "summary.json").write_text("{}")
    assert dois(citations_of_dynamics(model)) >= B97_3C | PYSCF
    told = CliRunner().invoke(app, ["cite", str(model), str(TOY), "--json"])
    assert {r["doi"] for r in json.loads(told.output)["references"]} >= chains | dois(citations_of([TOY])) - {""}
    with pytest.raises(RunError, match="is damaged"):
        (model / "md.json").write_text("[]")
        citations_of_dynamics(model)


def test_every_ensemble_has_its_references(tmp_path):
    for name in ENSEMBLES:
        assert len(dois(citations_of_dynamics(simulation_of(tmp_path / name, name, "gfn1-xtb", "", ["gfn1-xtb"])))) > 3
