"""Reports made by hand, after docs of report.json: a run, a screen, a table of ΔG; small or as heavy as they come."""

from __future__ import annotations

import math

import numpy as np

HOSTILE = "<img src=x onerror=alert(1)>"
CLOSING = "</script><script>alert(2)</script>"

#: A hydrogen sulfate ion and an ammonium ion about their centres, Å
_HSO4 = (
    ["S", "O", "O", "O", "O", "H"],
    [
        [0, 0, 0],
        [0.85, 0.85, 0.85],
        [-0.85, -0.85, 0.85],
        [-0.85, 0.85, -0.85],
        [0.92, -0.92, -0.92],
        [1.2, -1.75, -0.6],
    ],
    [[0, 1], [0, 2], [0, 3], [0, 4], [4, 5]],
)
_NH4 = (
    ["N", "H", "H", "H", "H"],
    [[0, 0, 0], [0.6, 0.6, 0.6], [-0.6, -0.6, 0.6], [-0.6, 0.6, -0.6], [0.6, -0.6, -0.6]],
    [[0, 1], [0, 2], [0, 3], [0, 4]],
)
_IONS, _MIXED = "2 HSO4⁻ · 2 NH4⁺", "1 H2SO4 · 1 HSO4⁻ · 1 NH4⁺ · 1 NH3"


def _rotation(random: np.random.Generator) -> np.ndarray:
    """(3, 3) a proper rotation."""
    q, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def _structure(rank: int, pairs: int, energy: float, random: np.random.Generator) -> dict:
    """One structure of ``pairs`` HSO4⁻ and ``pairs`` NH4⁺ on a loose lattice."""
    side = math.ceil((2 * pairs) ** (1 / 3))
    sites = [(x, y, z) for x in range(side) for y in range(side) for z in range(side)][: 2 * pairs]
    symbols, positions, bonds, molecules = [], [], [], []
    for k, site in enumerate(sites):
        these, shape, joined = (_HSO4, _NH4)[k % 2]
        first = len(symbols)
        centre = 3.4 * (np.array(site) - (side - 1) / 2) + random.normal(0, 0.15, 3)
        positions.append(np.array(shape) @ _rotation(random).T + centre)
        symbols += these
        bonds += [[first + a, first + b] for a, b in joined]
        molecules.append({"name": ("HSO₄⁻", "NH₄⁺")[k % 2], "atoms": list(range(first, len(symbols)))})
    placed = np.concatenate(positions)
    placed -= placed.mean(axis=0)
    return {
        "id": f"{pairs}sa{pairs}am-0007_{rank:04d}",
        "rank": rank,
        "state": _MIXED if rank % 3 == 0 else _IONS,
        "state_label": "H₂SO₄ · HSO₄⁻ · NH₄⁺ · NH₃" if rank % 3 == 0 else "(HSO₄⁻)₂ · (NH₄⁺)₂",
        "binding_energy_kcalmol": round(-70.15 + energy, 2),
        "error_kcalmol": 1.2,
        "relative_energy_kcalmol": round(energy, 3),
        "relative_error_kcalmol": 0.0 if rank == 1 else 0.6,
        "gibbs_kcalmol": round(-22.0 + 0.9 * energy, 2) if rank <= 5 else None,
        "boltzmann": None,
        "times_found": int(1 + 13 // rank),
        "framework": 1 + rank // 4,
        "converged": rank % 7 != 0,
        "origin": "exploration of 2 HSO4⁻ · 2 NH4⁺",
        "orca": "finished" if rank == 1 else None,
        "level": "b97-3c@pyscf",
        "rmsd_to_lowest_A": round(0.0 if rank == 1 else float(random.uniform(0.2, 1.8)), 3),
        "mirrored": rank % 2 == 0,
        "rg_A": round(float(np.sqrt((placed**2).sum(1).mean())), 3),
        "symbols": symbols,
        "positions": [round(float(x), 3) for x in placed.ravel()],
        "bonds": bonds,
        "hydrogen_bonds": _hydrogen_bonds(symbols, placed, molecules, bonds),
        "molecules": molecules,
    }


def _hydrogen_bonds(symbols: list[str], at: np.ndarray, molecules: list[dict], bonds: list[list[int]]) -> list[list]:
    owner = {a: k for k, m in enumerate(molecules) for a in m["atoms"]}
    bonded = {b: a for a, b in bonds if symbols[b] == "H"}
    found = []
    for h, donor in bonded.items():
        away = [
            (float(np.linalg.norm(at[h] - at[o])), o)
            for o in range(len(at))
            if symbols[o] == "O" and owner[o] != owner[h]
        ]
        if away and min(away)[0] < 2.6:
            distance, o = min(away)
            one, two = at[donor] - at[h], at[o] - at[h]
            cosine = float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))
            found.append([donor, h, o, round(distance, 3), round(math.degrees(math.acos(cosine)), 1)])
    return found


def run(count: int = 20, pairs: int = 2, seed: int = 1) -> dict:
    """A run of ``count`` structures with 11 atoms a pair."""
    random = np.random.default_rng(seed)
    energies = [0.0, *np.sort(random.exponential(4, count - 1))]
    structures = [_structure(k + 1, pairs, float(e), random) for k, e in enumerate(energies)]
    energy = np.array([s["relative_energy_kcalmol"] for s in structures])
    weights = np.exp(-energy / (1.987204e-3 * 298.15))
    for s, w in zip(structures, weights / weights.sum()):
        s["boltzmann"] = round(float(w), 6)
    return {
        "schema": 1,
        "kind": "run",
        "title": f"{pairs}sa{pairs}am",
        "formula": "(H₂SO₄)₂(NH₃)₂",
        "verdict": [
            "20 structures within 12 kcal/mol were found; the lowest binds by 70.2 kcal/mol, was found 14 times and lies "
            "1.2 kcal/mol below the next.",
            "The energies are those of B97-3c as PaiNN predicts them, good to about 0.6 kcal/mol: run the 10 ORCA inputs "
            "to settle the order of the lowest.",
        ],
        "level": "b97-3c@pyscf by PaiNN",
        "temperature_K": 298.15,
        "made": {"version": "0.1.0", "time": "2026-11-27T23:50:00+00:00"},
        "commands": ["sampler run 2sa2am --seed 0", "# continue from ORCA", "sampler import orca 2sa2am"],
        "versions": {"sampler": "0.1.0", "torch": "2.4.1", "numba": "0.60.0"},
        "seeds": {"run": 0},
        "citations": [
            {
                "text": "Brandenburg et al., B97-3c, J. Chem. Phys. 148, 064104 (2018)",
                "doi": "10.1063/1.5012601",
                "for": "level",
            }
        ],
        "remarks": ["1 structure has not converged."],
        "structures": structures,
        "cut": {"shown": count, "of": count},
        "weights": {
            "from": "energy",
            "temperature_K": 298.15,
            "text": "Weights are from electronic energies.",
            "rest_kcalmol": [],
        },
        "rmsd": "RMSD of all atoms after superposition, atoms of one element exchanged for the best match.",
        "error": {"text": "Error bars are one standard deviation of the model on held-out clusters."},
        "funnel": funnel(),
        "search": {
            "rounds": [
                {"round": 1, "evaluations": 800, "minima": 5, "new": 5, "unseen": 4.5},
                {"round": 2, "evaluations": 1700, "minima": 8, "new": 3, "unseen": 2.0},
                {"round": 3, "evaluations": 2500, "minima": 9, "new": 1, "unseen": 0.6},
                {"round": 4, "evaluations": 3400, "minima": 9, "new": 0, "unseen": 0.1},
            ],
            "stopped": "two rounds brought nothing new within 3 kcal/mol",
            "window_kcalmol": 3.0,
            "text": "Estimated unseen minima: Chao1.",
        },
    }


def funnel() -> list[dict]:
    rows = [
        ("generate", "exploration", 200, 200, {}, 15.0),
        ("relax", "PaiNN to 0.1 eV/Å", 200, 198, {"exploded": 2}, 104.0),
        ("identify", "intact molecules stay", 198, 180, {"reacted": 11, "evaporated": 7}, 1.8),
        ("dedupe", "RMSD below 0.125 Å", 180, 94, {"duplicate": 86}, 2.1),
        ("select", "the 40 lowest, diverse", 94, 40, {"above_window": 1, "not_selected": 53}, 0.0),
        ("relax", "PaiNN to 0.005 eV/Å", 40, 40, {}, 18.0),
        ("dedupe", "RMSD below 0.125 Å", 40, 25, {"duplicate": 15}, None),
        ("select", "the 20 lowest", 25, 20, {"not_selected": 5}, 0.0),
    ]
    names = ("stage", "what", "came_in", "went_on", "dropped", "seconds")
    return [{**dict(zip(names, row)), "more": ""} for row in rows]


def _formula(acids: int, bases: int) -> str:
    def part(text: str, n: int) -> str:
        return "" if n == 0 else text if n == 1 else f"({text}){'₀₁₂₃₄₅₆₇₈₉'[n]}"

    return part("H₂SO₄", acids) + part("NH₃", bases)


def screen() -> dict:
    """A grid of 0–4 acids and 0–4 bases: one failed, one waits, one of another level, one was not asked for."""
    cells, table = [], []
    for a in range(5):
        for b in range(5):
            if a + b == 0 or (a, b) == (0, 4):
                continue
            status = {(4, 4): "waiting", (4, 1): "failed"}.get((a, b), "finished")
            value = round(-9.5 * (a + b) - 6.5 * min(a, b) + 8, 2) if status == "finished" else None
            name = "".join(f"{n}{m}" for n, m in ((a, "sa"), (b, "am")) if n)
            cell = {
                "row": a, "column": b, "name": name, "formula": _formula(a, b),
                "value_kcalmol": None if value is None else round(value / (a + b), 2), "total_kcalmol": value,
                "level": "gfn1-xtb" if (a, b) == (4, 3) else "b97-3c@pyscf", "status": status,
                "href": f"{name}/report.html" if status == "finished" else None,
            }  # fmt: skip
            cells.append(cell)
            table.append([name, cell["formula"], value, cell["level"], status])
    base = run(1)
    return {
        **{k: base[k] for k in ("schema", "temperature_K", "made", "commands", "versions", "seeds", "citations", "remarks")},
        "kind": "screen",
        "title": "0-4sa0-4am",
        "formula": "H₂SO₄ – NH₃ clusters",
        "verdict": ["21 of 23 systems are finished.", "One cell is of GFN1-xTB and cannot be compared with the rest."],
        "level": "b97-3c@pyscf by PaiNN",
        "grid": [
            {
                "title": "", "rows": list(range(5)), "columns": list(range(5)), "row_name": "H₂SO₄", "column_name": "NH₃",
                "value": "binding energy per molecule", "level": "b97-3c@pyscf", "cells": cells,
            }
        ],
        "table": {
            "columns": [
                {"key": "name", "name": "System", "unit": "", "kind": "text"},
                {"key": "formula", "name": "Formula", "unit": "", "kind": "text"},
                {"key": "energy", "name": "Binding energy", "unit": "kcal/mol", "kind": "number"},
                {"key": "level", "name": "Level", "unit": "", "kind": "text"},
                {"key": "status", "name": "Status", "unit": "", "kind": "text"},
            ],
            "rows": table,
            "hrefs": [c["href"] for c in cells],
        },
    }  # fmt: skip


def thermo() -> dict:
    base = run(1)
    steps, total, before = [], 0.0, "H₂SO₄"
    for name, formula, adds, step in (
        ("1sa1am", "(H₂SO₄)(NH₃)", "NH₃", -7.4),
        ("2sa1am", "(H₂SO₄)₂(NH₃)", "H₂SO₄", -17.9),
        ("2sa2am", "(H₂SO₄)₂(NH₃)₂", "NH₃", -10.6),
        ("3sa2am", "(H₂SO₄)₃(NH₃)₂", "H₂SO₄", 1.3),
    ):
        total += step
        steps.append(
            {"cluster": name, "formula": formula, "adds": adds, "from": "1sa", "from_formula": before, "step_gibbs_kcalmol": step,
             "step_enthalpy_kcalmol": step - 9.0, "gibbs_kcalmol": round(total, 2)}
        )  # fmt: skip
        before = formula
    return {
        **{
            k: base[k]
            for k in ("schema", "temperature_K", "made", "commands", "versions", "seeds", "citations", "remarks")
        },
        "kind": "thermo",
        "title": "ΔG of 4 clusters",
        "formula": "H₂SO₄ – NH₃ clusters",
        "verdict": ["ΔG of 4 clusters at 298.15 K.", "The step to (H₂SO₄)₃(NH₃)₂ is uphill."],
        "level": "b97-3c@orca5",
        "table": {
            "columns": [
                {"key": "cluster", "name": "Cluster", "unit": "", "kind": "text"},
                {"key": "gibbs", "name": "ΔG", "unit": "kcal/mol", "kind": "number"},
            ],
            "rows": [[s["formula"], s["gibbs_kcalmol"]] for s in steps],
            "hrefs": [None] * len(steps),
        },
        "ladder": [{"name": "acid and base in turn", "steps": steps}],
        "conditions": {
            "temperature_K": 298.15,
            "pressure_Pa": 101325.0,
            "low_modes": "quasi-harmonic, 100 cm⁻¹",
            "vapours": "",
        },
    }
