"""Growth: candidates of a cluster from relaxed structures of smaller ones.

Two ways: *adding* docks the molecules that are missing, one after another, at good sites of a parent; *splicing* cuts
two parents by a plane and joins the halves, whole molecules in the right number (Deaven & Ho 1995, DOI
10.1103/PhysRevLett.75.288), and docks what is still missing. Molecules keep the geometry and protonation that they have in
the parents; what is added comes from the library, in any protonation state that gives the total charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..composition import Composition, Form
from ..errors import CompositionError
from ..monomers import MonomerLibrary
from . import docking
from .bodies import Bodies, from_library
from .shares import state_weights

_TRIES = 12


def add(
    parent: Bodies, wanted: Composition, library: MonomerLibrary, rng: np.random.Generator, *, keep: int = 4
) -> Bodies | None:
    """``parent`` with the molecules that it lacks of ``wanted``, docked one after another in random order.

    Each goes to one of the ``keep`` best distinct sites, with weights that halve from one to the next. Of the
    protonation states of what is missing, those with more ions are likelier (``ions-first``).

    Returns None where nothing is missing or its charge cannot be reached.
    """
    forms = _missing_forms(parent, wanted, library, rng)
    if not forms:
        return None
    grown = parent
    for k in rng.permutation(len(forms)):
        guest = from_library(forms[k], library)
        if grown.molecules:
            _, docked = docking.sites(grown, guest, rng, keep=keep)
            if not docked:
                return None
            weight = 0.5 ** np.arange(len(docked))
            grown = docked[rng.choice(len(docked), p=weight / weight.sum())]
        else:
            grown = guest
    return grown


def splice(
    first: Bodies, second: Bodies, wanted: Composition, library: MonomerLibrary, rng: np.random.Generator
) -> Bodies | None:
    """The upper part of ``first`` on the lower part of ``second``, both turned at random, completed by docking.

    Returns None where no cut among a dozen gives the composition and charge of ``wanted``.
    """
    need = Counter(dict(wanted.counts))
    if first.molecules < 2 and second.molecules < 2:
        return None
    for _ in range(_TRIES):
        a, c = (docking.turned(b, rng) for b in (first, second))
        order_a = np.argsort(-a.centres()[:, 2], kind="stable")
        order_c = np.argsort(c.centres()[:, 2], kind="stable")
        most = min(a.molecules, wanted.molecules() - 1)
        upper = _fitting(a, order_a[: rng.integers(1, most + 1)], need, library)
        left = need - Counter(library[a.names[m]].family for m in upper)
        lower = _fitting(c, order_c, left, library)
        if not upper or not lower:
            continue
        host, guest = a.take(upper), c.take(lower)
        # the halves stand as the plane left them, a little apart, and come together as rigid bodies
        gap = host.positions[:, 2].min() - guest.positions[:, 2].max() - 1.5
        shift = host.positions.mean(0) - guest.positions.mean(0)
        made = docking.settle(host, guest.at(guest.positions + [shift[0], shift[1], gap]))
        if made.molecules == wanted.molecules():
            if made.charge == wanted.charge:
                return made
            continue
        completed = add(made, wanted, library, rng)
        if completed is not None:
            return completed
    return None


def grow(
    parents: Sequence[Bodies], wanted: Composition, library: MonomerLibrary, rng: np.random.Generator
) -> tuple[Bodies, str] | None:
    """One candidate from one parent (added to) or two (spliced), with the way it was made.

    Every candidate is checked: the atoms of ``wanted``, all molecules whole, one connected cluster, nothing overlapping.

    Args:
        parents: the first is added to or cut; with a second, the two are spliced, or, where that fails, the first is
            added to.
    """
    from ..identify import assign

    for _ in range(_TRIES):
        made, how = None, ""
        if len(parents) > 1:
            made, how = splice(parents[0], parents[1], wanted, library, rng), "splice"
        if made is None:
            made, how = add(parents[0], wanted, library, rng), "add"
        if made is None:
            return None
        if assign(made.numbers, made.positions, wanted, library, wanted.charge).intact:
            return made, how
    return None


def _missing_forms(
    parent: Bodies, wanted: Composition, library: MonomerLibrary, rng: np.random.Generator
) -> list[Form]:
    """The molecules to add, one protonation and conformer state of them drawn at random; empty if there is none."""
    has = Counter(library[name].family for name in parent.names)
    counts = tuple((family, n - has[family]) for family, n in wanted.counts if n > has[family])
    if not counts:
        return []
    try:
        states = state_weights(Composition(counts, wanted.charge - parent.charge), library, "ions-first")
    except CompositionError:
        return []
    return states[rng.choice(len(states), p=[w for _, w in states])][0].forms()


def _fitting(bodies: Bodies, order: np.ndarray, need: Counter, library: MonomerLibrary) -> list[int]:
    """The molecules of ``order``, in this order, of which no more are taken of a family than needed."""
    left, chosen = Counter(need), []
    for m in order:
        family = library[bodies.names[m]].family
        if left[family] > 0:
            left[family] -= 1
            chosen.append(int(m))
    return chosen
