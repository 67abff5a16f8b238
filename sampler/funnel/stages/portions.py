"""How a stage's structures are cut into chunks, so that no core idles while another finishes the last one."""

from __future__ import annotations

from ...clusters import Clusters

_SHARE = 32
_STEEPEST = 8


def portions(clusters: Clusters, most: int) -> list[Clusters]:
    """Consecutive sub-populations of ``most`` structures, smaller towards the end (down to an eighth of ``most``).

    A chunk is a 32nd of what is left, but no more than ``most``: guided self-scheduling (Polychronopoulos & Kuck
    1987, DOI 10.1109/TC.1987.5009495) with a fixed divisor in place of the number of workers, on which the chunks
    must not depend.
    """
    chunks, start, total = [], 0, len(clusters)
    least = max(1, most // _STEEPEST)
    while start < total:
        size = min(most, max(least, -(-(total - start) // _SHARE)))
        chunks.append(clusters[start : start + size])
        start += size
    return chunks
