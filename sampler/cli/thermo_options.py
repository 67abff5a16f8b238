"""Options that ``sampler thermo`` and ``sampler export acdc`` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

ROOM_TEMPERATURE = 298.15
"""K."""

Inputs = Annotated[
    list[Path],
    typer.Argument(
        help="Run directories, folders or files of ORCA outputs, structures (.npz, .xyz), or files of --out."
    ),
]
PotentialName = Annotated[
    str | None,
    typer.Option("--potential", "-P", help="Level of the frequencies. Default: the one that relaxed the run last."),
]
Model = Annotated[str | None, typer.Option("--model", help="The model of --potential painn.")]
Energies = Annotated[
    str | None,
    typer.Option(
        "--energies", "-E",
        help="Electronic energies of another level on the same geometries: a potential (b97-3c), models joined by commas, auto "
        "or auto:delta. Default: the level of the frequencies.",
    ),
]  # fmt: skip
Count = Annotated[int, typer.Option("--count", "-n", min=1, help="Lowest structures of each run or file.")]
Temperature = Annotated[float, typer.Option("--temperature", "-T", help="K.")]
Pressure = Annotated[float, typer.Option("--pressure", help="Standard pressure in Pa.")]
Low = Annotated[
    str,
    typer.Option("--low-modes", help="grimme (interpolation to a free rotor), raised (to the cutoff) or harmonic."),
]
Cutoff = Annotated[float, typer.Option("--cutoff", help="Of the low modes, cm⁻¹.")]
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
    typer.Option("--vapour", "-v", help="Concentration for actual ΔG, e.g. sa=1e7cm-3, am=100ppt (repeat)."),
]
Definition = Annotated[str, typer.Option("--definition", help="Of the actual ΔG: self-consistent or mass-action.")]
Step = Annotated[
    float | None, typer.Option("--step", min=1e-4, help="Å, of the Hessian's differences. Default: 0.005, painn 0.01.")
]
Isotopes = Annotated[bool, typer.Option("--isotopes", help="Masses of the main isotopes (as Gaussian), not averages.")]


@dataclass(frozen=True)
class Options:
    conditions: Any
    treatment: Any


def options_of(temperature, pressure, low, cutoff, scale, imaginary, symmetry, mirror_images) -> Options:
    from ..refine.thermo import Conditions, Treatment, scaling

    return Options(
        Conditions(temperature, pressure),
        Treatment(
            low=low, cutoff=cutoff, scaling=scaling(scale), imaginary=imaginary, symmetry=symmetry,
            mirror_images=mirror_images,
        ),
    )  # fmt: skip
