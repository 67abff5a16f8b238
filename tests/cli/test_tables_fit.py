"""The tables of all commands at 80 and 60 columns: none is wider, and no number in one is cut."""

import io
import re
import sys

import numpy as np
import pytest
from orca_texts import job
from orca_texts import run as orca_output
from rich.console import Console
from test_cli import TOY

from sampler.clusters import Clusters
from sampler.composition import Composition
from sampler.learn.labels.labels_file import LabelSet
from sampler.monomers import MonomerLibrary
from sampler.screen.table import VALUE, text_map
from sampler.text import table as module

LIBRARY = MonomerLibrary.load()
LONG = "4sa4am-0007_0123-grown-from-3sa3am-0001_0002-hop-0012"


@pytest.fixture
def tables(monkeypatch):
    """Everything that is printed as a table: (header, rows, right, lines, width)."""
    made = []
    real = module.table

    def spy(title, header, rows, width, right=(), wrap=(), keys=1):
        lines, headers = real(title, header, rows, width, right, wrap, keys)
        made.append((list(header), [list(r) for r in rows], set(right), lines, width))
        return lines, headers

    monkeypatch.setattr(module, "table", spy)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose energies are huge, a screen, frames with long names, labels, ORCA outputs, frequencies."""
    from sampler.cli.app import main

    here = tmp_path_factory.mktemp("tables")
    (here / "toy.toml").write_text(TOY)
    monkey = pytest.MonkeyPatch()
    monkey.chdir(here)
    monkey.setenv("SAMPLER_HOME", str(here / "home"))
    for words in (
        ["run", "3sa3am", "-p", "toy.toml", "-j", "1", "-q", "--no-report", "--set", "relax.max_steps=1"],
        [
            "run",
            "3sa3am",
            "-p",
            "toy.toml",
            "-j",
            "1",
            "-q",
            "--no-report",
            "--set",
            "relax.max_steps=1",
            "-s",
            "1",
            "-o",
            "again",
        ],
        ["screen", "1sa", "0-1am", "-p", "toy.toml", "-j", "1", "-q", "--no-report"],
    ):
        monkey.setattr(sys, "argv", ["sampler", *words])
        with pytest.raises(SystemExit) as end:
            main()
            raise SystemExit(0)
        assert not end.value.code
    rng = np.random.default_rng(0)
    sa, am = LIBRARY["sa"], LIBRARY["am"]
    numbers = np.concatenate([sa.numbers, am.numbers])
    base = np.vstack([sa.conformers[0].positions, am.conformers[0].positions + [3.6, 0.5, 0]])
    positions = [base + rng.normal(0, 0.02, base.shape) for _ in range(4)] + [base, base]
    clusters = Clusters.make(
        positions, [numbers] * 6, ids=np.array([f"{LONG}-{i:04d}" for i in range(6)]),
        columns={"composition": np.array(["1sa1am"] * 6)},
    )  # fmt: skip
    clusters = clusters.replace(energy=-1234567.890123 + np.arange(6.0), level="lennard-jones")
    clusters.save(here / "frames.npz")
    labels = clusters.replace(forces=rng.normal(0, 1e4, (6 * len(numbers), 3)))
    LabelSet(labels, {"sa": -20000.0, "am": -30000.0}, "a test").save(here / "labels.npz")
    (here / "outputs").mkdir()
    for name, seed in (("a", 1), (LONG, 2)):
        text = orca_output([job("water", "opt freq", "B97-3c", seed)])
        (here / "outputs" / f"{name}.out").write_text(text)
    (here / "outputs" / "broken.out").write_text(text[: len(text) // 2])
    yield here
    monkey.undo()


COMMANDS = [
    ("show", "3sa3am", "-v"),
    ("show", "screen", "-n", "3"),
    ("screen", "1sa", "0-1am", "-p", "toy.toml", "-j", "1", "-q", "--no-report"),
    ("monomer", "list"),
    ("monomer", "show", "sa"),
    ("protocols", "thorough"),
    ("models",),
    ("import", "frames.npz"),
    ("import", "orca", "outputs"),
    ("audit", "frames.npz"),
    ("energy", "frames.npz", "--level", "lennard-jones", "-q"),
    ("relax", "frames.npz", "--level", "lennard-jones", "--max-steps", "2", "-q"),
    ("md", "frames.npz", "--level", "lennard-jones", "--time", "0.005", "--frames", "1", "--check", "0", "-q"),
    ("data", "info", "labels.npz"),
    ("evaluate", "lennard-jones", "labels.npz", "--relax", "-q"),
    ("merge", "3sa3am", "again", "--out", "merged", "--replace", "-q"),
    ("thermo", "outputs/a.out", f"outputs/{LONG}.out", "-q"),
]


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_tables_fit(folder, tables, monkeypatch, capsys, words, width):
    from sampler.cli.app import main

    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys, "argv", ["sampler", *words])
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, 1, None), capsys.readouterr().err
    out, err = capsys.readouterr()
    assert "sampler: error" not in err, err
    fit(tables, width, out)


def fit(tables, width, out):
    """All tables are there, no line is too long, no number is cut."""
    assert tables
    for header, rows, right, lines, wide in tables:
        assert wide == width
        assert max(map(len, lines)) <= width, "\n".join(lines)
        words_of = "\n".join(lines).split()
        for row in rows:
            for i in right:
                assert set(str(row[i]).split()) <= set(words_of), f"{header[i]}: {row[i]!r} is cut in\n" + "\n".join(
                    lines
                )
        assert all(line in out for line in lines if line)


def test_every_command_with_a_table_is_here():
    """What calls print_table is run above, or is named here with the reason."""
    from pathlib import Path

    import sampler.cli

    elsewhere = {
        "common": "defines it", "doctor": "below, because it is slow", "show_gibbs": "needs free energies of a run",
        "judging": "energy and relax", "data_sets": "data info", "md_analyse": "needs a trajectory", "md_validate": "needs one", "data_describe": "data",
        "refit_xtb": "below, because it is slow", "study_curve": "needs a study", "study_extrapolate": "needs one", "study_active": "needs one", "study_tune": "needs one", "study_cost": "its plan", "import_file": "import", "import_orca": "import orca",
    }  # fmt: skip
    folder = Path(sampler.cli.__file__).parent
    users = {p.stem for p in folder.glob("*.py") if "print_table(" in p.read_text(encoding="utf-8")}
    assert users - set(elsewhere) <= {words[0] for words in COMMANDS}, "add the new command to COMMANDS"


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 60])
def test_doctor_fits(folder, tables, monkeypatch, capsys, width):
    test_tables_fit(folder, tables, monkeypatch, capsys, ("doctor",), width)


@pytest.mark.parametrize("width", [80, 60])
def test_the_errors_of_a_fit_fit(tables, monkeypatch, capsys, width):
    from types import SimpleNamespace

    from sampler.cli.refit_xtb import _ROWS, _print

    names = ("forces_mae_kcal_mol_A", "binding_mae_kcal_mol", "relative_mae_kcal_mol", "rank_correlation")
    errors = {"structures": 1234, "failed": 1} | {name: 123.456 for name in names}
    monkeypatch.setenv("COLUMNS", str(width))
    _print(SimpleNamespace(
        level="gfn1-xtb-refit-0123abcd", errors={part: {"before": errors, "after": errors} for part in _ROWS}, steps=3,
        why="what is held out gets no better", changes={"H.gam": 0.123}, without=["tma"], file="levels/refit.toml",
    ))  # fmt: skip
    fit(tables, width, capsys.readouterr().out)


@pytest.mark.parametrize("width", [80, 60, 40])
def test_a_heat_map_is_shown_in_sheets_that_fit(width):
    grid = {
        name: Composition.parse(name, LIBRARY) for name in (f"{s}sa{a}am" for s in range(1, 4) for a in range(1, 16))
    }
    value = lambda c: -12345.6 - 10 * sum(n for _, n in c.counts)  # noqa: E731
    rows = [
        {
            "system": name,
            "status": "finished",
            "level": "b97-3c@pyscf",
            "molecules": c.molecules(),
            VALUE: value(c),
            "protocol": "quick",
        }
        for name, c in grid.items()
    ]
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(text_map(rows, grid, width))
    text = console.file.getvalue()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    numbers = re.findall(r"-\d+\.\d(?!\d)", text)
    assert sorted(numbers) == sorted(f"{row[VALUE]:.1f}" for row in rows)
    # the title may be longer than a line, the heads of columns may not be lost
    assert set(re.findall(r"(\d+)am", text)) == {str(a) for a in range(1, 16)}
