"""Chunks with a plan: what is done stays done, what is damaged or died is done again, other plans are refused."""

import numpy as np
import pytest

from sampler.clusters import Clusters
from sampler.errors import RunError
from sampler.learn.planned_chunks import do_chunks, keep_plan


def _made(count):
    return Clusters.make([np.zeros((1, 3)) + i for i in range(count)], [[18]] * count)


def test_what_is_done_is_found_and_what_is_damaged_made_again(tmp_path):
    chunks = [(tmp_path / f"{n}.npz", n) for n in (1, 2, 3)]
    assert list(do_chunks(_made, chunks)) == [(0, 1, False), (1, 2, False), (2, 3, False)]
    whole = chunks[1][0].read_bytes()
    chunks[1][0].write_bytes(whole[:100])
    assert list(do_chunks(_made, chunks)) == [(0, 1, True), (2, 3, True), (1, 2, False)]
    assert len(Clusters.load(chunks[1][0])) == 2


def test_a_chunk_that_kills_its_worker_is_named_and_the_rest_is_done(tmp_path):
    def make(argument):
        import os

        if argument == "kills":
            os.kill(os.getpid(), 9)
        return Clusters.make([[[0.0, 0.0, 0.0]]], [[18]])

    make.__module__ = "__main__"  # so that the workers get it by value: they do not know the tests
    chunks = [(tmp_path / f"{n}.npz", a) for n, a in enumerate(("fine", "kills", "fine", "fine"))]
    done = []
    with pytest.raises(RunError, match=r"1 piece\(s\) of work killed .*1\.npz.*fewer --workers"):
        for index, *_ in do_chunks(make, chunks, 2):
            done.append(index)
    assert sorted(done) == [0, 2, 3] and not chunks[1][0].exists()


def test_plans(tmp_path):
    keep_plan(tmp_path, {"a": 1, "b": (1, 2)}, "something else")
    keep_plan(tmp_path, {"b": [1, 2], "a": 1}, "something else")
    with pytest.raises(RunError, match="holds something else"):
        keep_plan(tmp_path, {"a": 2, "b": [1, 2]}, "something else")
    (tmp_path / "plan.json").write_text('{"a"')
    with pytest.raises(RunError, match=r"plan\.json cannot be read .* another --out"):
        keep_plan(tmp_path, {"a": 1}, "something else")
