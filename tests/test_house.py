"""The house: no circle of imports of any kind, and rooms in the order that pyproject.toml states."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def imports():
    grimp = pytest.importorskip("grimp")
    return grimp.build_graph("sampler")


def test_no_file_imports_what_imports_it(imports):
    """Deferred imports and those for type checkers count."""
    circles = {
        tuple(sorted((module, other)))
        for module in imports.modules
        for other in imports.find_modules_directly_imported_by(module)
        if imports.chain_exists(importer=other, imported=module)
    }
    assert not circles


def test_the_map_of_rooms_is_the_contract():
    """docs/architecture.md names the rooms of pyproject.toml, all of them, in their order."""
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.M)
    drawn = [re.findall(r"`(\w+)`", row) for row in rows]
    assert drawn == [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def test_no_room_imports_one_that_imports_it():
    linter = pytest.importorskip("importlinter")
    assert linter
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_tests_import_as_a_clone_does():
    """`pytest` puts the folders of pyproject.toml on the path, not the checkout: `tests.x` is found by luck alone."""
    lines = {f"{path}:{line}" for path in (ROOT / "tests").rglob("*.py")
             for line in re.findall(r"^ *(?:from|import) tests\b.*", path.read_text(), re.M)}  # fmt: skip
    assert not lines
