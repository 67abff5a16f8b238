"""The structures of a run as a report has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..clusters import Clusters
from ..columns import IDENTITY, ORCA_STATUS
from ..composition import Composition
from ..monomers import MonomerLibrary
from ..similarity.frameworks import frameworks
from ..text.formula import state_as_written
from ..units import KCAL_PER_MOL
from .free_energies import FreeEnergies
from .geometry import bonding, superposed
from .orca_results import OrcaResults
from .provenance import origins
from .uncertainty import Uncertainty
from .weights import boltzmann


def entries(
    clusters: Clusters,
    rows: Sequence[Mapping[str, Any]],
    composition: Composition,
    library: MonomerLibrary,
    error: Uncertainty,
    source: str = "",
) -> list[dict[str, Any]]:
    """One dict a structure; geometry, bonds and energies. What else is known is added by :func:`add_weights` and
    :func:`add_orca`.

    Args:
        clusters: lowest first. rows: of them, as :func:`sampler.funnel.results.ranking` makes them.
        source: the file that the structures came from, where they were not generated.
    """
    from ase.data import chemical_symbols

    laid = superposed(clusters)
    held = bonding(laid.clusters, composition, library)
    made_by, group = origins(clusters, source), frameworks(clusters, composition, library)
    identity = clusters.columns.get(IDENTITY, np.full(len(clusters), "intact"))
    found = []
    for i, row in enumerate(rows):
        atoms = laid.clusters.atoms_of(i)
        found.append(
            {
                "id": row["id"],
                "rank": row["rank"],
                "state": row["state"],
                "state_label": state_as_written(row["state"]),
                "binding_energy_kcalmol": _or_none(row["binding_energy_kcalmol"]),
                "relative_energy_kcalmol": _or_none(row["relative_energy_kcalmol"]),
                "error_kcalmol": row["uncertainty_kcalmol"] or (error.kcalmol and round(error.kcalmol, 4)),
                "gibbs_kcalmol": None,
                "relative_gibbs_kcalmol": None,
                "boltzmann": None,
                "times_found": row["times_found"],
                "framework": int(group[i]) + 1 if identity[i] == "intact" else None,
                "converged": row["converged"],
                "origin": made_by[i],
                "orca": str(clusters.columns[ORCA_STATUS][i]) if ORCA_STATUS in clusters.columns else None,
                "orca_relative_energy_kcalmol": None,
                "orca_rank": None,
                "level": row["level"],
                "rank_before": row["rank_before"],
                "rmsd_to_lowest_A": _or_none(laid.rmsd[i], 4),
                "mirrored": bool(laid.mirrored[i]),
                "rg_A": row["rg_A"],
                "symbols": [chemical_symbols[z] for z in laid.clusters.numbers[atoms]],
                "positions": (np.round(laid.clusters.positions[atoms], 3) + 0.0).ravel().tolist(),
                "bonds": held[i].bonds,
                "hydrogen_bonds": [(d, h, a, round(r, 3), round(t, 1)) for d, h, a, r, t in held[i].hydrogen_bonds],
                "molecules": [{"name": name, "atoms": members} for name, members in held[i].molecules],
            }
        )
    return found


def add_weights(
    found: Sequence[dict[str, Any]],
    everything: Sequence[Mapping[str, Any]],
    free: FreeEnergies,
    orca: OrcaResults,
    temperature: float,
) -> dict[str, Any]:
    """Free energies and Boltzmann weights into ``found``; what the weights are from.

    Free energies of :mod:`.free_energies` come first, then those that ORCA states at the very temperature, then electronic
    energies.

    Args:
        everything: rows of all structures of the result, of which ``found`` are the lowest.
    """
    ids = [str(row["id"]) for row in everything]
    of_orca = orca.gibbs if abs(orca.temperature - temperature) < 0.01 else {}
    gibbs = free.gibbs or of_orca
    known = [one for one in ids if one in gibbs]
    if known:
        lowest = min(gibbs[one] for one in known)
        values = np.array([(gibbs.get(one, np.nan) - lowest) / KCAL_PER_MOL for one in ids])
        by = f"{free.level} ({free.source})" if free.gibbs else f"{orca.level}, as ORCA states them"
        text = f"from free energies at {by}, of the {len(known)} structures of {len(ids)} that have one"
    else:
        values = np.array([row["relative_energy_kcalmol"] for row in everything], float)
        text = (
            f"from electronic energies, without zero-point or thermal parts, of all {len(ids)} structures of the result"
        )
    if not np.isfinite(values).any():
        return {
            "from": "energy",
            "temperature_K": temperature,
            "text": "No Boltzmann weights: no structure has an energy",
        }
    weights = dict(zip(ids, boltzmann(values, temperature)))
    relative = dict(zip(ids, values))
    for one in found:
        one["boltzmann"] = _or_none(weights[one["id"]], 6)
        if known:
            one["relative_gibbs_kcalmol"] = _or_none(relative[one["id"]], 4)
            one["gibbs_kcalmol"] = _or_none(free.binding_kcalmol.get(one["id"], np.nan), 4)
    shown = {one["id"] for one in found}
    rest = [round(float(v), 4) for one, v in relative.items() if one not in shown and np.isfinite(v)]
    return {
        "from": "gibbs" if known else "energy",
        "temperature_K": temperature,
        "text": f"Boltzmann weights at {temperature:g} K {text}",
        "rest_kcalmol": rest,  # what the weights of those that are not shown are from, relative to the lowest
    }


def _or_none(value: float, digits: int = 4) -> float | None:
    """A rounded number, None for NaN: what is not known is null, and no sentence counts with it."""
    return round(float(value), digits) if np.isfinite(value) else None


def add_orca(found: Sequence[dict[str, Any]], orca: OrcaResults) -> dict[str, Any] | None:
    """How the ORCA jobs of the structures stand, into ``found``; all of them in short, None where there are none."""
    for one in found:
        name = one["id"]
        if name in orca.status:
            one["orca"] = orca.status[name]
        if name in orca.rank:
            one["orca_rank"] = orca.rank[name]
            one["orca_relative_energy_kcalmol"] = round(orca.relative_kcalmol[name], 4)
    if not orca.status:
        return None
    words = ", ".join(f"{n} {status}" for status, n in orca.counts.items())
    return {
        "folder": orca.folder,
        "level": orca.level,
        "counts": orca.counts,
        "text": f"ORCA jobs in {orca.folder}: {words}",
    }
