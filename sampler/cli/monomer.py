"""``sampler monomer``: the molecules that clusters are built from, and adding one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import completion
from .command import Command, Group
from .common import Json, Monomers, next_step, note, number, print_json, print_table

if TYPE_CHECKING:
    from ..monomers import Monomer

monomer_app = typer.Typer(
    cls=Group,
    help="List the molecules of clusters, show one, or add your own.",
    no_args_is_help=True,
)


@monomer_app.command("list", cls=Command)
def list_(extra: Monomers = None, as_json: Json = False) -> None:
    """List all molecules: the shipped ones and your own.

    \b
    Examples:
      sampler monomer list
      sampler monomer list --json
    """
    from .common import library

    molecules = library(extra)
    if as_json:
        print_json([_summary(m) for m in molecules])
        return
    rows = [
        [", ".join((m.name, *m.aliases)), m.label, m.title, m.family, f"{m.charge:+d}" if m.charge else "0",
         f"{m.protons:+d}" if m.protons else "0", len(m.numbers), len(m.conformers)]
        for m in molecules
    ]  # fmt: skip
    header = ["name", "formula", "molecule", "family", "charge", "H⁺", "atoms", "conformers"]
    print_table("", header, rows, right={4, 5, 6, 7}, wrap={2})


@monomer_app.command(cls=Command)
def show(
    name: Annotated[str, typer.Argument(autocompletion=completion.molecules, help="Name or alias, e.g. sa.")],
    extra: Monomers = None,
    as_json: Json = False,
) -> None:
    """Show one molecule: conformers, atoms, and where they come from.

    \b
    Examples:
      sampler monomer show sa
      sampler monomer show b --json
    """
    from .common import library

    _print(library(extra)[name], as_json)


@monomer_app.command(cls=Command)
def add(
    name: Annotated[
        str,
        typer.Argument(help="Its name in compositions: lower-case letters, perhaps digits at the end, e.g. gly, hio3."),
    ],
    smiles: Annotated[str, typer.Option(help="SMILES string; RDKit makes the conformers.")] = "",
    xyz: Annotated[Path | None, typer.Option(help="xyz file instead; several frames are several conformers.")] = None,
    charge: Annotated[
        int | None,
        typer.Option(
            "--charge", "-c", help="Charge in e. Default: that of the SMILES, or what the xyz file states, else 0."
        ),
    ] = None,
    family: Annotated[
        str, typer.Option(help="The molecule it exchanges protons with, e.g. gly for its cation. Default: its own.")
    ] = "",
    protons: Annotated[
        int | None, typer.Option(help="Protons relative to the neutral member of the family. Default: the charge.")
    ] = None,
    title: Annotated[str, typer.Option(help="In words, e.g. glycine.")] = "",
    symbol: Annotated[str, typer.Option(help="Formula as printed, without charge. Default: from the atoms.")] = "",
    alias: Annotated[list[str] | None, typer.Option(help="A further name (may be repeated).")] = None,
    conformers: Annotated[int, typer.Option(min=1, help="Keep at most this many conformers.")] = 4,
    window: Annotated[float, typer.Option(min=0.0, help="… and only up to this energy, kcal/mol.")] = 5.0,
    charges: Annotated[
        str,
        typer.Option(help="Partial charges: resp (needs PySCF), mulliken (of --method), or auto: resp if possible."),
    ] = "auto",
    method: Annotated[
        str, typer.Option(help="What optimises the geometry: gfn1-xtb, or gfn2-xtb where that finds no minimum.")
    ] = "gfn1-xtb",
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Random seed of the starting geometries.")] = 20,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a molecule that you added earlier.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build and show it, but write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Build a molecule and add it to your library.

    The library is $SAMPLER_HOME/monomers, or ~/.sampler/monomers. RDKit makes the conformers, GFN1-xTB optimises them, equal ones are dropped, charges and Lennard-Jones parameters
    are derived. The file holds the energies of the molecule at gfn1-xtb and gfn2-xtb: binding energies at these levels
    count from them. Forms that differ by protons (an acid and its anion) are added one by one, with the same --family.

    \b
    Examples:
      sampler monomer add gly --smiles "NCC(=O)O" --title glycine
      sampler monomer add glyh --smiles "[NH3+]CC(=O)O" --family gly
      sampler monomer add gd --xyz guanidine.xyz --dry-run
      sampler monomer add hio3 --smiles "OI(=O)=O" --title "iodic acid"
    """
    from ..errors import MonomerError
    from ..monomer_builder import MonomerSpec, build, to_toml
    from ..monomer_builder.graph import same_molecule
    from ..monomers import Monomer, MonomerLibrary, check_name
    from ..resources import user_folder
    from ..storage import write_text
    from ..units import KCAL_PER_MOL

    aliases = tuple(alias or ())
    try:
        for word in (name, *aliases, *([family] if family else [])):
            check_name(word)
    except ValueError as error:
        raise MonomerError(str(error)) from error
    path = user_folder() / f"{name}.toml"
    library = MonomerLibrary.load()
    if replace and path.is_file():
        library = MonomerLibrary(tuple(m for m in library if m.name != name))
    taken = [word for word in (name, *aliases) if word in library]
    if taken:
        owner = library[taken[0]]
        remedy = "choose another name" + (", or add --replace" if path.is_file() and not replace else "")
        raise MonomerError(f"the name {taken[0]!r} is taken by {owner.title} ({owner.label}); {remedy}")
    library.require_readable((name, *aliases))
    relatives = [m for m in library if m.family == family]
    monomer = build(
        MonomerSpec(
            name=name,
            smiles=smiles,
            xyz=xyz,
            title=title,
            symbol=symbol,
            aliases=aliases,
            charge=charge,
            family=family,
            protons=protons,
            rank=relatives[0].rank if relatives else 1000,
            most=conformers,
            window=window * KCAL_PER_MOL,
            charges=charges,
            method=method,
            seed=seed,
        )
    )
    for twin in (m for m in library if same_molecule(m.numbers, m.bonds, monomer.numbers, monomer.bonds)):
        if twin.charge == monomer.charge:
            note(
                f"{name} is the same molecule as {twin.name} ({twin.title}), by which structures are named where both fit"
            )
    text = to_toml(monomer)
    library.adding(Monomer.loads(text, name))  # what is written can be read, and fits its family
    if not dry_run:
        write_text(path, text)
    _print(monomer, as_json)
    if not as_json:
        typer.echo(f"nothing written (--dry-run); it would be {path}" if dry_run else f"written to {path}")
        if not dry_run:
            next_step(("sampler", "run", f"1sa1{name}"))


def _summary(m: Monomer) -> dict[str, Any]:
    return {
        "name": m.name,
        "aliases": m.aliases,
        "title": m.title,
        "label": m.label,
        "smiles": m.smiles,
        "family": m.family,
        "charge": m.charge,
        "protons": m.protons,
        "atoms": len(m.numbers),
        "conformers": [c.name for c in m.conformers],
    }


def _reference_energies(m: Monomer) -> dict[str, float]:
    """Level of theory -> energy of the molecule in eV: from the molecule's own file and from the shipped levels."""
    from ..levels import levels, load_level

    shipped = {name: load_level(name).monomers for name in levels()}
    return {**m.reference_energies, **{name: known[m.name] for name, known in shipped.items() if m.name in known}}


def _print(m: Monomer, as_json: bool) -> None:
    from ..units import HARTREE, KCAL_PER_MOL

    references = {level: energy / HARTREE for level, energy in _reference_energies(m).items()}

    if as_json:
        atoms = {
            "numbers": m.numbers,
            "bonds": m.bonds,
            "partial_charges_e": m.partial_charges,
            "sigma_angstrom": m.sigma,
            "epsilon_kcal_per_mol": m.epsilon / KCAL_PER_MOL,
        }
        shapes = [
            {"name": c.name, "energy_kcal_per_mol": c.energy / KCAL_PER_MOL, "positions_angstrom": c.positions}
            for c in m.conformers
        ]
        energies = {"reference_energies_Eh": references}
        print_json({**_summary(m), "source": m.source, **energies, **atoms, "conformers": shapes})
        return
    from ase.data import chemical_symbols

    typer.echo(f"{m.name}: {m.title}, {m.label}, charge {m.charge:+d}, family {m.family} (protons {m.protons:+d})")
    if m.aliases:
        typer.echo(f"also called {', '.join(m.aliases)}")
    typer.echo(f"SMILES {m.smiles or '–'}\n{m.source}\n")
    rows = [[c.name, number(c.energy / KCAL_PER_MOL)] for c in m.conformers]
    print_table("", ["conformer", "energy kcal/mol"], rows, right={1})
    if references:
        rows = [[level, number(energy, 6)] for level, energy in references.items()]
        print_table("", ["level of theory", "reference energy Eh"], rows, right={1})
    near: dict[int, list[int]] = {i: [] for i in range(len(m.numbers))}
    for i, j in m.bonds.tolist():
        near[i].append(j)
        near[j].append(i)
    of_atoms = [
        [i, chemical_symbols[z], number(q, 4), number(s, 3), number(e / KCAL_PER_MOL, 4), " ".join(map(str, near[i]))]
        for i, (z, q, s, e) in enumerate(zip(m.numbers, m.partial_charges, m.sigma, m.epsilon))
    ]
    header = ["atom", "element", "charge e", "sigma Å", "epsilon kcal/mol", "bonded to"]
    print_table("", header, of_atoms, right={0, 2, 3, 4})
