"""``sampler study`` as tests call it, the tables that it leaves, and what it refuses."""

import csv

from typer.testing import CliRunner

from sampler.cli.app import app

TIMES = ("train_seconds", "predict_seconds")


def caller(kind):
    """What calls ``sampler study KIND``; an exception goes on, unless a status other than 0 is expected."""

    def call(*words, status=0):
        done = CliRunner().invoke(app, ["study", kind, *map(str, words)])
        if status == 0 and done.exception:
            raise done.exception
        return done

    return call


def table(folder, name="trainings"):
    with open(folder / f"{name}.csv", newline="") as handle:
        return list(csv.DictReader(handle))


def numbers(folder, name="trainings"):
    """Rows without what a clock says."""
    return [{k: v for k, v in row.items() if k not in TIMES} for row in table(folder, name)]


class Refused:
    """Base of tests of bad input; ``call`` is theirs to set."""

    def fails(self, words, *said):
        done = self.call(*words, status=1)
        text = str(done.exception)
        print(text)
        assert done.exit_code and "\n" not in text
        for word in said:
            assert word in text, text
