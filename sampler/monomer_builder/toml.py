"""Monomers as TOML text, in the form that :meth:`sampler.monomers.Monomer.load` reads."""

from __future__ import annotations

import json

from ..monomers import Monomer
from ..units import HARTREE


def to_toml(monomer: Monomer) -> str:
    """The whole file; numbers are written so that they read back exactly as printed."""
    m = monomer
    per_atom = {"partial_charges": m.partial_charges, "sigma": m.sigma, "epsilon": m.epsilon}
    lines = [
        *(f"{key} = {json.dumps(getattr(m, key), ensure_ascii=False)}" for key in ("name", "title", "symbol")),
        f"aliases = {json.dumps(list(m.aliases))}",
        f"smiles = {json.dumps(m.smiles)}",
        f"family = {json.dumps(m.family)}",
        f"protons = {m.protons}",
        f"charge = {m.charge}",
        f"rank = {m.rank}",
        f"source = {json.dumps(m.source, ensure_ascii=False)}",
        "",
        f"numbers = {m.numbers.tolist()}",
        f"bonds = {m.bonds.tolist()}",
        "# e; Å; eV",
        *(f"{key} = [{', '.join(_number(x) for x in values)}]" for key, values in per_atom.items()),
    ]
    if m.reference_energies:
        lines += ["", "[reference_energies_Eh]  # of the lowest conformer, by level of theory"]
        lines += [f"{json.dumps(level)} = {energy / HARTREE:.9f}" for level, energy in m.reference_energies.items()]
    for conformer in m.conformers:
        rows = ["    [" + ", ".join(f"{x:.6f}" for x in row + 0.0) + "]," for row in conformer.positions]
        lines += [
            "",
            "[[conformers]]",
            f"name = {json.dumps(conformer.name)}",
            f"energy = {conformer.energy:.6f}  # eV above the lowest conformer, at the level of the geometry",
            "positions = [  # Å",
            *rows,
            "]",
        ]
    return "\n".join(lines) + "\n"


def _number(x: float) -> str:
    text = f"{x:.8f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
