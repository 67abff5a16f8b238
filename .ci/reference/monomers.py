"""The page of the molecules of the library."""

from .text import head, table

INTRODUCTION = """\
The molecules that clusters are built from, `data/monomers`. A composition counts families: all forms of a family that
differ by protons take part ([protonation states](../concepts/protonation-states.md)). Yours are added with
`sampler monomer add` ([guide](../guides/own-molecule.md)). `sampler monomer show NAME` prints all numbers of one."""


def page() -> str:
    from sampler import resources
    from sampler.levels import load_level
    from sampler.monomers import Monomer

    levels = [load_level(file.stem) for file in sorted(resources.path("data", "levels").glob("*.toml"))]

    shipped = [Monomer.load(file) for file in resources.path("data", "monomers").glob("*.toml")]  # not the user's own
    members = sorted(shipped, key=lambda m: (m.rank, m.family, abs(m.protons), m.name))
    rows = [
        [f"`{m.name}`", ", ".join(f"`{a}`" for a in m.aliases), m.title, m.label, f"{m.charge:+d}" if m.charge else "0", f"`{m.family}`",
         f"{m.protons:+d}" if m.protons else "0", ", ".join(c.name for c in m.conformers), ", ".join(f"`{level.id}`" for level in levels if m.name in level.monomers)]
        for m in members
    ]  # fmt: skip
    columns = ["name", "also", "molecule", "formula", "charge", "family", "protons", "conformers", "energy at"]
    return "\n".join([*head("Monomers", "`data/monomers/*.toml`"), INTRODUCTION, "", *table(columns, rows), ""])
