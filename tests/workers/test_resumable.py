"""The engine of resumable work: what is done, found, shared and lost, whatever the pieces are."""

import os
import threading
import time

import pytest

from sampler.storage import write_text
from sampler.workers.claims import Claims
from sampler.workers.resumable import Shared, Work, finish
from sampler.workers.worker import Died


def work_in(folder, function, **options):
    """Pieces whose task is their index and whose file holds text."""
    return Work(function, lambda index: index, lambda index: folder / f"{index}.txt", write_text, **options)


def here(index):
    return f"content {index}", index * index


def by_value(function):
    """Workers get it by value: they do not know the tests."""
    function.__module__ = "__main__"
    return function


@by_value
def there(index):
    return f"content {index}", index * index


@by_value
def kills_its_worker(index):
    import os

    if index == 2:
        os.kill(os.getpid(), 9)
    return f"content {index}", index


@by_value
def refuses_odd_ones(index):
    return (None if index % 2 else f"content {index}"), "odd" if index % 2 else ""


def texts(folder):
    return {path.name: path.read_text() for path in folder.glob("*.txt")}


@pytest.mark.parametrize(("function", "workers", "own"), [(here, 1, True), (there, 1, False), (there, 2, False)])
def test_only_what_is_missing_is_done_and_the_same_files_are_left(tmp_path, function, workers, own):
    done = dict(finish(work_in(tmp_path, function), [4, 1, 3], workers, in_this_process=own))
    assert done == {4: 16, 1: 1, 3: 9}
    assert texts(tmp_path) == {f"{i}.txt": f"content {i}" for i in (1, 3, 4)}


def test_nothing_to_do(tmp_path):
    assert list(finish(work_in(tmp_path, there), [], 2)) == []


def test_a_worker_that_was_started_elsewhere_writes_where_this_process_stands(tmp_path, monkeypatch):
    from pathlib import Path

    dict(finish(work_in(tmp_path, there), [0], 1))  # its worker is used again
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dict(finish(work_in(Path("."), there), [1], 1)) == {1: 1}
    assert texts(tmp_path / "elsewhere") == {"1.txt": "content 1"}


def test_a_piece_that_kills_its_worker_comes_back_and_the_rest_is_done(tmp_path):
    done = dict(finish(work_in(tmp_path, kills_its_worker), range(5), 2))
    assert isinstance(done.pop(2), Died) and done == {0: 0, 1: 1, 3: 3, 4: 4}
    assert sorted(texts(tmp_path)) == ["0.txt", "1.txt", "3.txt", "4.txt"]


def test_a_content_of_none_leaves_no_file(tmp_path):
    assert dict(finish(work_in(tmp_path, refuses_odd_ones), range(4), 2)) == {0: "", 1: "odd", 2: "", 3: "odd"}
    assert sorted(texts(tmp_path)) == ["0.txt", "2.txt"]


@pytest.mark.parametrize("release", [False, True])
def test_what_others_have_claimed_is_waited_for_and_not_done(tmp_path, release):
    """A second process holds piece 1 and leaves its file while this one waits; piece 0 it has finished before."""
    files, found, waits = tmp_path / "files", [], []

    def look(index):
        there = (files / f"{index}.txt").exists()
        found.extend([index] if there else [])
        return there

    with Claims(tmp_path, host="other") as other, Claims(tmp_path) as mine:
        assert other.take("pieces", "1") and other.take("pieces", "0")
        write_text(files / "0.txt", "theirs")

        def end():
            while not waits:
                time.sleep(0.01)
            write_text(files / "1.txt", "theirs")

        thread = threading.Thread(target=end)
        thread.start()
        shared = Shared(mine, "pieces", look, waits.append, release)
        done = dict(finish(work_in(files, here), range(4), 1, shared=shared, in_this_process=True))
        thread.join()
        assert done == {2: 4, 3: 9} and sorted(found) == [0, 1] and set(waits) == {1}
        assert texts(files) == {"0.txt": "theirs", "1.txt": "theirs", "2.txt": "content 2", "3.txt": "content 3"}
        kept = {name for name in os.listdir(tmp_path / ".claims" / "pieces") if name.startswith(("2", "3"))}
        assert kept == (set() if release else {"2.0", "3.0"})


def test_what_a_dead_process_had_claimed_is_taken_over(tmp_path):
    files = tmp_path / "files"
    with Claims(tmp_path) as mine:
        with Claims(tmp_path, host="other") as other:
            assert other.take("pieces", "1")
        shared = Shared(mine, "pieces", lambda index: (files / f"{index}.txt").exists())
        done = dict(finish(work_in(files, here), range(3), 1, shared=shared, in_this_process=True))
    assert done == {0: 0, 1: 1, 2: 4} and len(texts(files)) == 3
