"""A study as rows of plain values, for tables, CSV and JSON; units are in the names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...units import KCAL_PER_MOL
from .study import Cluster, Study


def row(cluster: Cluster) -> dict[str, Any]:
    """One row a cluster; units in the names."""
    t, d = cluster.mixture.thermo, cluster.binding
    kcal = lambda value: value / KCAL_PER_MOL  # noqa: E731
    none = float("nan")
    return {
        "cluster": cluster.name,
        "conformers": len(cluster.species),
        "used": cluster.mixture.used,
        "lowest": cluster.lowest.id,
        "point_group": cluster.lowest.columns.get("point_group", ""),
        "lowest_frequency_cm1": float(min(cluster.lowest.frequencies, default=none)),
        "imaginary_modes": cluster.lowest.imaginary_modes,
        "binding_energy_kcalmol": kcal(d.energy) if d else none,
        "binding_enthalpy_kcalmol": kcal(d.enthalpy) if d else none,
        "binding_entropy_calmolK": kcal(d.entropy) * 1000 if d else none,
        "binding_gibbs_kcalmol": kcal(d.gibbs) if d else none,
        "actual_gibbs_kcalmol": kcal(cluster.actual),
        "zero_point_kcalmol": kcal(t.zero_point),
        "thermal_enthalpy_kcalmol": kcal(t.enthalpy - t.energy),
        "thermal_gibbs_kcalmol": kcal(t.gibbs - t.energy),
        "entropy_calmolK": kcal(t.entropy) * 1000,
        "energy_eV": t.energy,
        "enthalpy_eV": t.enthalpy,
        "gibbs_eV": t.gibbs,
        "level": t.level,
    }


def conformer_rows(cluster: Cluster) -> list[dict[str, Any]]:
    """One row a conformer, lowest G first."""
    rows = []
    for s, t, d, p in zip(cluster.species, cluster.thermo, cluster.per_conformer, cluster.mixture.populations):
        rows.append(
            {
                "id": s.id, "point_group": s.columns.get("point_group", ""), "symmetry_number": s.symmetry_number,
                "chiral": s.chiral, "lowest_frequency_cm1": float(min(s.frequencies, default=float("nan"))),
                "imaginary_modes": s.imaginary_modes, "population": float(p), "gibbs_eV": t.gibbs,
                "energy_eV": t.energy, "enthalpy_eV": t.enthalpy, "entropy_calmolK": t.entropy / KCAL_PER_MOL * 1000,
                "binding_gibbs_kcalmol": d.gibbs / KCAL_PER_MOL if d else float("nan"),
                "binding_enthalpy_kcalmol": d.enthalpy / KCAL_PER_MOL if d else float("nan"),
                "binding_energy_kcalmol": d.energy / KCAL_PER_MOL if d else float("nan"), "problem": t.failure,
            }
        )  # fmt: skip
    return sorted(rows, key=lambda r: (r["gibbs_eV"] != r["gibbs_eV"], r["gibbs_eV"]))


def steps(made: Study) -> list[dict[str, Any]]:
    """One row a way to lose one molecule."""
    return [
        {
            "cluster": name, "loses": monomer, "energy_kcalmol": d.energy / KCAL_PER_MOL,
            "enthalpy_kcalmol": d.enthalpy / KCAL_PER_MOL, "entropy_calmolK": d.entropy / KCAL_PER_MOL * 1000,
            "gibbs_kcalmol": d.gibbs / KCAL_PER_MOL,
        }
        for (name, monomer), d in made.evaporation.items()
    ]  # fmt: skip


def splits(made: Study) -> list[dict[str, Any]]:
    """One row a way to fall into two clusters of several molecules."""
    return [
        {
            "cluster": name, "into": list(parts), "energy_kcalmol": d.energy / KCAL_PER_MOL,
            "enthalpy_kcalmol": d.enthalpy / KCAL_PER_MOL, "entropy_calmolK": d.entropy / KCAL_PER_MOL * 1000,
            "gibbs_kcalmol": d.gibbs / KCAL_PER_MOL,
        }
        for (name, *parts), d in made.splits.items()
    ]  # fmt: skip


def as_json(made: Study, rows: Sequence[Mapping[str, Any]], problems: Mapping[str, str]) -> dict[str, Any]:
    """Everything of a study, as ``sampler thermo --json`` prints it; ``rows`` of :func:`row`."""
    t = made.treatment
    return {
        "temperature_K": made.conditions.temperature,
        "pressure_Pa": made.conditions.pressure,
        "level": made.level,
        "engine": made.engine,
        "low_modes": t.low,
        "cutoff_cm1": t.cutoff,
        "scaling": {"method": t.scaling.method, "harmonic": t.scaling.harmonic, "zero_point": t.scaling.zero_point},
        "symmetry": t.symmetry,
        "mirror_images": t.mirror_images,
        "clusters": [{**r, "conformer_list": conformer_rows(c)} for r, c in zip(rows, made.clusters)],
        "evaporation": steps(made),
        "splits": splits(made),
        "problems": problems,
    }
