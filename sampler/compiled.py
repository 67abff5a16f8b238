"""numba with this package's habits."""

from __future__ import annotations

import numba


def compiled(function=None, **options):
    """numba.njit with the machine code kept on disk where some folder is writable.

    A container that is mounted read-only has none: there every process compiles for itself.
    """
    if function is None:
        return lambda f: compiled(f, **options)
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": neither the package folder nor the user's cache is writable
        return numba.njit(**options)(function)
