"""Compositions: what a cluster is made of, and every protonation state it can be in.

``4sa4am`` names four sulfuric acids and four ammonias; ``b`` is HSO4⁻ and ``p`` a proton, so that ``1am1p`` is NH4⁺
(the convention of JKCS and of the atmospheric cluster database).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .errors import CompositionError
from .monomers import PROTON, Monomer, MonomerLibrary
from .text.formula import joined
from .text.reading import plain, readings

_COUNT = re.compile(r"([0-9]{1,9})([a-z]+)")
_LETTER = re.compile(r"[a-z]")
_MOST_MOLECULES = 200
_MOST_STATES = 100_000


@dataclass(frozen=True)
class Form:
    """A monomer in one of its conformers: a building block of a state."""

    monomer: str
    conformer: int


@dataclass(frozen=True)
class State:
    """How many of each building block: one protonation and conformer state of a composition."""

    counts: tuple[tuple[Form, int], ...]

    @property
    def monomers(self) -> dict[str, int]:
        """Monomer name -> count, conformers summed."""
        total: Counter[str] = Counter()
        for form, n in self.counts:
            total[form.monomer] += n
        return dict(total)

    def forms(self) -> list[Form]:
        """One entry per molecule, in order."""
        return [form for form, n in self.counts for _ in range(n)]


@dataclass(frozen=True)
class Composition:
    """Counts of families (in canonical order) and a total charge.

    >>> from sampler import Composition
    >>> Composition.parse("4SA4am").counts
    (('sa', 4), ('am', 4))

    Attributes:
        counts: ((family, number), …), each number > 0.
        charge: total charge in e.
    """

    counts: tuple[tuple[str, int], ...]
    charge: int = 0

    @classmethod
    def parse(cls, text: str, library: MonomerLibrary | None = None, charge: int | None = None) -> Composition:
        """Read a name such as ``4sa4am``, ``2sa1b1am1p``, in any order and case, or formulas and names in words.

        >>> Composition.parse("2sa1b1am")
        Composition(counts=(('sa', 3), ('am', 1)), charge=-1)

        Args:
            library: None: the molecules that ship and the user's own.
            charge: explicit total charge; must agree with the name where the name holds ions.

        Raises:
            CompositionError: a part of the name has no meaning, or the charge cannot be reached.
        """
        library = MonomerLibrary.load() if library is None else library
        name = text.strip().lower()
        if not name:
            raise CompositionError("the composition is empty; write for example 4sa4am")
        families: Counter[str] = Counter()
        named_charge, ions = 0, False
        for count, molecule in read_name(text, library):
            if molecule == PROTON:
                named_charge, ions = named_charge + count, ions or count > 0
                continue
            monomer = library[molecule]
            families[monomer.family] += count
            named_charge += count * monomer.charge
            ions = ions or (count > 0 and monomer.charge != 0)
        if charge is not None and ions and charge != named_charge:
            raise CompositionError(f"{text!r} has the charge {named_charge:+d}, but {charge:+d} was asked for")
        total = sum(families.values())
        if total == 0:
            raise CompositionError(f"{text!r} holds no molecule")
        if total > _MOST_MOLECULES:
            raise CompositionError(f"{text!r} has {total} molecules; at most {_MOST_MOLECULES} are supported")
        order = {m.family: i for i, m in reversed(list(enumerate(library)))}
        counts = sorted(((f, n) for f, n in families.items() if n), key=lambda item: order[item[0]])
        made = cls(tuple(counts), named_charge if charge is None else charge)
        low, high = made.charge_range(library)
        if not low <= made.charge <= high:
            raise CompositionError(
                f"{text!r} cannot have the charge {made.charge:+d}: its molecules reach from {low:+d} to {high:+d}"
            )
        return made

    def name(self, library: MonomerLibrary) -> str:
        """The canonical name, which :meth:`parse` reads back: families in library order, ``1p`` for an excess proton.

        Missing protons are written as anions, one from each molecule of the first families before a second one.

        >>> Composition.parse("4am4SA").name(MonomerLibrary.load())
        '4sa4am'
        """
        members = [{m.charge: m for m in reversed(library.family(family))} for family, _ in self.counts]
        start = [min(charges, key=lambda q: (abs(q), q)) for charges in members]  # the neutral member, or nearly
        written = [Counter({q: n}) for q, (_, n) in zip(start, self.counts)]
        excess = sum(q * n for q, (_, n) in zip(start, self.counts)) - self.charge
        for level in range(max(start), min(map(min, members)), -1):
            for charges, group in zip(members, written):
                below = max((q for q in charges if q < level), default=level)
                if below < level and excess > 0 and group[level]:
                    moved = min(group[level], -(-excess // (level - below)))
                    group[level] -= moved
                    group[below] += moved
                    excess -= moved * (level - below)
        parts = [
            f"{n}{charges[q].name}"
            for charges, group in zip(members, written)
            for q, n in sorted(group.items(), reverse=True)
            if n
        ]
        return "".join(parts) + (f"{-excess}p" if excess < 0 else "")

    def formula(self, library: MonomerLibrary) -> str:
        """As chemists write it, ions where the name has them.

        >>> Composition.parse("2sa1b1am").formula(MonomerLibrary.load())
        '(H₂SO₄)₂(HSO₄⁻)(NH₃)'
        """
        parts = split_name(self.name(library), library)
        return joined((n, "H⁺" if name == PROTON else library[name].label) for n, name in parts)

    def molecules(self) -> int:
        return sum(n for _, n in self.counts)

    def charge_range(self, library: MonomerLibrary) -> tuple[int, int]:
        """Lowest and highest total charge that the members of the families allow."""
        low = high = 0
        for family, n in self.counts:
            charges = [m.charge for m in library.family(family)]
            low, high = low + n * min(charges), high + n * max(charges)
        return low, high

    def atoms(self, library: MonomerLibrary) -> dict[int, int]:
        """Atomic number -> count, at the total charge of the composition."""
        total: Counter[int] = Counter()
        charge = 0
        for family, n in self.counts:
            member = library.family(family)[0]
            charge += n * member.charge
            for z in member.numbers:
                total[int(z)] += n
        total[1] += self.charge - charge
        return {z: n for z, n in sorted(total.items()) if n}

    def count_states(self, library: MonomerLibrary, conformers: bool = True) -> int:
        """How many states :meth:`states` would list, without listing them."""
        ways = Counter({0: 1})
        for family, n in self.counts:
            shares: Counter[tuple[int, int]] = Counter({(0, 0): 1})
            for _, charge in _forms(library.family(family), conformers):
                for used in range(n):  # ascending: one more molecule of this form each time
                    for (m, q), k in [(key, k) for key, k in shares.items() if key[0] == used]:
                        shares[m + 1, q + charge] += k
            wider: Counter[int] = Counter()
            for total, k in ways.items():
                for (m, q), share in shares.items():
                    if m == n:
                        wider[total + q] += k * share
            ways = wider
        return ways[self.charge]

    def states(self, library: MonomerLibrary, conformers: bool = True) -> list[State]:
        """Every protonation (and conformer) state at the total charge, in a fixed order.

        Args:
            conformers: tell conformers of a monomer apart; otherwise only the lowest of each is used.

        Raises:
            CompositionError: more states than can be handled (100 000).
        """
        count = self.count_states(library, conformers)
        if count > _MOST_STATES:
            raise CompositionError(
                f"{self.name(library)} has {count} protonation and conformer states; at most {_MOST_STATES} can be "
                "listed; " + ("leave out the conformers" if conformers else "use fewer molecules or kinds of molecules")
            )
        forms = [(n, _forms(library.family(family), conformers)) for family, n in self.counts]
        return [State(counts) for counts in _share(forms, self.charge)]


def read_name(text: str, library: MonomerLibrary) -> list[tuple[int, str]]:
    """(count, molecule) of every part of a name, or of formulas and names in words: ``2 H2SO4 + 2 ammonia``.

    What is a name of a cluster is read as such. Else there must be one way to read it: what is read in two is refused.

    Raises:
        CompositionError: a part has no meaning, or there are several ways to read it.
    """
    try:
        return split_name(text, library)
    except CompositionError as error:
        words = {word: word for word in (*library.words, PROTON)} | library.synonyms
        ways = readings(plain(text), words, library.synonyms)
        if len(ways) == 1 and ways[0]:
            return list(ways[0])
        if len(ways) > 1:
            told = " or ".join("".join(f"{n}{m}" for n, m in way) for way in ways[:3])
            raise CompositionError(f"{text!r} can be read as {told}; write one of these") from error
        raise


def in_names(text: str, library: MonomerLibrary) -> str:
    """``text`` as a name of a cluster, where it is formulas or names in words; itself, where it is a name already.

    Raises:
        CompositionError: it has no meaning.
    """
    try:
        split_name(text, library)
    except CompositionError:
        return "".join(f"{n}{m}" for n, m in read_name(text, library))
    return text


def split_name(text: str, library: MonomerLibrary) -> list[tuple[int, str]]:
    """(count, molecule) of every part of a name, as written: ``1hio31am`` is one hio3 and one am.

    There is one way to read a name, since no molecule of a library is called like another with a digit after it.

    Raises:
        CompositionError: a part of the name has no meaning.
    """
    name, parts, position = text.strip().lower(), [], 0
    while position < len(name):
        match = _COUNT.match(name, position)
        if not match:
            raise CompositionError(
                f"cannot read {name[position:]!r} in {text!r}: expected a number and a molecule, as in 4sa4am; "
                f"{_one(name[position:], library)}known molecules: {', '.join(library.names)}, and p (a proton)"
            )
        start = match.start(2)
        known = (w for w in (*library.words, PROTON) if name.startswith(w, start))
        molecule = next((w for w in known if not _LETTER.match(name, start + len(w))), "")
        if not molecule:
            raise CompositionError(
                f"{match[2]!r} in {text!r} is not a known molecule; {_near(match[2], library)}known: {', '.join(library.names)}, "
                f"and p (a proton); add one with: sampler monomer add {match[2]} --smiles ..."
            )
        parts.append((int(match[1]), molecule))
        position = start + len(molecule)
    return parts


def _one(word: str, library: MonomerLibrary) -> str:
    molecule = library.meant(word)
    return f"one {word} is 1{molecule.name}; " if molecule else _near(word, library)


def _near(word: str, library: MonomerLibrary) -> str:
    return f"{near}; " if (near := library.suggestion(word)) else ""


def _forms(members: tuple[Monomer, ...], conformers: bool) -> list[tuple[Form, int]]:
    """The building blocks of a family: every conformer of every member, with its charge."""
    return [(Form(m.name, c), m.charge) for m in members for c in range(len(m.conformers) if conformers else 1)]


def _share(families: list[tuple[int, list[tuple[Form, int]]]], charge: int) -> Iterator[tuple[tuple[Form, int], ...]]:
    """All ways to share the molecules of each family among its forms that add to ``charge``.

    Branches that can no longer reach the charge are cut, so the work is proportional to what is found.
    """
    lows, highs = [0], [0]
    for n, forms in reversed(families):
        charges = [q for _, q in forms]
        lows.append(lows[-1] + n * min(charges))
        highs.append(highs[-1] + n * max(charges))
    lows, highs = lows[::-1], highs[::-1]

    def walk(family: int, index: int, rest: int, missing: int) -> Iterator[tuple[tuple[Form, int], ...]]:
        if index == len(families[family][1]):
            if rest == 0 and family + 1 < len(families):
                yield from walk(family + 1, 0, families[family + 1][0], missing)
            elif rest == 0 and missing == 0:
                yield ()
            return
        form, q = families[family][1][index]
        later = [c for _, c in families[family][1][index + 1 :]]
        for here in range(rest, -1, -1) if later else (rest,):
            left, open_ = missing - here * q, rest - here
            low = lows[family + 1] + open_ * min(later, default=0)
            high = highs[family + 1] + open_ * max(later, default=0)
            if low <= left <= high:
                for tail in walk(family, index + 1, open_, left):
                    yield ((form, here), *tail) if here else tail

    return walk(0, 0, families[0][0], charge)


def state_label(monomers: Mapping[str, int], library: MonomerLibrary) -> str:
    """How a protonation state is printed: ``2 HSO4⁻ · 2 NH4⁺``, in library order."""
    ordered = [m for m in library if monomers.get(m.name, 0)]
    return " · ".join(f"{monomers[m.name]} {m.label}" for m in ordered)
