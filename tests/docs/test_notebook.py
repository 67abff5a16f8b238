"""The tutorial's notebook runs, from the first cell to the last, in an empty folder."""

import os

import pytest
from pages import DOCS, ROOT

pytestmark = pytest.mark.once
NOTEBOOK = DOCS / "tutorial" / "notebook.ipynb"
LINES = 12  # of code, without imports and blank lines: it says ten


def read():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(NOTEBOOK, as_version=4)


def code(notebook):
    return [
        line for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()
    ]


def test_it_is_short_and_holds_no_results():
    notebook = read()
    assert len([line for line in code(notebook) if not line.startswith("import")]) <= LINES
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.timeout(3600)  # half a minute on two free cores
def test_it_runs(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("SAMPLER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read()
    nbclient.NotebookClient(
        notebook, timeout=3000, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    results = [
        output["data"]["text/plain"]
        for cell in notebook.cells if cell.cell_type == "code"
        for output in cell.outputs if output.output_type == "execute_result"
    ]  # fmt: skip
    assert results[1].startswith("('2 HSO4⁻ · 2 NH4⁺', -70."), results[1]
    assert float(results[4]) == pytest.approx(-11.7, abs=0.5), results[4]
    assert (tmp_path / "lowest.xyz").is_file() and (tmp_path / "screen" / "screen.csv").is_file()
