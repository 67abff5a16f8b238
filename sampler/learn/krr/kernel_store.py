"""Local kernels on disk, in blocks that are named by what they are of: computed once, kept after a kill, shared.

A block is an ``.npy`` file of the kernel of at most :data:`BLOCK` structures with as many others, for one width. Its name is
the sha256 of the representation's hyperparameters, the width, the precision and the structures. Whoever has the same
structures in the same order finds it: all points of a learning curve take their rows from one pool.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from ...clusters import Clusters
from ...errors import StorageError
from ...potentials.krr.kernels import local_kernel
from ...potentials.krr.representation import Atoms, Representation
from ...storage import write_atomic

BLOCK = 100
_PROBE = 10


def structure_keys(clusters: Clusters) -> list[str]:
    """(B,) sha256 of elements and positions (double precision) of each structure."""
    found = []
    for i in range(len(clusters)):
        atoms = clusters.atoms_of(i)
        digest = hashlib.sha256(np.ascontiguousarray(clusters.numbers[atoms], "<i8").tobytes())
        digest.update(np.ascontiguousarray(clusters.positions[atoms], "<f8").tobytes())
        found.append(digest.hexdigest())
    return found


class KernelPool:
    """Kernels among the structures of one pool; only those that are asked for are computed.

    What each block cost stands in ``seconds.txt`` of the folder, so that the cost of a kernel is known to who finds it.

    Attributes:
        computed: blocks that this process made.
    """

    def __init__(
        self, folder: Path | str, clusters: Clusters, representation: Representation, precision: str = "float64"
    ):
        """
        Args:
            folder: for the blocks; made where it does not exist, and shared with whoever names it.
        """
        self.folder, self.clusters = Path(folder), clusters
        self.representation, self.precision = representation, np.dtype(precision)
        self.computed = 0
        self._representation_seconds = 0.0
        keys = structure_keys(clusters)
        self._blocks = [keys[k : k + BLOCK] for k in range(0, len(keys), BLOCK)]
        self._atoms: Atoms | None = None

    def __len__(self) -> int:
        return len(self.clusters)

    @property
    def atoms(self) -> Atoms:
        """The representation of all structures; made at the first call."""
        if self._atoms is None:
            start = time.process_time()
            self._atoms = self.representation.of(self.clusters)
            self._representation_seconds = time.process_time() - start
        return self._atoms

    def matrix(
        self,
        width: float,
        rows: np.ndarray | None = None,
        columns: np.ndarray | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """(R, C) float64 kernel of the structures ``rows`` with ``columns`` (indices; default: all, and the same).

        Args:
            advance: called with 1 after each block.
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        columns = rows if columns is None else np.asarray(columns)
        out = np.zeros((len(rows), len(columns)))
        for a in np.unique(rows // BLOCK).tolist():
            mine = np.flatnonzero(rows // BLOCK == a)
            for b in np.unique(columns // BLOCK).tolist():
                others = np.flatnonzero(columns // BLOCK == b)
                block = self._block(width, max(a, b), min(a, b))
                block = block if a >= b else block.T
                out[np.ix_(mine, others)] = block[np.ix_(rows[mine] % BLOCK, columns[others] % BLOCK)]
                if advance:
                    advance(1)
        return out

    def fill(self, widths: Sequence[float], rows: np.ndarray, advance: Callable[[int], None] | None = None) -> None:
        """Compute what is lacking of the kernels of all ``widths`` among ``rows``, distances once for all widths."""
        blocks = np.unique(np.asarray(rows) // BLOCK).tolist()
        for k, a in enumerate(blocks):
            for b in blocks[: k + 1]:
                lacking = [w for w in widths if self._load(w, a, b) is None]
                if lacking:
                    self._compute(lacking, a, b)
                if advance:
                    advance(1)

    def cost(self, rows: np.ndarray, widths: int) -> float:
        """Seconds of one core that the kernels among ``rows`` will take, from a few pairs computed now."""
        rows = np.asarray(rows)
        some = rows[np.unique(np.linspace(0, len(rows) - 1, min(_PROBE, len(rows))).astype(int))]
        part = self.representation.of(self.clusters[some])
        local_kernel(part, part, [4.0] * widths)
        start = time.process_time()
        local_kernel(part, part, [4.0] * widths)
        spent = time.process_time() - start
        sizes = self.clusters.natoms
        return spent * (float(sizes[rows].sum()) / float(sizes[some].sum())) ** 2 / 2

    def spent(self, widths: Sequence[float], rows: np.ndarray) -> dict[str, float]:
        """Seconds of one core for the representation of ``rows``, and for the kernels among them, whoever made them."""
        self.atoms  # noqa: B018  made where it is not
        rows, sizes = np.asarray(rows), self.clusters.natoms
        share = float(sizes[rows].sum()) / float(sizes.sum())
        blocks, known = np.unique(rows // BLOCK).tolist(), self._seconds()
        names = [self._file(w, a, b).stem for k, a in enumerate(blocks) for b in blocks[: k + 1] for w in widths]
        return {
            "representation": self._representation_seconds * share,
            "kernel": sum(known.get(name, 0.0) for name in names),
        }

    def _seconds(self) -> dict[str, float]:
        """Name of a block -> seconds of a core."""
        try:
            lines = (self.folder / "seconds.txt").read_text(encoding="utf-8").split("\n")[:-1]
        except OSError:
            return {}
        parts = [line.split(" ") for line in lines]
        return {p[0]: float(p[1]) for p in parts if len(p) == 2 and p[1].replace(".", "", 1).isdecimal()}

    def _file(self, width: float, a: int, b: int) -> Path:
        text = f"{asdict(self.representation)} {width!r} {self.precision.name} {self._blocks[a]} {self._blocks[b]}"
        name = hashlib.sha256(text.encode()).hexdigest()[:40]
        return self.folder / name[:2] / f"{name}.npy"

    def _load(self, width: float, a: int, b: int) -> np.ndarray | None:
        """A block on disk; None where there is none, or a damaged one, which is then computed anew."""
        try:
            found = np.load(self._file(width, a, b), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        wanted = (len(self._blocks[a]), len(self._blocks[b]))
        return found if found.shape == wanted and found.dtype == self.precision else None

    def _block(self, width: float, a: int, b: int) -> np.ndarray:
        found = self._load(width, a, b)
        return self._compute([width], a, b)[0] if found is None else found

    def _compute(self, widths: Sequence[float], a: int, b: int) -> list[np.ndarray]:
        atoms = self.atoms
        start = time.process_time()
        parts = [atoms.take(k * BLOCK, k * BLOCK + len(self._blocks[k])) for k in (a, b)]
        made = local_kernel(parts[0], parts[1], widths)
        if a == b:
            made = 0.5 * (made + made.transpose(0, 2, 1))  # the last bits of a product are not symmetric
        blocks = [np.ascontiguousarray(kernel, self.precision) for kernel in made]
        seconds = (time.process_time() - start) / len(blocks)
        self.computed += len(blocks)
        files = [self._file(width, a, b) for width in widths]
        try:
            for file, block in zip(files, blocks):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(file, partial(np.save, arr=block))
            with (self.folder / "seconds.txt").open("a", encoding="utf-8") as notes:
                notes.write("".join(f"{file.stem} {seconds:.6f}\n" for file in files))
        except OSError as error:
            raise StorageError(f"{self.folder}: kernels cannot be kept: {error.strerror}") from error
        return blocks
