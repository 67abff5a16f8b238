"""Options that ``sampler thermo`` and ``sampler export acdc`` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion

ROOM_TEMPERATURE, STANDARD_PRESSURE = "298.15", "101325"
"""As on a command line: K, Pa."""

Inputs = Annotated[
    list[Path],
    typer.Argument(
        autocompletion=completion.inputs,
        help="Run directories, screens, folders or files of ORCA outputs, structures (.npz, .xyz, .db, .pkl), or files of "
        "--out.",
    ),
]
PotentialName = Annotated[
    str | None,
    typer.Option(
        "--potential", "-P", help="Level of the frequencies of runs and structures. Default: what relaxed a run last."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        autocompletion=completion.models,
        help="The model of --potential painn, or several joined by commas.",
    ),
]
Level = Annotated[
    str | None,
    typer.Option(
        "--level",
        "-l",
        help="Of outputs or a file that hold several levels of theory, take this one, e.g. b97-3c@orca5.",
    ),
]
Charge = Annotated[
    int | None, typer.Option("--charge", "-c", help="Total charge of structures, where their file states none.")
]
Energies = Annotated[
    str | None,
    typer.Option(
        "--energies", "-E",
        help="Electronic energies of another level on the same geometries: a potential (b97-3c), models joined by commas, auto "
        "or auto:delta. Default: the level of the frequencies.",
    ),
]  # fmt: skip
Count = Annotated[
    int | None,
    typer.Option(
        "--count", "-n", min=1,
        help="The lowest structures of every composition in each input. Default: 10; all that bring their frequencies.",
    ),
]  # fmt: skip
Temperature = Annotated[str, typer.Option("--temperature", "-T", help="K, or with a unit: 298.15K, 25C.")]
Pressure = Annotated[
    str,
    typer.Option("--pressure", help="Standard pressure in Pa, or with a unit: 1atm, 1bar, 1000hPa (mbar, kPa, Torr)."),
]
Low = Annotated[
    str,
    typer.Option("--low-modes", help="grimme (interpolation to a free rotor), raised (to the cutoff) or harmonic."),
]
Cutoff = Annotated[float | None, typer.Option("--cutoff", help="Of the low modes, cm⁻¹. Default: 100.")]
Scale = Annotated[
    str, typer.Option("--scale", help="Frequency scaling: a number or a method; an unknown one lists all.")
]
Imaginary = Annotated[
    str, typer.Option("--imaginary", help="Structures with imaginary modes: reject, skip (the modes) or absolute.")
]
Symmetry = Annotated[bool, typer.Option("--symmetry/--no-symmetry", help="Count rotational symmetry numbers.")]
Mirror = Annotated[bool, typer.Option("--mirror-images", help="Count both mirror images of chiral structures.")]
Vapours = Annotated[
    list[str] | None,
    typer.Option(
        "--vapour",
        help="Concentration for actual ΔG, e.g. sa=1e7cm-3, am=100ppt (repeat). Units: cm-3, ppt, ppb, ppm (of 1 atm), Pa.",
    ),
]
Definition = Annotated[
    str | None,
    typer.Option("--definition", help="Of the actual ΔG: self-consistent or mass-action. Default: self-consistent."),
]
Step = Annotated[
    float | None, typer.Option("--step", min=1e-4, help="Å, of the Hessian's differences. Default: 0.005, painn 0.01.")
]
Isotopes = Annotated[
    bool,
    typer.Option("--isotopes", help="Hessians with the masses of the main isotopes (as Gaussian), not averages."),
]


@dataclass(frozen=True)
class Options:
    conditions: Any
    treatment: Any


def options_of(temperature, pressure, low, cutoff, scale, imaginary, symmetry, mirror_images) -> Options:
    from ..errors import InputError
    from ..refine.thermo import Conditions, Treatment, scaling
    from ..refine.thermo.quantities import kelvin, pascal

    if cutoff is not None and low == "harmonic":
        raise InputError(f"--cutoff {cutoff:g} has no effect with --low-modes harmonic; leave one of them out")

    return Options(
        Conditions(kelvin(temperature), pascal(pressure)),
        Treatment(
            low=low, cutoff=100.0 if cutoff is None else cutoff, scaling=scaling(scale), imaginary=imaginary, symmetry=symmetry,
            mirror_images=mirror_images,
        ),
    )  # fmt: skip
