"""A kernel ridge regression on disk: a folder with ``model.npz`` and ``card.toml``; nothing in it can execute."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...errors import InputError, ModelError
from ...storage import write_atomic
from ..painn.card import CARD, KRR_WEIGHTS, ModelCard, read_krr_card, write_krr_card
from .kernels import local_kernel
from .representation import Atoms, Representation

_ROWS = 64  # structures that are predicted together


@dataclass(frozen=True)
class KrrModel:
    """
    Attributes:
        representation: of an atom's surroundings. width: σ of the local kernel.
        clusters: B structures that it was trained on. coefficients: (B,) eV, one for each.
        atoms: the representation of ``clusters``, where it is known.
    """

    representation: Representation
    width: float
    clusters: Clusters
    coefficients: np.ndarray
    atoms: Atoms | None = None

    @cached_property
    def _trained(self) -> Atoms:
        return self.representation.of(self.clusters) if self.atoms is None else self.atoms

    def predict(self, clusters: Clusters) -> np.ndarray:
        """(B,) eV: binding energies against the monomers of the card, or what a correction adds to its base.

        Raises:
            InputError: an element that no structure trained on holds. MissingDependency: qmllib is not installed.
        """
        found = np.zeros(len(clusters))
        for start in range(0, len(clusters), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(clusters)))
            kernel = local_kernel(self.representation.of(clusters[rows]), self._trained, [self.width])[0]
            found[rows] = kernel @ self.coefficients
        return found

    def save(self, folder: Path | str, card: ModelCard) -> ModelCard:
        """Write ``folder``; the numbers first, then the card that vouches for them. Returns the card as written."""
        c, buffer = self.clusters, io.BytesIO()
        np.savez_compressed(
            buffer, positions=c.positions, numbers=c.numbers.astype(np.uint8), ptr=c.ptr, charge=c.charge.astype(np.int8),
            coefficients=self.coefficients,
        )  # fmt: skip
        write_atomic(Path(folder) / KRR_WEIGHTS, lambda handle: handle.write(buffer.getbuffer()))
        card = card.replace(weights_sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
        tables = {"representation": {"name": "fchl19", **asdict(self.representation)}, "kernel": {"width": self.width}}
        write_krr_card(folder, card, tables)
        return card

    @classmethod
    def load(cls, folder: Path | str) -> tuple[KrrModel, ModelCard]:
        """The model of a folder, and its card.

        Raises:
            ModelError: no such model, a damaged one, or numbers that the card was not written for.
        """
        folder = Path(folder)
        card, table = read_krr_card(folder)
        path = folder / KRR_WEIGHTS
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        if (found := hashlib.sha256(data).hexdigest()) != card.weights_sha256:
            raise ModelError(
                f"{path} has the sha256 {found[:16]}…, but {folder / CARD} was written for {card.weights_sha256[:16]}…; "
                "both belong together, fetch both again"
            )
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                clusters = Clusters(
                    positions=arrays["positions"], numbers=arrays["numbers"].astype(np.int64), ptr=arrays["ptr"],
                    charge=arrays["charge"].astype(np.int64), ids=np.arange(len(arrays["ptr"]) - 1).astype(np.str_),
                    energy=np.full(len(arrays["ptr"]) - 1, np.nan),
                )  # fmt: skip
                coefficients = arrays["coefficients"]
            if coefficients.shape != (len(clusters),):
                raise ValueError(f"{coefficients.shape} coefficients for {len(clusters)} structures")
        except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"{path} is no kernel ridge regression: {error}") from error
        try:
            how = dict(table["representation"])
            if how.pop("name") != "fchl19":
                raise ValueError("it is not fchl19")
            representation = Representation(**{**how, "elements": tuple(how["elements"])})
            width = float(table["kernel"]["width"])
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise ModelError(f"{folder / CARD}: [representation] or [kernel] cannot be used: {error}") from error
        return cls(representation, width, clusters, coefficients), card
