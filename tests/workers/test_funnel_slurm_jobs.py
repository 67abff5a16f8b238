"""Keeping SLURM jobs, against a queue that the test writes: what is submitted, said, given up and cancelled."""

import time

import pytest

from sampler.errors import NoWorkers, RunError
from sampler.workers import slurm_jobs
from sampler.workers.slurm_jobs import Jobs


class Slurm:
    """In the place of the three commands."""

    def __init__(self):
        self.queue, self.submitted, self.cancelled, self.refuses = {}, 0, [], ""

    def __call__(self, program, *words):
        if program == "sbatch":
            if self.refuses:
                raise RunError(f"sbatch fails (exit status 1): {self.refuses}")
            self.submitted += 1
            self.queue[str(self.submitted)] = "RUNNING|None"
            return f"{self.submitted}\n"
        if program == "squeue":
            return "".join(f"{i}|{told}\n" for i, told in self.queue.items())
        self.cancelled += words
        return ""


@pytest.fixture
def slurm(monkeypatch):
    stand_in = Slurm()
    monkeypatch.setattr(slurm_jobs, "_call", stand_in)
    return stand_in


class Watched(Jobs):
    def __init__(self, number, workers=1):
        self.told, self.workers, self.gave_up = [], workers, 0
        super().__init__(
            "#!/bin/sh", number, say=self.told.append, arrived=lambda: self.workers, give_up=self.end, poll=0.01
        )

    def end(self):
        self.gave_up += 1


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_jobs_that_end_are_submitted_again_and_all_are_cancelled(slurm):
    with Watched(3) as jobs:
        wait_until(lambda: len(jobs._useful) == 3)
        del slurm.queue["2"]
        wait_until(lambda: slurm.submitted == 4)
    assert slurm.cancelled == ["1", "3", "4"]
    assert jobs.told == [] and not jobs.gave_up


def test_a_refusal_of_the_first_job_ends_it(slurm):
    slurm.refuses = "invalid partition specified: nowhere"
    with pytest.raises(RunError, match=r"sbatch fails \(exit status 1\): invalid partition"), Watched(2):
        pass
    assert slurm.cancelled == []


def test_a_later_refusal_is_told_once_and_tried_again(slurm):
    with Watched(2) as jobs:
        wait_until(lambda: len(jobs._useful) == 2)
        slurm.refuses = "Socket timed out on send/recv operation"
        del slurm.queue["1"]
        wait_until(lambda: jobs.told)
        time.sleep(0.1)
        slurm.refuses = ""
        wait_until(lambda: slurm.submitted == 3)
    assert len(jobs.told) == 1 and "Socket timed out" in jobs.told[0] and "tried again" in jobs.told[0]


def test_why_no_worker_is_here(slurm):
    with Watched(5, workers=0) as jobs:
        slurm.queue = dict.fromkeys("1234", "PENDING|Priority") | {"5": "PENDING|Resources"}
        wait_until(lambda: "Priority" in "".join(jobs.told))
        time.sleep(0.1)
    told = [text for text in jobs.told if "Priority" in text]
    assert told == [
        "no worker is here yet: jobs 1, 2, 3 and 1 more are pending (Priority); job 5 is pending (Resources)"
    ]


def test_jobs_that_end_in_vain_are_given_up(slurm):
    with Watched(1, workers=0) as jobs:
        wait_until(lambda: slurm.queue.clear() or jobs.failure)
        wait_until(lambda: jobs.gave_up == 1)
    assert slurm.submitted == 3
    assert (
        isinstance(jobs.failure, NoWorkers)
        and str(jobs.failure).startswith("3 SLURM jobs in a row have ended")
        and "slurm-3.out" in str(jobs.failure)
    )


def test_all_jobs_at_their_walltime_are_not_in_vain(slurm):
    with Watched(8) as jobs:
        wait_until(lambda: len(jobs._useful) == 8)
        jobs.workers = 0
        slurm.queue.clear()
        wait_until(lambda: slurm.submitted == 16)
        jobs.workers = 1
    assert not jobs.failure


def test_no_answer_of_squeue_ends_nothing(slurm, monkeypatch):
    with Watched(1) as jobs:

        def no_answer():
            raise RunError("squeue fails")

        monkeypatch.setattr(slurm_jobs, "_queue", no_answer)
        wait_until(lambda: jobs.told)
        time.sleep(0.05)
    assert jobs.told == ["squeue fails"] and slurm.submitted == 1 and slurm.cancelled == ["1"]
