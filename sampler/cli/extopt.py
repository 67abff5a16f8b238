"""``sampler extopt``: what ORCA calls for energies and gradients of a potential of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion


def extopt(
    request: Annotated[Path, typer.Argument(help="The file that ORCA writes: BASE_EXT.extinp.tmp.")],
    potential: Annotated[
        str, typer.Option("--potential", "-P", help="What gives energies and gradients, e.g. gfn1-xtb.")
    ] = "painn",
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=completion.models,
            help="A trained model by name or folder; several: their mean.",
        ),
    ] = None,
) -> None:
    """Energy and gradient for ORCA's own optimiser (! ExtOpt).

    For GOAT and DOCKER, too, from any potential here. ORCA 6 calls this command itself; in its input stand the full path of sampler (which sampler) and what follows the file:

    \b
      ! ExtOpt Opt
      %method
        ProgExt "/full/path/to/sampler-extopt"
        Ext_Params "--model b97-3c_sa_am_dma_w-seed7"
      end

    where sampler-extopt is a script of two lines: #!/bin/sh and exec sampler extopt "$@". Closed shells, no point charges.

    \b
    Examples:
      sampler extopt job_EXT.extinp.tmp --potential gfn1-xtb
      sampler extopt job_EXT.extinp.tmp --model b97-3c_sa_am_dma_w-delta-gfn1
    """
    from ..errors import InputError
    from ..potentials import get_potential
    from ..potentials.external import answer, read_request

    if potential == "painn" and not model:
        raise InputError("name a --model, or another --potential such as gfn1-xtb")
    if model and potential != "painn":
        raise InputError(f"--model goes with the potential painn, not with {potential}")
    options = {"model": model[0] if len(model) == 1 else model} if model else {}
    asked = read_request(request)
    answer(asked, get_potential(potential, **options))
    typer.echo(f"{asked.answer.name}: {potential} for {asked.structure.ids[0]}")
