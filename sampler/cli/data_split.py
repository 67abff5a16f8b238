"""``sampler data split``: one data set into what is trained on and what is tested with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import Json, Monomers, library, next_step, note, print_json
from .data_sets import MixEngines

if TYPE_CHECKING:
    from ..learn.split import How

_WAYS = ("size", "composition", "random", "list")


def split(
    data: Annotated[list[Path], typer.Argument(help="Data set(s) of one level (.npz).")],
    by: Annotated[str, typer.Option("--by", help="size, composition, random or list.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Writes OUT-train.npz and OUT-test.npz. Default: the name of DATA."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", help="By size or composition: a composition to test with (may be repeated)."),
    ] = None,
    largest: Annotated[
        int, typer.Option("--largest", min=0, help="By size: test with clusters of so many molecules or more.")
    ] = 0,
    fraction: Annotated[float, typer.Option("--fraction", help="At random: share to test with.")] = 0.1,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="At random.")] = 42,
    ids: Annotated[
        Path | None, typer.Option("--ids", help="By list: a file with an id to test with on each line.")
    ] = None,
    train_ids: Annotated[
        Path | None, typer.Option("--train-ids", help="By list: ids to train on. Default: all others.")
    ] = None,
    leaks: Annotated[
        str,
        typer.Option("--leaks", help="Duplicates of test structures: remove (from training), or refuse to split."),
    ] = "remove",
    mix_engines: MixEngines = False,
    monomers: Monomers = None,
    as_json: Json = False,
) -> None:
    """A data set into one to train on and one to test with.

    No structure to train on is a duplicate of one of the test, by the measure that a run removes duplicates with. Both
    files say what they were split from, and how.

    By size, --test 4sa5w also leaves out what is larger (4sa6w), so that nothing trained on holds a test cluster; by
    composition, everything else is trained on.

    \b
    Examples:
      sampler data split sa-w.npz --by size --test 4sa5w
      sampler data split sa-am.npz --by size --test 8sa10am --test 9sa10am -o sets/large
      sampler data split sa-am.npz --by size --largest 7
      sampler data split sa-am.npz --by random --fraction 0.2 --seed 7
      sampler data split sa-am.npz --by list --ids test.txt
    """
    from ..learn.labels.dataset import LabelSet
    from ..learn.labels.labels_file import open_labels
    from ..learn.split import split as divide

    how = _how(by, tuple(test or ()), largest, fraction, seed, ids, train_ids)
    known = library(monomers)
    sets = [open_labels(f, known) for f in data]
    labels = sets[0] if len(sets) == 1 else LabelSet.join(sets, mix_engines)
    found = divide(labels, how, known, leaks=leaks, source=", ".join(f.name for f in data))
    stem = out or data[0].with_suffix("")
    files = {part: stem.with_name(f"{stem.name}-{part}.npz") for part in ("train", "test")}
    found.train.save(files["train"])
    found.test.save(files["test"])
    if as_json:
        print_json(
            {
                "train": files["train"], "test": files["test"], "level": labels.level,
                "structures_train": len(found.train), "structures_test": len(found.test),
                "leaks_removed": found.leaks, "left_out": found.left_out, "leaks": found.pairs,
            }
        )  # fmt: skip
        return
    typer.echo(f"{len(found.train)} structures to train on in {files['train']}")
    typer.echo(f"{len(found.test)} structures to test with in {files['test']}")
    if found.leaks:
        one, twin = found.pairs[0]
        note(f"{found.leaks} structures are left out of training: duplicates of the test (first: {one} of {twin})")
    if found.left_out:
        reason = "larger than the test" if by == "size" else "on neither list"
        note(f"{found.left_out} structures are in neither: {reason}")
    next_step(("sampler", "train", files["train"], "--out", stem), ("sampler", "data", "describe", *files.values()))


def _how(
    by: str, test: tuple[str, ...], largest: int, fraction: float, seed: int, ids: Path | None, train_ids: Path | None
) -> How:
    from ..errors import InputError
    from ..learn.split import AtRandom, ByComposition, ByList, BySize
    from ..text.nearest import suggested

    if by not in _WAYS:
        raise InputError(f"no way to split is called {by!r}; {suggested(by, _WAYS)}known: {', '.join(_WAYS)}")
    for given, option, ways in (
        (test, "--test", ("size", "composition")), (largest, "--largest", ("size",)), (ids, "--ids", ("list",)),
        (train_ids, "--train-ids", ("list",)),
    ):  # fmt: skip
        if given and by not in ways:
            raise InputError(f"{option} does not go with --by {by}; it goes with --by {' or '.join(ways)}")
    if by == "size":
        return BySize(test, largest)
    if by == "composition":
        return ByComposition(test)
    if by == "random":
        return AtRandom(fraction, seed)
    if ids is None:
        raise InputError("--by list wants --ids FILE, with an id on each line")
    return ByList(_read(ids), _read(train_ids) if train_ids else ())


def _read(file: Path) -> tuple[str, ...]:
    """Ids, one a line; empty lines and what follows a # are no ids."""
    from ..errors import FileFormatError

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{file} cannot be read as a list of ids: {error}") from error
    return tuple(dict.fromkeys(name for line in lines if (name := line.partition("#")[0].strip())))
