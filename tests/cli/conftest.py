"""The command in an empty folder, for all tests of the command line here."""

import sys

import pytest


@pytest.fixture
def words(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder: (exit status, standard output, standard error)."""
    from sampler.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAMPLER_HOME", str(tmp_path / "home"))

    def call(*given):
        monkeypatch.setattr(sys, "argv", ["sampler", *map(str, given)])
        try:
            app.main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
