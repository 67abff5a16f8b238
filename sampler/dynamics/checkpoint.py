"""The state of a batch on disk: all that the next step needs, bit for bit."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..clusters import Clusters
from ..errors import FileFormatError, SamplerError
from ..storage import write_atomic
from .ensembles import Phase
from .guards import Settled
from .integrate import Batch
from .stream import Written


@dataclass(frozen=True)
class Checkpoint:
    """A batch, and what was known when it was written.

    Attributes:
        batch: of the replicas that are still on their way.
        lengths: (replica, file name) -> how far the file counts.
        ended: replica -> {"step", "kind", "detail"} of those that have ended early.
    """

    batch: Batch
    lengths: dict[tuple[int, str], Written]
    ended: dict[int, dict]

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        batch, phase = self.batch, self.batch.phase
        arrays = {f"phase_{k}": getattr(phase, k) for k in _PHASE}
        arrays |= {k: getattr(batch, k) for k in ("replicas", "freedom", "origin")}
        if batch.settled is not None:
            arrays |= {f"settled_{k}": getattr(batch.settled, k) for k in _SETTLED}
        if batch.over is not None:
            arrays["over"] = batch.over
        told = {
            "step": batch.step,
            "lengths": [[r, name, w.size, w.crc, w.text] for (r, name), w in self.lengths.items()],
            "ended": {str(r): v for r, v in self.ended.items()},
        }
        arrays |= {f"clusters_{k}": getattr(batch.clusters, k) for k in _CLUSTERS}
        arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
        content = io.BytesIO()
        np.savez(content, **arrays)
        write_atomic(path, lambda handle: handle.write(content.getvalue()))

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """
        Raises:
            FileFormatError: damaged, or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                told = json.loads(arrays["told"].tobytes())
                clusters = Clusters(**{k: arrays[f"clusters_{k}"] for k in _CLUSTERS})
                phase = Phase(**{k: arrays[f"phase_{k}"] for k in _PHASE})
                settled = None
                if "settled_skeleton" in arrays:
                    settled = Settled(**{k: arrays[f"settled_{k}"] for k in _SETTLED})
                batch = Batch(
                    told["step"],
                    clusters,
                    arrays["replicas"],
                    phase,
                    arrays["freedom"],
                    arrays["origin"],
                    settled,
                    arrays["over"] if "over" in arrays else None,
                )
                lengths = {(int(r), str(name)): Written(*map(int, rest)) for r, name, *rest in told["lengths"]}
                return cls(batch, lengths, {int(r): v for r, v in told["ended"].items()})
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
            SamplerError,
        ) as error:
            raise FileFormatError(f"{path} is damaged ({error})") from error


_PHASE = ("positions", "velocities", "forces", "energy", "heat", "chain")
_SETTLED = ("skeleton", "holder", "apart", "reacted")
_CLUSTERS = ("positions", "numbers", "ptr", "charge", "ids", "energy")
