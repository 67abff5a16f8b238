"""``sampler train --engine krr``: kernel ridge regression of energies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from .common import next_step, note, print_json
from .data import one_thread


class Given(NamedTuple):
    """The options of ``sampler train`` that a kernel ridge regression has."""

    data: Sequence[Path]
    out: Path
    delta: str
    settings: Sequence[str]
    seed: int | None
    hold_out: Sequence[str]
    kernels: Path | None
    mix_engines: bool
    mix_charges: bool


def train_krr(given: Given, refused: Sequence[str], known, as_json: bool, quiet: bool) -> None:
    """Train, and print what came of it and what it cost.

    Args:
        refused: options that were given, and are of networks alone.

    Raises:
        InputError: such options, or settings that cannot be.
    """
    from ..errors import InputError
    from ..learn.krr.settings import KrrSettings
    from ..learn.labels.prepare import prepare
    from ..learn.training.targets import delta_targets, direct_targets
    from ..workers import progress as reporting

    if refused:
        raise InputError(
            f"{' and '.join(refused)}: of networks; a kernel ridge regression (--engine krr) has none of it"
        )
    one_thread()
    changes = _changes(given.settings) | ({} if given.seed is None else {"seed": given.seed})
    chosen = KrrSettings(**changes)
    ready = prepare(given.data, (), known, given.hold_out, given.mix_engines, given.mix_charges)
    for remark in ready.remarks:
        note(remark)
    from ..learn.krr.fit import require_number

    require_number(len(ready.labels), chosen.folds)  # before the base is calculated
    if given.delta:
        from ..learn.evaluate import open_base

        targets = delta_targets(ready.labels, open_base(given.delta), known, energies_only=True)
    else:
        targets = direct_targets(ready.labels, known, energies_only=True)
    from ..learn.krr.train import train_krr as run

    progress = reporting.choose(quiet or as_json)
    try:
        done = run(
            targets, chosen, given.out, given.kernels, ready.counts,
            say=(lambda line: None) if quiet or as_json else note,
            start=lambda blocks: progress.start(1, 1, "kernels", blocks), advance=progress.advance,
        )  # fmt: skip
    finally:
        progress.close()
    found = done.fit
    if as_json:
        print_json(
            {
                "model": done.model, "structures": len(targets), "width": found.width,
                "regularisation": found.regularisation, "errors": done.errors, "seconds": done.seconds,
            }
        )  # fmt: skip
        return
    typer.echo(
        f"{done.model}: {len(targets)} structures, width {found.width:g}, regularisation {found.regularisation:g}, chosen "
        f"by cross-validation in {chosen.folds} folds"
    )
    for name, value in done.errors.items():
        typer.echo(f"  {name.partition('_')[2]:28} {value:8.3f}")
    typer.echo("seconds of a core: " + ", ".join(f"{k} {v:.3g}" for k, v in done.seconds.items()) + " a structure")
    next_step(("sampler", "evaluate", done.model, "TEST.npz"), quiet=quiet)


def _changes(items: Sequence[str]) -> dict[str, Any]:
    """``["widths=2,4", "folds=3"]`` as typed settings."""
    from ..errors import InputError
    from ..learn.krr.settings import KrrSettings
    from ..text.nearest import suggested

    defaults: dict[str, Any] = dataclasses.asdict(KrrSettings())
    found: dict[str, Any] = {}
    for item in items:
        name, _, text = item.partition("=")
        if name not in defaults:
            raise InputError(f"krr has no setting {name!r}; {suggested(name, defaults)}known: {', '.join(defaults)}")
        many = isinstance(defaults[name], tuple)
        kind: type = float if many else type(defaults[name])
        try:
            found[name] = tuple(float(v) for v in text.split(",")) if many else kind(text)
        except ValueError as error:
            wanted = "numbers with commas between them" if many else f"a value of type {kind.__name__}"
            raise InputError(f"{name} wants {wanted}, got {text!r}") from error
    return found
