"""A model on disk: a folder with ``model.safetensors`` and ``card.toml``; nothing in it can execute.

The card says what the model may be asked: level of theory, elements, charges, the shortest distance it has seen, the
reference energies that turn its prediction into a total energy, and the sha256 of the weights it belongs to.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, ModelError
from ...storage import write_atomic, write_text
from ...text.toml import toml_key, toml_value
from .card_values import check
from .parameters import Architecture, PaiNNParameters, require
from .schnetpack_io import energy_unit_of

FORMAT, KRR_FORMAT = "sampler-painn-1", "sampler-krr-1"
WEIGHTS, CARD = "model.safetensors", "card.toml"
KRR_WEIGHTS = "model.npz"


@dataclass(frozen=True)
class ReferenceMonomer:
    """A monomer that predicted binding energies refer to.

    Attributes:
        formula: element symbol -> count. charge: e. energy: eV, total energy at the card's level.
    """

    formula: dict[str, int]
    charge: int
    energy: float


@dataclass(frozen=True)
class ModelCard:
    """What a model is and what it is for.

    Attributes:
        level: level of theory of its energies, e.g. ``b97-3c``.
        elements: symbols it was trained on. charges: total charges it was trained on.
        energy_unit: of the network: ``eV``, ``kcal/mol``, ``Hartree`` or eV per unit.
        min_distance: Å, closer atoms are refused, whatever they are: 0.98 of the shortest distance in the training data.
        closest: pair of elements, such as ``H-O`` -> shortest distance in the training data, Å; see :mod:`.limits`.
            Older cards have none.
        monomers: name -> reference; the network then predicts binding energies against them.
        element_energies: symbol -> eV, when the network predicts the total energy minus these instead.
        charge_energies: total charge, such as ``-1`` -> eV, which comes on top of the elements' for a charged cluster.
        base_level: for a correction: the level of the potential it corrects.
        data_hash: sha256 of the training data. training: settings. errors: name with unit -> value.
        calibration: of the spread of a committee that the model belongs to; see :mod:`.calibration`.
        not_for: what the model must not be used for, in words. notes: anything else.
        weights_sha256: of model.safetensors, or of model.npz; set on saving.
    """

    level: str
    elements: tuple[str, ...]
    charges: tuple[int, ...] = (0,)
    energy_unit: str | float = "eV"
    min_distance: float = 0.0
    closest: dict[str, float] = field(default_factory=dict)
    monomers: dict[str, ReferenceMonomer] = field(default_factory=dict)
    element_energies: dict[str, float] = field(default_factory=dict)
    charge_energies: dict[str, float] = field(default_factory=dict)
    base_level: str = ""
    data_hash: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    not_for: str = ""
    notes: str = ""
    weights_sha256: str = ""

    def replace(self, **changes: Any) -> ModelCard:
        return dataclasses.replace(self, **changes)


def is_model(path: Path | str) -> bool:
    """Whether ``path`` is a folder that holds a model, a network or a kernel ridge regression."""
    return (Path(path) / CARD).is_file() and any((Path(path) / name).is_file() for name in (WEIGHTS, KRR_WEIGHTS))


def is_krr(path: Path | str) -> bool:
    """Whether ``path`` is a folder that holds a kernel ridge regression, which has energies alone.

    Raises:
        ModelError: see :func:`read_card`.
    """
    folder = Path(path)
    return (folder / CARD).is_file() and _table(folder)["format"] == KRR_FORMAT


def save_model(folder: Path | str, params: PaiNNParameters, card: ModelCard) -> ModelCard:
    """Write a model folder; the weights first, then the card that vouches for them. Returns the card as written."""
    require("safetensors", "saving a model")
    from safetensors.numpy import save

    folder = Path(folder)
    arrays = {name: np.ascontiguousarray(a) for name, a in params.arrays.items()}
    arrays["offset.mean"] = np.asarray([params.mean], np.float64)
    if params.atomref is not None:
        arrays["offset.atomref"] = np.asarray(params.atomref, np.float64)
    data = save(arrays, metadata={"format": FORMAT})
    write_atomic(folder / WEIGHTS, lambda handle: handle.write(data))
    if energy_unit_of(card.energy_unit) != params.energy_unit:
        card = card.replace(energy_unit=params.energy_unit)
    card = card.replace(weights_sha256=hashlib.sha256(data).hexdigest())
    lines = [f"format = {toml_value(FORMAT)}", f"offset_is_extensive = {toml_value(params.extensive)}"]
    write_text(folder / CARD, _dump(card, lines, {"architecture": dataclasses.asdict(params.architecture)}))
    return card


def write_krr_card(folder: Path | str, card: ModelCard, tables: dict[str, dict[str, Any]]) -> None:
    """The card of a kernel ridge regression, with ``tables`` of its own before those of all cards."""
    write_text(Path(folder) / CARD, _dump(card, [f"format = {toml_value(KRR_FORMAT)}"], tables))


def read_krr_card(folder: Path | str) -> tuple[ModelCard, dict[str, Any]]:
    """The card of a kernel ridge regression, and all that stands in its file.

    Raises:
        ModelError: see :func:`read_card`; a network.
    """
    card, table = _read(Path(folder))
    if table["format"] != KRR_FORMAT:
        raise ModelError(f"{folder} holds a network, no kernel ridge regression")
    return card, table


def read_card(folder: Path | str) -> ModelCard:
    """The card alone; weights are not opened.

    Raises:
        ModelError: no such folder, not such a card, or a pickle offered as a model.
    """
    return _read(Path(folder))[0]


def load_model(folder: Path | str) -> tuple[PaiNNParameters, ModelCard]:
    """Weights and card of a model folder.

    Raises:
        ModelError: see :func:`read_card`; also when the weights are not those the card was written for.
    """
    require("safetensors", "loading a model")
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    card, table = _read(folder)
    if table["format"] == KRR_FORMAT:
        raise ModelError(
            f"{folder} holds a kernel ridge regression, which has energies alone and no weights of a network; name a PaiNN "
            "model here (sampler train --engine fast)"
        )
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    _refuse_pickle(path, data[:16])
    found = hashlib.sha256(data).hexdigest()
    if found != card.weights_sha256:
        raise ModelError(
            f"{path} has the sha256 {found[:16]}…, but {folder / CARD} was written for {card.weights_sha256[:16]}…; "
            "weights and card belong together, fetch both again"
        )
    try:
        arrays = load(data)
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from error
    mean, atomref = arrays.pop("offset.mean", None), arrays.pop("offset.atomref", None)
    if mean is None or mean.shape != (1,) or not np.isfinite(mean).all():
        raise ModelError(f"{path} has no offset.mean of one number, as save_model writes it; it is no model of sampler")
    try:
        settings = {**table["architecture"]}
        settings["output_widths"] = tuple(settings["output_widths"])
        architecture = Architecture(**settings)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise ModelError(
            f"{folder / CARD}: the table [architecture] is incomplete, or has unknown keys or values: {error}"
        ) from error
    unit, extensive = energy_unit_of(card.energy_unit), bool(table.get("offset_is_extensive", True))
    return PaiNNParameters(architecture, arrays, float(mean[0]), atomref, unit, extensive), card


def _refuse_pickle(path: Path, head: bytes) -> None:
    if head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or head[:4] == b"PK\x03\x04":
        raise ModelError(
            f"{path} is a Python pickle (as torch.save writes), which can run any program when it is opened; "
            "convert a model that you trust with sampler.potentials.painn.schnetpack_io.from_schnetpack and save_model"
        )


def _read(folder: Path) -> tuple[ModelCard, dict[str, Any]]:
    table = _table(folder)
    check(table, folder / CARD)
    known = {f.name for f in dataclasses.fields(ModelCard)}
    values = {key: value for key, value in table.items() if key in known}
    values["elements"], values["charges"] = tuple(table["elements"]), tuple(table["charges"])
    values["monomers"] = {name: ReferenceMonomer(**m) for name, m in table.get("monomers", {}).items()}
    return ModelCard(**values), table


def _table(folder: Path) -> dict[str, Any]:
    """What stands in the card, of a known format."""
    if folder.is_file():
        with folder.open("rb") as handle:
            _refuse_pickle(folder, handle.read(16))
        raise ModelError(f"{folder} is a file; a model is a folder with {WEIGHTS} and {CARD}")
    path = folder / CARD
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; a model is a folder with {WEIGHTS} and {CARD}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{path} is not a readable TOML file: {error}") from error
    if table.get("format") not in (FORMAT, KRR_FORMAT):
        raise ModelError(f"{path} has the format {table.get('format')!r}, expected {FORMAT!r} or {KRR_FORMAT!r}")
    return table


def _dump(card: ModelCard, lines: list[str], tables: dict[str, dict[str, Any]]) -> str:
    """The text of a card: ``lines`` first, and ``tables`` before those of all cards."""
    lines, tables = list(lines), dict(tables)
    for item in dataclasses.fields(card):
        value = getattr(card, item.name)
        if item.name == "monomers":
            for name, monomer in value.items():
                tables[f"monomers.{toml_key(name)}"] = dataclasses.asdict(monomer)
        elif isinstance(value, dict):
            if value or item.name not in ("calibration", "charge_energies"):
                tables[item.name] = value
        else:
            lines.append(f"{item.name} = {toml_value(value)}")
    for name, table in tables.items():
        lines += ["", f"[{name}]"] + [f"{toml_key(k)} = {toml_value(v)}" for k, v in table.items()]
    return "\n".join(lines) + "\n"
