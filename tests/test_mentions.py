"""What documentation and docstrings name is there: modules, their members, files of this repository."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / f for f in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))]
PAGES += [*sorted((ROOT / "data").rglob("*.md")), *sorted((ROOT / "benchmarks").rglob("*.md"))]
SOURCES = [p for room in ("sampler", "benchmarks", "tests") for p in sorted((ROOT / room).rglob("*.py"))]
SOURCES += [ROOT / ".ci/check", ROOT / ".ci/pages", ROOT / ".ci/run", *sorted((ROOT / "data").rglob("*.toml"))]

DOTTED = re.compile(r"(?<![\w./:\"-])sampler(?:\.[A-Za-z_]\w*)+")
ROLE = re.compile(r":(?:mod|func|class|meth|data|attr|exc):`~?([\w.]+)`")
FILE = re.compile(r"(?<![\w./-])(?:sampler|tests|benchmarks|docs|protocols|\.ci)/[\w/.-]*\w(?![\w/*{<])")
TAKEN = {"sampler.calculators"}  # the name of a group of entry points
ELSEWHERE = {
    "sampler/protocols", "sampler/data",  # in a wheel
    "sampler/bin/activate",  # in an example of somebody's home
    "benchmarks/label_queue/harvest",  # that is where the label farm writes
}  # fmt: skip


def _module(dotted: str) -> Path | None:
    """The file of a module or package."""
    place = ROOT.joinpath(*dotted.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return file if file.is_file() else None


@functools.cache
def names_in(file: Path) -> frozenset[str]:
    """Everything that a file defines, assigns or imports, its classes' members included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and file.name == "__init__.py":
            found.add(node.value)  # offered lazily, by name
    return frozenset(found)


def resolves(dotted: str) -> bool:
    """Whether ``sampler.room.module.name`` is a module, or a name in the longest part that is one."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        file = _module(".".join(parts[:n]))
        if file:
            known, (first, *rest) = names_in(file), (*parts[n:], "")
            return not first or first in known and all(not r or r in known | _offered(file, first) for r in rest)
    return False


def _offered(file: Path, name: str) -> frozenset[str]:
    """What is in the module that a package takes ``name`` from: ``sampler.Clusters`` comes from ``sampler.clusters``."""
    package = ".".join(file.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1 and name in {a.asname or a.name for a in node.names}:
            source = _module(f"{package}.{node.module}")
            return names_in(source) if source else frozenset()
    return frozenset()


def role_resolves(target: str, file: Path) -> bool:
    """Targets are absolute, relative to the package (``.module.name``), or names in the file or of a library."""
    if target.startswith("."):
        steps = len(target) - len(target.lstrip("."))
        package = file.relative_to(ROOT).parts[:-steps]
        return resolves(".".join((*package, target.lstrip("."))))
    if target.split(".")[0] == "sampler":
        return resolves(target)
    first, *rest = target.split(".")
    return first in names_in(file) and (not rest or all(name in names_in(file) for name in rest) or not first.istitle())


def mentions(file: Path):
    for number, line in enumerate(file.read_text().splitlines(), 1):
        where = f"{file.relative_to(ROOT)}:{number}"
        if ROOT / "tests" not in file.parents:  # there `sampler` is a fixture, too, and imports speak for themselves
            yield from ((where, "name", name, resolves(name)) for name in DOTTED.findall(line) if name not in TAKEN)
        for name in FILE.findall(line):
            yield where, "file", name, (ROOT / name).exists() or name in ELSEWHERE
        if file.suffix == ".py":
            yield from ((where, "role", name, role_resolves(name, file)) for name in ROLE.findall(line))


def test_what_is_named_is_there():
    everything = [m for file in [*PAGES, *SOURCES] for m in mentions(file)]
    assert {kind for _, kind, _, _ in everything} == {"name", "file", "role"} and len(everything) > 400
    missing = [f"{where}: no {kind} {name}" for where, kind, name, found in everything if not found]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("name, there", [
    ("sampler.clusters", True), ("sampler.clusters.Clusters", True), ("sampler.identify.identify", True),
    ("sampler.funnel.chunks", False), ("sampler.clusters.Clutters", False), ("sampler.nowhere", False),
    ("sampler.Clusters.make", True), ("sampler.Clusters.nothing", False),
])  # fmt: skip
def test_a_name_that_is_not_there_is_found(name, there):
    assert resolves(name) is there
