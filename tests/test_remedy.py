"""Remedies name a command that works for how the package came here: checkout, folder, wheel, repository, index."""

import json
import shlex
from importlib import metadata

import pytest

from sampler import remedy
from sampler.errors import MissingDependency

PROJECT = 'name = "cluster-sampler"\n'


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Pretend that the package lies in site-packages, and was installed from a url ('' for an index, None for not)."""

    def pretend(url, **more):
        site = tmp_path / "site-packages" / "sampler"
        site.mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(remedy, "__file__", str(site / "remedy.py"))

        class Found:
            def read_text(self, name):
                assert name == "direct_url.json"
                return json.dumps({"url": url, **more}) if url else None

        def distribution(name):
            assert name == "cluster-sampler"
            if url is None:
                raise metadata.PackageNotFoundError(name)
            return Found()

        monkeypatch.setattr(metadata, "distribution", distribution)

    return pretend


def command(extra="dft"):
    words = shlex.split(remedy.install(extra))
    assert words[:2] == ["pip", "install"]
    return words[2:]


def test_from_a_checkout(tmp_path, monkeypatch):
    folder = tmp_path / "my checkout"
    (folder / "sampler").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    monkeypatch.setattr(remedy, "__file__", str(folder / "sampler" / "remedy.py"))
    assert command() == ["-e", f"{folder}[dft]"]
    monkeypatch.chdir(folder)
    assert command("dask") == ["-e", ".[dask]"]


def test_from_a_folder_that_was_installed(installed, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    installed(folder.as_uri(), dir_info={})
    assert command() == [f"{folder}[dft]"]
    (folder / "pyproject.toml").unlink()  # it is gone: an index is what is left
    assert command() == ["cluster-sampler[dft]"]


def test_from_a_wheel(installed, tmp_path):
    wheel = tmp_path / "cluster_sampler-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    installed(wheel.as_uri(), archive_info={})
    assert command() == [f"{wheel}[dft]"]


def test_from_a_repository(installed):
    installed("https://example.org/sampler.git", vcs_info={"vcs": "git", "requested_revision": "v0.1.0"})
    assert command() == ["cluster-sampler[dft] @ git+https://example.org/sampler.git@v0.1.0"]


@pytest.mark.parametrize("url", ["", None])
def test_from_an_index_or_unknown(installed, url):
    installed(url)
    assert command() == ["cluster-sampler[dft]"]


def test_errors_have_it():
    assert remedy.install("dft") in str(MissingDependency("pyscf", "B97-3c", extra="dft"))
    assert str(MissingDependency("numba", "this")).endswith("remedy: pip install numba")


def test_no_message_writes_a_command_of_its_own():
    """All go through the one function; other people's packages may be named."""
    from pathlib import Path

    import sampler

    package = Path(sampler.__file__).parent
    found = [
        f"{path.name}: {line.strip()}"
        for path in package.rglob("*.py")
        if path.name not in ("remedy.py",)
        for line in path.read_text(encoding="utf-8").splitlines()
        if "cluster-sampler[" in line
    ]
    assert found == []
