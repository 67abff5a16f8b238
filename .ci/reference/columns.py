"""The page of what a population carries, from the tables in the package."""

from .text import head, table


def page() -> str:
    from sampler.columns import COLUMNS
    from sampler.fate import Fate

    after = {"record": "nothing", "energies": "energies", "geometry": "geometry"}
    rows = [[f"`{k}`", c.kind, c.unit, c.meaning, after[c.source]] for k, c in COLUMNS.items()]
    fates = [[f"`{fate}`", fate.meaning] for fate in Fate if fate]
    return "\n".join([
        *head("Columns", "`sampler/columns.py` and `sampler/fate.py`"),
        "A population has one value a structure in each of its columns: `clusters.columns[name]`, shape (B,).",
        "Which ones are there depends on what was done with it. Columns of files of others are carried along.",
        "", "A column that derives from the energies goes when these, their level or the positions change.",
        "One that derives from the geometry goes when positions change. The others stay.", "",
        *table(["Column", "Kind", "Unit", "What it holds", "Derives from"], rows), "",
        "## Fates", "", "What does not go on is listed in `dropped.csv` of its stage, with one of these reasons.",
        "ORCA, and potentials that are not part of the package, may give others.", "",
        *table(["Fate", "What is meant"], fates), "",
    ])  # fmt: skip
