"""What is installed is what was meant to be: as a wheel, editable, and not at all."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROBE = (
    "from sampler import resources; from sampler.monomers import MonomerLibrary; from sampler.funnel.protocols import protocol;"
    "print(resources.path('data')); print(MonomerLibrary.load()['sa'].label, protocol.load('quick').name)"
)


def call(*command, cwd, **environment):
    result = subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("cluster_sampler-*.whl"))


def empty_environment(folder: Path) -> Path:
    """A virtual environment that sees the dependencies of this one through a path file, and no sampler of its own."""
    call(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    site = next(folder.glob("lib/python*/site-packages"))
    return site


def dependencies_only(tmp_path: Path) -> str:
    """A folder of links to everything this environment has installed but sampler."""
    links = tmp_path / "dependencies"
    links.mkdir()
    import numpy

    for entry in Path(numpy.__file__).parents[1].iterdir():
        if not any(word in entry.name.lower() for word in ("sampler", "__editable__")):
            (links / entry.name).symlink_to(entry)
    return str(links)


def test_type_checkers_may_read_the_annotations(wheel):
    assert "sampler/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_templates_style_and_script_of_reports_are_in_the_wheel(wheel):
    page = ROOT / "sampler" / "report" / "page"
    files = {
        f"sampler/report/page/{file.relative_to(page).as_posix()}"
        for ending in ("html", "css", "js")
        for file in page.rglob(f"*.{ending}")
    }
    assert len(files) > 20 and files <= set(zipfile.ZipFile(wheel).namelist())


def test_only_sampler_lands_in_site_packages(wheel, tmp_path):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    metadata = {n for n in names if n.endswith(".dist-info")}
    assert names - metadata == {"sampler"} and len(metadata) == 1
    site = empty_environment(tmp_path / "env")
    call(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        tmp_path / "t",
        wheel,
        cwd=tmp_path,
    )
    landed = {p.name for p in (tmp_path / "t").iterdir()} - {"bin"}
    assert {n for n in landed if not n.endswith(".dist-info")} == {"sampler"}, landed
    (site / "paths.pth").write_text(f"{tmp_path / 't'}\n{dependencies_only(tmp_path)}\n")
    out = call(tmp_path / "env/bin/python", "-c", PROBE, cwd=tmp_path, PYTHONPATH="")
    assert str(tmp_path / "t" / "sampler" / "data") in out
    assert "H2SO4 quick" in out


def test_editable(tmp_path):
    site = empty_environment(tmp_path / "env")
    call(
        sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation",
        "--target", tmp_path / "t", "-e", ROOT, cwd=tmp_path,
    )  # fmt: skip
    names = {p.name for p in (tmp_path / "t").iterdir() if not p.name.endswith(".dist-info")} - {"bin"}
    assert all(n.endswith(".pth") for n in names), names
    paths = "".join((tmp_path / "t" / n).read_text() for n in names)
    (site / "paths.pth").write_text(f"{paths.strip()}\n{dependencies_only(tmp_path)}\n")
    out = call(tmp_path / "env/bin/python", "-c", PROBE, cwd=tmp_path, PYTHONPATH="")
    assert str(ROOT / "data") in out and "H2SO4 quick" in out


def test_uninstalled_from_a_checkout(tmp_path):
    out = call(sys.executable, ROOT / "cli.py", "--help", cwd=tmp_path)
    assert "Results:" in out
    assert "quick" in call(sys.executable, ROOT / "cli.py", "protocols", cwd=tmp_path)


def test_no_test_tool_among_the_dependencies():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = " ".join(table["dependencies"])
    for tool in ("pytest", "hypothesis", "ruff", "build>", "hatchling"):
        assert tool not in words


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from sampler.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'rdkit', 'tblite', 'xtb', 'pyscf', 'schnetpack', 'sklearn', 'matplotlib', 'numba', 'scipy', 'ase'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    assert "LOADED []" in call(sys.executable, "-c", script, cwd=ROOT)


def test_one_version(wheel):
    """Only ``sampler/version.py`` states it: the wheel takes it from there, and the citation agrees."""
    from sampler import __version__

    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]
    assert wheel.name.split("-")[1] == __version__
    cited = [
        line.split(":")[1].strip() for line in (ROOT / "CITATION.cff").read_text().splitlines() if "version:" in line
    ]
    assert cited == ["1.2.0", __version__]  # that of the format of the file, and ours


def test_hooks_are_the_checks():
    """What runs before a commit is what CI runs, each check once."""
    import re

    checks = re.search(r"^all=\((.*)\)$", (ROOT / ".ci/check").read_text(), re.M).group(1).split()
    hooks = re.findall(r"entry: \.ci/check (\w+),", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks == checks and len(set(checks)) == len(checks) >= 6
    assert re.search(r"^\s*\.ci/check$", (ROOT / ".ci/run").read_text(), re.M)
