"""A finished run, as a script reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clusters import Clusters
from ..composition import Composition
from ..monomers import MonomerLibrary
from ..rundir.ledger import Ledger
from .folders import spelled
from .given import Monomers, library_of

_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class RunResult:
    """What a run directory holds.

    >>> import sampler
    >>> made = sampler.run("1sa1am", settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> made.clusters.level, made.ledgers[0].kind, made.ledgers[0].out
    ('b97-3c@pyscf', 'generate', 12)

    Attributes:
        folder: the run directory.
        composition: of every structure.
        clusters: the structures that are left, lowest energy first; energies in eV of ``clusters.level``.
        ledgers: one a stage: how many structures came in, went on and were dropped, and why.
        library: the monomers that the binding energies count from.
    """

    folder: Path
    composition: Composition
    clusters: Clusters
    ledgers: list[Ledger]
    library: MonomerLibrary

    def ranking(self) -> list[dict[str, Any]]:
        """One dict a structure, lowest first, with the columns of ``ranking.csv``; units are in the names.

        Binding energies are NaN where the level has no monomer energies; :meth:`summary` says why.
        """
        from ..funnel.results import ranking

        return ranking(self.clusters, self.composition, self.library)

    def summary(self) -> dict[str, Any]:
        """Everything of the run as plain values: what ``sampler show RUN --json`` prints."""
        from ..funnel.results import summary

        return summary(self.folder, self.library)

    def manifest(self) -> dict[str, Any]:
        """What the run was asked for: protocol, seed, level, versions."""
        from ..rundir.directory import read_manifest

        return read_manifest(self.folder)

    def report(self, path: Path | str | None = None, *, structures: int = 100, temperature: float = 298.15) -> Path:
        """Write one page with all that was found, to open offline, and its values beside it, as ``.json``.

        Args:
            path: of the page; by default ``report.html`` in the run directory. structures: how many, the lowest.
            temperature: K, of Boltzmann weights.

        Returns:
            The path of the page.
        """
        from ..report import Asked, write

        return write(self.folder, Asked(self.library, structures, temperature), Path(path) if path else None).html

    def __repr__(self) -> str:
        return f"RunResult({str(self.folder)!r}: {self.composition.name(self.library)}, {self.clusters!r})"

    def _repr_html_(self) -> str:
        from ..text.html import table

        rows = self.ranking()
        keys = ["rank", "id", "state", "relative_energy_kcalmol", "binding_energy_kcalmol", "times_found"]
        shown = [["–" if r[k] is None or r[k] != r[k] else r[k] for k in keys] for r in rows[:_SHOWN]]
        caption = f"{self.composition.name(self.library)}: {len(rows)} structures, level {self.clusters.level}"
        more = f"and {len(rows) - len(shown)} more" if len(rows) > len(shown) else ""
        return table(f"{caption} ({self.folder})", keys, shown, more)


def read_run(folder: Path | str, *, monomers: Monomers = None) -> RunResult:
    """The result of a finished run.

    >>> import sampler
    >>> made = sampler.run("1sa1am", settings={"generate.candidates": 12}, workers=1, quiet=True)
    >>> sampler.read_run("1am1sa").clusters == made.clusters
    True

    Args:
        folder: the run directory, its composition spelled in any order.
        monomers: further molecules that the run was made with, see :func:`sampler.run`.

    Raises:
        RunError: no run directory, a run that has not finished, or a result that is damaged.
        CompositionError: it was made with molecules that are not in the library.
    """
    from ..funnel.results import composition_of
    from ..rundir.directory import read_ledgers, read_manifest, read_result

    known = library_of(monomers)
    folder = spelled(Path(folder), known)
    read_manifest(folder)  # says what is wrong with the folder
    clusters = read_result(folder).lowest_first()
    return RunResult(folder, composition_of(folder, known), clusters, read_ledgers(folder), known)
