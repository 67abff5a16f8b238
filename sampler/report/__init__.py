"""Reports: one page (HTML, opens offline) and the same for programs (JSON), of a run, a screen or free energies.

:func:`write` makes both. What there is to tell is a dict of plain values, the report, which a **kind** builds of a path;
:func:`sampler.report.page.html` draws it. Kinds stand in :data:`sampler.report.kinds.KINDS`: name -> what it is of in words,
``fits(path)`` (whether a path is of this kind) and ``build(path, asked)`` (the report). A room that has something to report
(trajectories, learning curves) adds a module here with these two functions, and a line to that table.

Every report has the keys ``schema`` (1), ``kind``, ``title``, ``formula``, ``verdict`` (two sentences), ``level``,
``temperature_K``, ``made`` (version, time), ``commands``, ``versions``, ``seeds``, ``citations`` and ``remarks``. A run has
``structures`` besides, with their geometries, bonds and energies, ``funnel`` and ``search``; a screen ``grid`` and ``table``;
free energies ``table``, ``grid``, ``ladder`` and ``conditions``. Numbers that are not known are null; units are in the keys.
"""

from .asked import Asked
from .files import Written, write
from .kinds import KINDS, Kind, kind_of

__all__ = ["KINDS", "Asked", "Kind", "Written", "kind_of", "write"]
