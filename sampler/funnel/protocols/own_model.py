"""``sampler run --model``: a protocol that ends with models of one's own, and what there is to say of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...clusters import Clusters
from ...composition import Composition
from ...errors import InputError, LevelError, ModelError, ProtocolError, SamplerError
from ...levels import binding_energy, separated
from ...monomers import MonomerLibrary
from ...potentials.catalogue import trained_compositions, trained_sizes
from ...rundir.directory import read_manifest
from ...storage import write_text
from ...units import KCAL_PER_MOL
from ..runner import Run
from .automatic import AUTO, BEST, FALLBACK, ended
from .ending import is_recommended, last_source
from .protocol import Protocol, build

_FILE = "remarks.json"
JUDGE = "gfn1-xtb"
LOWEST = 3
_NEUTRAL, _CHARGED = 5.0, 8.0
"""kcal/mol a molecule that a binding energy may differ from that of GFN1-xTB. B97-3c differs by 0.3 to 3.8 at the lowest
labelled structures of 46 compositions (the label queue), and by 5 at some that are far from minima."""


def with_models(
    protocol: Protocol,
    models: Sequence[str | Path],
    composition: Composition,
    library: MonomerLibrary,
    level: str = AUTO,
) -> Protocol:
    """The protocol with its end for models, and those given in the place of the ones it would choose by itself.

    ``auto`` and ``auto:delta`` become all of them, a committee if there are several; ``auto:member`` the first one, if
    that is no correction (those are too slow to search with). What searches for GFN1-xTB stays as it is.

    Args:
        level: the ``--level`` that was asked for, which must be that of the models.

    Raises:
        ModelError, LevelError: no such model, one of another level than asked for, models that are no committee, or not for
            the atoms or the charge.
        ProtocolError: the protocol has no stage that chooses a model.
    """
    from ...potentials.trained import model_folder
    from ...potentials.trained import named as in_full

    named = _placed(in_full(models))
    for model in named:
        if level != AUTO and _card(model).level.partition("@")[0] != level:
            raise LevelError(
                f"--model {model} is of {_card(model).level}, --level asks for {level}; leave out one of the two"
            )
    if delta := [m for m in named if _card(m).base_level]:
        if len(delta) < len(named):
            raise LevelError(f"--model: a correction ({delta[0]}) and whole energies are no committee")
    for model in named:
        _require(model_folder(model), composition, library)
    taken = {AUTO: named, f"{AUTO}:delta": named}
    if not delta:
        taken[f"{AUTO}:member"] = named[:1]
    made = ended(protocol, composition, BEST)
    if not any(getattr(s, "potential", "") in (AUTO, f"{AUTO}:delta") for s in made.stage):
        raise ProtocolError(
            f"the protocol {protocol.name} has no stage that takes a model; for --model take quick, standard, thorough "
            'or b97-3c, or a stage with potential = "auto"'
        )
    of = [taken.get(getattr(stage, "potential", "")) for stage in made.stage]
    return _with(made, {i: names for i, names in enumerate(of) if names is not None})


def _placed(models: Sequence[str | Path]) -> list[str]:
    """Folders by their whole paths, so that they are found from anywhere; names as they are."""
    return [str(Path(m).resolve()) if Path(m).is_dir() else str(m) for m in models]


def _with(protocol: Protocol, models: Mapping[int, list[str]]) -> Protocol:
    """The protocol with these models, a committee where there are several, in the stages of these numbers."""
    stages = list(protocol.stage)
    for i, names in models.items():
        options = {"model": names if len(names) > 1 else names[0]}
        stages[i] = type(stages[i])(**stages[i].model_dump() | {"potential": "painn", "options": options})
    return protocol.model_copy(update={"stage": tuple(stages)})


def with_search(protocol: Protocol, models: Sequence[str | Path], composition: Composition) -> Protocol:
    """The protocol with its end for GFN1-xTB, searching on models of that level and deciding by GFN1-xTB itself.

    ``auto:gfn1-xtb`` becomes the models, and so does ``auto`` where a later stage decides.

    Raises:
        ProtocolError: nothing in it searches.
    """
    made = ended(protocol, composition, FALLBACK)
    potentials = [getattr(s, "potential", "") for s in made.stage]
    declared = [getattr(s, "potential", "") for s in protocol.stage]  # the stages of the end come after these
    decides = max((i for i, name in enumerate(potentials) if name == FALLBACK), default=-1)
    searches = {i for i, name in enumerate(potentials) if name == f"{AUTO}:{FALLBACK}"}
    searches |= {i for i, name in enumerate(declared) if name == AUTO and i < decides}
    if not searches:
        raise ProtocolError(
            f"the protocol {protocol.name} has no stage that could search on a model; take quick or standard"
        )
    return _with(made, dict.fromkeys(searches, _placed(models)))


def remarks(models: Sequence[str | Path], composition: Composition, library: MonomerLibrary) -> list[str]:
    """A line on each model: its level, the errors on its card, and whether it was trained on such clusters."""
    from ...potentials.trained import named

    return [f"model {model}: {_errors(model)}{_home(model, composition, library)}" for model in named(models)]


def judge(run: Run, composition: Composition, library: MonomerLibrary) -> list[str]:
    """What there is to say of a finished run that ends with models other than the recommended ones.

    It is kept in ``RUN/remarks.json``, for :func:`remarks_of`; called while this process holds the run directory.
    """
    last = last_source(build(read_manifest(run.folder)["protocol"], str(run.folder)))
    path = run.folder / _FILE
    if not last.models or is_recommended(last, composition, library):
        path.unlink(missing_ok=True)
        return []
    made = run.ledgers[-1].output_sha256
    known = _read(run.folder)
    if known.get("output_sha256") == made:
        return known["remarks"]
    told = remarks(last.models, composition, library)
    told += [doubt(run.clusters, composition, library)]
    told = [text for text in told if text]
    write_text(path, json.dumps({"output_sha256": made, "remarks": told}, indent=1, ensure_ascii=False) + "\n")
    return told


def remarks_of(folder: Path | str) -> list[str]:
    """What :func:`judge` has left in a run directory."""
    return list(_read(Path(folder)).get("remarks", []))


def _read(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def doubt(clusters: Clusters, composition: Composition, library: MonomerLibrary) -> str:
    """What is wrong with the binding energies of the lowest structures, in words; '' where nothing is seen.

    They are compared with those of GFN1-xTB single points of the same geometries. GFN1-xTB is itself some kcal/mol a
    molecule from B97-3c, so what is told is nonsense, not inaccuracy.
    """
    from ...potentials import get_potential

    lowest = clusters.lowest_first()[:LOWEST]
    try:
        ours = binding_energy(lowest, composition, library) / KCAL_PER_MOL
    except LevelError as error:
        return f"no binding energies: {error}"
    try:
        judged = get_potential(JUDGE).evaluate(lowest.without_energies(), forces=False)
        theirs = binding_energy(lowest.replace(energy=judged.energy, forces=None, level=JUDGE), composition, library)
    except SamplerError as error:
        return f"the binding energies were not compared with {JUDGE}: {error}"
    theirs = theirs / KCAL_PER_MOL
    molecules = composition.molecules()
    limit = (_CHARGED if composition.charge else _NEUTRAL) * molecules
    off = np.abs(ours - theirs)
    if not np.isfinite(off).any():
        return ""
    worst = int(np.nanargmax(off))
    if molecules < 2 or off[worst] <= limit:
        return ""
    return (
        f"the model binds {lowest.ids[worst]} with {ours[worst]:.1f} kcal/mol, {JUDGE} the same structure with "
        f"{theirs[worst]:.1f}: {off[worst] / molecules:.0f} kcal/mol a molecule apart, more than any level of theory explains "
        f"(at most {limit / molecules:.0f}); the model, or its reference energies, is not fit for this cluster, and "
        "the ranking means nothing"
    )


def _card(model: str | Path):
    from ...potentials.painn.card import read_card
    from ...potentials.trained import model_folder

    return read_card(model_folder(model))


def _require(folder: Path, composition: Composition, library: MonomerLibrary) -> None:
    """Refuse a model that cannot say anything of any structure."""
    from ase.data import chemical_symbols

    card = _card(folder)
    found = {chemical_symbols[z] for s in separated(composition, library) for m in s for z in library[m].numbers}
    name = composition.name(library)
    if foreign := sorted(found - set(card.elements)):
        raise ModelError(
            f"the model {folder} was not trained on {', '.join(foreign)}, which {name} holds (trained: "
            f"{', '.join(card.elements)})"
        )
    if composition.charge not in card.charges:
        trained = ", ".join(f"{q:+d}" if q else "0" for q in card.charges)
        raise ModelError(
            f"the model {folder} was not trained on the charge {composition.charge:+d} of {name} ({trained})"
        )


def _errors(model: str | Path) -> str:
    from ..stages.expected_error import model_error

    card = _card(model)
    kinds = [k.removesuffix("mae_energy_kcal_mol") for k in card.errors if k.endswith("mae_energy_kcal_mol")]
    plain = [k for k in kinds if not k.startswith("baseline_")]
    told = [f"{card.errors[f'{k}mae_energy_kcal_mol']:g} ({k.rstrip('_').replace('_', ' ') or 'mean'})" for k in plain]
    head = f"{card.level}{f', a correction to {card.base_level}' if card.base_level else ''}, "
    if not told:
        return head + "no error on its card: how good it is nobody knows"
    words = head + f"mean absolute errors by its card, kcal/mol: {', '.join(told)}"
    try:
        return words + f"; relative energies of structures off by about {model_error(str(model)):.2g}"
    except InputError:
        return words


def _home(model: str | Path, composition: Composition, library: MonomerLibrary) -> str:
    """Whether the card names the composition among those it was trained on."""
    card, name = _card(model), composition.name(library)
    trained = trained_compositions(card)
    if not trained or name in trained:
        return ""
    size, largest = composition.molecules(), max(trained_sizes(card))
    if size > largest:
        return f"; it was trained on at most {largest} molecules, {name} has {size}"
    return f"; it was not trained on {name}"
