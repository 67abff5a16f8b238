"""``sampler train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import completion
from .common import Json, Monomers, Quiet, library, next_step, note, print_json
from .data import one_thread
from .data_sets import MixEngines


def train(
    data: Annotated[list[Path], typer.Argument(help="Data set(s) of one level; see: sampler data --help.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training; OUT/model is the model.")],
    recipe: Annotated[
        str, typer.Option("--recipe", help="paper (Table 2), quick (cosine from 1e-3, averaged), or fine-tune.")
    ] = "paper",
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="fast (fused kernels, CPU), schnetpack (CPU, GPU), or krr: no PaiNN, but kernel ridge regression of energies.",
        ),
    ] = "fast",
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            autocompletion=completion.models,
            help="A model to start from, a folder or one that ships by its name (transfer, fine-tuning on your own data); a "
            "smaller network is widened.",
        ),
    ] = None,
    delta: Annotated[
        str,
        typer.Option(
            "--delta", help="Learn the difference to this cheaper method, e.g. gfn1-xtb; not to a trained model."
        ),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: NAME=VALUE, e.g. n_atom_basis=64 (may be repeated)."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1)] = None,
    seed: Annotated[int | None, typer.Option("--seed", "-s", min=0, help="Of split, weights and order.")] = None,
    taught: Annotated[
        list[Path] | None,
        typer.Option(
            "--taught", help="Data set(s) that a model labelled: trained on, never validated on (see: data teach)."
        ),
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option("--hold-out", help="Compositions left out of the training (may be repeated).")
    ] = None,
    kernels: Annotated[
        Path | None,
        typer.Option("--kernels", help="Of krr: folder that several trainings share. Default: OUT/kernels."),
    ] = None,
    mix_engines: MixEngines = False,
    mix_charges: Annotated[
        bool, typer.Option("--mix-charges", help="Train on neutral and charged clusters together.")
    ] = False,
    monomers: Monomers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a model on labelled structures: a PaiNN, or KRR.

    After a kill the same command goes on, to the same weights. Copies of a structure count once, so that none is trained on and validated on; OUT/model/trained_on.npz lets
    'sampler evaluate' tell a test structure that the model has seen.

    The weights are SchNetPack's, with either engine. Errors on the validation structures go to the model's card,
    every epoch to OUT/curves.csv and OUT/curves.png.

    With --engine krr, energies alone are learnt, by FCHL19 and local kernels (extra krr), of at most 2,000 structures. Width and
    regularisation come from cross-validation; --set takes widths, regularisations, folds, cutoff and precision.

    \b
    Examples:
      sampler train gfn1.npz -o runs/gfn1 --recipe quick
      sampler train b97-3c.npz -o runs/b97 --recipe fine-tune --init runs/gfn1/model --seed 7
      sampler train b97-3c.npz -o runs/delta --recipe quick --delta gfn1-xtb
      sampler train b97-3c.npz --taught taught.npz -o runs/more --recipe fine-tune --init runs/gfn1/model
      sampler train mine.npz -o runs/mine --recipe fine-tune --init b97-3c_sa_am_dma_w-seed7
      sampler train mine.npz -o runs/paper --engine schnetpack
      sampler train mine.npz -o runs/krr --engine krr --delta gfn1-xtb
    """
    if engine == "krr":
        from .train_krr import Given, train_krr

        unfit = {"--recipe": recipe != "paper", "--init": init, "--taught": taught, "--epochs": epochs}
        refused = [name for name, value in unfit.items() if value]
        sets = Given(data, out, delta, settings or [], seed, hold_out or [], kernels, mix_engines, mix_charges)
        train_krr(sets, refused, library(monomers), as_json, quiet)
        return
    from ..errors import InputError
    from ..learn.labels.prepare import prepare
    from ..learn.training.settings import ENGINES, RECIPES, SHAPE
    from ..learn.training.targets import delta_targets, direct_targets
    from ..text.nearest import suggested

    if engine not in ENGINES:
        every = (*ENGINES, "krr")
        raise InputError(f"no engine is called {engine!r}; {suggested(engine, every)}known: {', '.join(every)}")
    if kernels:
        raise InputError("--kernels goes with --engine krr")
    if recipe not in RECIPES:
        raise InputError(f"no recipe is called {recipe!r}; {suggested(recipe, RECIPES)}known: {', '.join(RECIPES)}")
    one_thread()
    known = library(monomers)
    given: dict[str, Any] = {"engine": engine, **changes(settings or [])}
    given |= {k: v for k, v in (("epochs", epochs), ("seed", seed)) if v is not None}
    if init is not None:
        from ..potentials.painn.card import load_model
        from ..potentials.trained import model_folder

        init = model_folder(init)
        a = load_model(init)[0].architecture
        shape = {k: getattr(a, k) for k in SHAPE}
        given = shape | given
    chosen = RECIPES[recipe].replace(**given)
    if delta and taught:
        raise InputError("--taught is for direct models; a correction (--delta) learns from labels alone")
    ready = prepare(data, taught or (), known, hold_out or (), mix_engines, mix_charges)
    for remark in ready.remarks:
        note(remark)
    labels = ready.labels
    energies_only = chosen.energy_share == 1.0
    if delta:
        from ..learn.evaluate import open_base

        targets = delta_targets(labels, open_base(delta), known, energies_only)
    else:
        targets = direct_targets(labels, known, energies_only)
    # torch loads only now: an engine of --delta must load its own libraries first
    from ..learn.training.train import train as run

    done = run(
        targets, chosen, out, init, taught=ready.taught, left_out=ready.counts, quiet=quiet or as_json, say=note
    )  # fmt: skip
    if as_json:
        print_json({"model": done.model, "epochs": done.epochs, "best_epoch": done.best_epoch, "errors": done.errors})
        return
    on = "validation structures" if chosen.validation else "structures trained on: none are held out"
    typer.echo(f"{done.model}: best of {done.epochs} epochs is {done.best_epoch}, on the {on}")
    for name, value in done.errors.items():
        typer.echo(f"  {name.partition('_')[2]:28} {value:8.3f}")
    next_step(("sampler", "run", "2sa2am", "--model", done.model), quiet=quiet)


def changes(items: list[str]) -> dict:
    """``["n_rbf=20", "loss=mse"]`` as typed settings."""
    import dataclasses

    from ..errors import InputError
    from ..learn.training.settings import TrainSettings
    from ..text.nearest import suggested

    kinds: dict[str, type] = {f.name: type(f.default) for f in dataclasses.fields(TrainSettings)}
    found = {}
    for item in items:
        name, _, text = item.partition("=")
        if name not in kinds:
            raise InputError(f"no setting is called {name!r}; {suggested(name, kinds)}known: {', '.join(kinds)}")
        try:
            found[name] = kinds[name](text)
        except ValueError as error:
            raise InputError(f"{name} wants a value of type {kinds[name].__name__}, got {text!r}") from error
    return found
