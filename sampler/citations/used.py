"""What a run used, told by its manifest, the cards of its models and the ORCA outputs in it, and what to cite for it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..potentials.composite.methods import METHODS
from ..potentials.painn.card import CARD
from ..potentials.trained import model_folder, named
from ..potentials.xtb_parameters import is_refit, method_of
from ..rundir.directory import read_manifest
from ..rundir.owner import SEARCHES
from .reference import key_of

APPROACH = ("kubecka2024", "the approach: models of quantum chemistry in the sampling of atmospheric clusters")
LOW_MODES = {"harmonic": "", "grimme": "grimme2012", "raised": "ribeiro2011"}
"""Treatment of low vibrations (``sampler thermo --low-modes``) -> key."""
_XTB = {"gfn1-xtb": "grimme2017", "gfn2-xtb": "bannwarth2019"}
_ORCA = {4: "neese2018", 5: "neese2022", 6: "neese2025"}
_RELAXATION = {"lbfgs": ("byrd1994", "lindh1995", "packwood2016", "mones2018"), "fire": ("bitzek2006",)}
_ESTIMATES = ("chao1984", "chao1987", "good1953")
_VERSION = re.compile(r"Program Version (\d+)")

Cited = tuple[str, str]
"""Key of a reference, and what for."""


@dataclass
class Citations:
    """What to cite.

    Attributes:
        used_for: key of a reference -> what it is cited for: the approach, models and engines, then what the stages do.
        remarks: what has to be cited and is not known here, one line each.
    """

    used_for: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, cited: Iterable[Cited]) -> None:
        for key, what in cited:
            reasons = self.used_for.setdefault(key, [])
            if what not in reasons:
                reasons.append(what)

    def include(self, other: Citations) -> None:
        """What another one has to cite, too."""
        self.add((key, what) for key, reasons in other.used_for.items() for what in reasons)
        for text in other.remarks:
            self.remark(text)

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


def citations_of(runs: Sequence[Path], low_modes: str = "") -> Citations:
    """What to cite for run directories, finished or not.

    Args:
        low_modes: a key of :data:`LOW_MODES`, where free energies were made of the runs; '' for none.

    Raises:
        RunError: a folder is no run directory.
    """
    found = Citations()
    found.add([APPROACH])
    manifests = {run: read_manifest(run) for run in runs}
    for run, manifest in manifests.items():
        for stage in stages_done(manifest):
            add_potential(stage, found)
        found.add(_orca(run))
    for run, manifest in manifests.items():
        for stage in stages_done(manifest):
            found.add(_by_kind(stage))
        for parent in manifest.get("parents", ()):
            found.remark(f"{run} has grown from {parent['composition']}: cite what that run used, too")
        if "from" in manifest:
            found.remark(f"{run} starts from {manifest['from']['source']}: cite what made those structures, too")
    found.add([(LOW_MODES[low_modes], f"low vibrations: {low_modes}")] if LOW_MODES.get(low_modes) else [])
    return found


def stages_done(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The stages of a run, without those before the one where its structures have entered."""
    stages = manifest["protocol"]["stage"]
    entered = (manifest.get("from") or {}).get("stage")
    kinds = [stage["kind"] for stage in stages]
    return stages[kinds.index(entered) if entered in kinds else 0 :]


def _by_kind(stage: Mapping[str, Any]) -> Iterator[Cited]:
    """What a stage does itself, whatever the potential."""
    kind = stage["kind"]
    if kind == "generate":
        yield "alvarez2013", "radii of the rigid surface"
        yield "leontyev2011", "scaled charges of ions on the rigid surface"
        if stage.get("symmetric"):
            yield from ((key, "symmetric packings") for key in ("oakley2013", "pickard2011"))
    if kind == "grow" and stage.get("splice"):
        yield "deaven1995", "candidates of two parents"
    if kind in ("relax", *SEARCHES) or stage.get("mode") == "optimise":
        optimizer = stage.get("optimizer", "lbfgs")
        yield from ((key, f"relaxation ({optimizer})") for key in _RELAXATION[optimizer])
    if kind in SEARCHES:
        yield from ((key, "estimate of the minima that are unseen") for key in _ESTIMATES)
    if kind in ("anneal", "exchange"):
        yield "leimkuhler2013", "dynamics of a search"
    if kind == "anneal":
        yield "kirkpatrick1983", "simulated annealing"
    if kind == "exchange":
        yield from ((key, "replica exchange") for key in ("sugita1999", "predescu2004"))
    if kind == "hop" and stage.get("moves", {}).get("md", 1.0):
        yield "leimkuhler2013", "moves by dynamics"
    if kind == "identify":
        yield "cordero2008", "bonds"
    if kind == "dedupe":
        yield from ((key, "superposition of structures") for key in ("jonker1987", "horn1987"))
    if kind == "select" and stage.get("diverse"):
        yield from ((key, "choice of unlike structures") for key in ("behler2011", "gonzalez1985"))


def add_potential(stage: Mapping[str, Any], found: Citations) -> None:
    """Of what names a ``potential``, with ``options``, as a stage of a protocol does."""
    name = str(stage.get("potential", "")).lower()
    if name == "painn":
        models = (stage.get("options") or {}).get("model") or ()
        for model in named([models] if isinstance(models, str) else models):
            _model(model, found)
    elif name.startswith("ase:"):
        found.add([("larsen2017", "calculators of ASE")])
        found.remark(f"{name}: cite the calculator and its method, which are not known here")
    else:
        found.add(cited_for(name))
        if is_refit(name):
            found.remark(
                f"{name}: its parameters were fitted to labels; cite their method, which the file of the level names"
            )


def cited_for(potential: str) -> Iterator[Cited]:
    """What to cite for a method and its engine, by the name of the potential; nothing for a toy."""
    engine, _, method = method_of(potential).rpartition(":")
    if method in _XTB:
        yield _XTB[method], method
        yield ("bannwarth2021", "xtb, the program") if engine else ("katbashev2025", "tblite, the program")
    elif method in METHODS:
        yield from _functional(method)
        yield "sun2020", "PySCF, the program"
        if METHODS[method].dispersion.startswith("d3") or METHODS[method].counterpoise:
            yield "ehlert2024", "s-dftd3, the library"


def _functional(method: str) -> Iterator[Cited]:
    """A composite method with what it consists of, whatever the program."""
    settings = METHODS[method]
    yield key_of(settings.citation), method
    kinds = {"d3": ("grimme2010", "grimme2011"), "d4": ("caldeweyher2019",), "d2-chg": ("grimme2006",)}
    dispersion = settings.dispersion.partition(":")[0]
    yield from ((key, f"dispersion ({dispersion[:2].upper()}) of {method}") for key in kinds[dispersion])
    if settings.counterpoise == "r2scan3c":  # that of B97-3c is a correction of its own, of the same paper
        yield "kruse2012", f"geometric counterpoise of {method}"


def _model(model: str, found: Citations) -> None:
    """A PaiNN, what it learnt from, and what it corrects."""
    found.add([("schutt2021", "PaiNN, the network"), ("schutt2023", "SchNetPack, from which network and training are")])
    try:
        card = tomllib.loads((model_folder(model) / CARD).read_text(encoding="utf-8"))
        level = str(card["level"])
    except (ModelError, OSError, ValueError, LookupError):
        found.remark(f"the model {model} cannot be read any more: cite what it was trained on, too")
        return
    found.add(of_level(level, found))
    if card.get("base_level"):
        found.add([("ramakrishnan2015", "corrections (Δ models)"), *cited_for(card["base_level"].partition("@")[0])])
    if card.get("architecture", {}).get("charge_width"):
        found.add((key, "latent charges of the network") for key in ("unke2019", "cheng2025"))


def of_level(level: str, found: Citations, where: str = "in the labels of a model") -> Iterator[Cited]:
    """What numbers of a level stand for: the method, and the program where the level names one."""
    method, _, engine = level.partition("@")
    if method in _XTB:
        yield _XTB[method], f"{method}, {where}"
    elif method in METHODS and engine == "pyscf":
        yield from ((key, f"{what}, {where}") for key, what in cited_for(method))
    elif method in METHODS:
        yield from ((key, f"{what}, {where}") for key, what in _functional(method))
    else:
        found.remark(f"{level}, {where}: cite this method, which is not known here")
    if engine.startswith("orca"):
        yield _orca_key(engine.removeprefix("orca")), f"ORCA, the program, {where}"


def _orca(run: Path) -> Iterator[Cited]:
    """ORCA, where it has left outputs in a run; inputs alone are no use of it."""
    for output in sorted(run.glob("orca*/*.out")):
        with output.open(encoding="utf-8", errors="replace") as lines:
            version = _VERSION.search("".join(line for _, line in zip(range(200), lines)))
        yield _orca_key(version[1] if version else ""), "ORCA, the program"
        source = output.with_suffix(".inp")
        asked = source.read_text(encoding="utf-8", errors="replace").lower() if source.is_file() else ""
        for method in METHODS:
            if re.search(rf"^!.*(?<!\S){re.escape(method)}(?!\S)", asked, re.M):
                yield from _functional(method)


def _orca_key(version: str) -> str:
    return _ORCA.get(int(version) if version.isdecimal() else 0, "neese2012")
