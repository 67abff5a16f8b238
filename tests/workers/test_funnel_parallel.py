"""Tasks in worker processes of this machine."""

import pytest

from sampler.workers.pool import unordered


def test_a_worker_whose_memory_grows_is_kept():
    """As in DFT of larger structures after a smaller one; loky starts a worker anew that has grown by 0.3 GB."""
    pytest.importorskip("psutil")  # without it loky does not look

    def task(size):
        held = f"setattr(__import__('builtins'), 'held', b'x' * {size})"
        return f"({held}, __import__('time').sleep(1.1), __import__('os').getpid())[2]"  # loky looks once a second

    workers = {pid for _, pid in unordered(eval, [task(n) for n in (1, 500_000_000, 500_000_000, 1)], 1, reuse=False)}
    assert len(workers) == 1
