"""Where a job is computed: processes here, a dask scheduler, or SLURM jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import InputError


@contextlib.contextmanager
def workplace(
    workers: int | str | None, slurm: Path | str | None = None, say: Callable[[str], None] = lambda text: None
) -> Iterator[int | str]:
    """Number of worker processes here, or the address of a dask scheduler; SLURM jobs last as long as the context.

    Args:
        workers: processes, or ``dask://HOST:PORT``; None: all cores.
        slurm: a profile that describes SLURM jobs.
        say: called with what the user should know of SLURM jobs.

    Raises:
        InputError: neither a number nor an address, or two places at once. Others: see
            :func:`sampler.workers.slurm.workers_of`.
    """
    from ..workers.pool import cores

    if slurm is not None:
        if workers is not None:
            raise InputError("--workers and --slurm exclude each other; the profile says how many workers there are")
        from ..workers.slurm import workers_of

        with workers_of(Path(slurm), say) as address:
            yield address
        return
    place = str(workers) if workers is not None else None
    if place is None or place.removeprefix("-").isdecimal():
        if place is not None and int(place) < 1:
            raise InputError(f"--workers is {place}; it must be at least 1")
        yield int(place) if place else cores()
        return
    if not place.startswith("dask:"):
        raise InputError(f"--workers is {place!r}; expected a number, or dask://HOST:PORT")
    from ..workers.dask_pool import address_of

    address_of(place)
    yield place
