"""Ledgers: how many came into a stage, went on and were dropped, and what else the stage has to say.

All ledgers are written and read here. A stage's folder has one, so has that of a round of it; the run directory has those of
the stages of its last complete run, in order.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..storage import write_text

NAME = "ledger.json"

Own = TypeVar("Own", bound="Output")


@dataclass(frozen=True, eq=False, kw_only=True)
class Output(Mapping[str, Any]):
    """What is common to the ledgers of stages and rounds.

    It is also a mapping, with the keys and the order of the file: ``ledger["evaluations"]`` is one of the numbers that only
    some stages have.

    Attributes:
        said: what the stage says besides, by the keys of the file.
        folder: name of the folder that the ledger is in. out: how many go on. dropped: reason -> how many.
        output_sha256: of the file with those that go on. These four are known once the output is written.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    output_sha256: str = ""

    def with_output(self: Own, folder: str, out: int, dropped: Mapping[str, int], sha256: str) -> Own:
        """The ledger when the output is written."""
        return dataclasses.replace(self, folder=folder, out=out, dropped=dropped, output_sha256=sha256)

    def as_dict(self) -> dict[str, Any]:
        """As in the file."""
        return {
            **self._head(),
            "folder": self.folder,
            "out": self.out,
            "dropped": dict(self.dropped),
            "output_sha256": self.output_sha256,
        }

    def _head(self) -> dict[str, Any]:
        raise NotImplementedError

    def __getitem__(self, key: str) -> Any:
        return self.as_dict()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())


@dataclass(frozen=True, eq=False, kw_only=True)
class Ledger(Output):
    """Of one stage.

    Attributes:
        stage: its position in the protocol, from 1. kind: of stage. came_in: how many (what a stage generates counts).
        limits: the settings that may be raised later, of stages that have such.
    """

    stage: int
    kind: str
    came_in: int
    limits: Mapping[str, Any] = field(default_factory=dict)

    def _head(self) -> dict[str, Any]:
        limits = {"limits": dict(self.limits)} if self.limits else {}
        return {"stage": self.stage, "kind": self.kind, "in": self.came_in, **self.said, **limits}


@dataclass(frozen=True, eq=False, kw_only=True)
class RoundLedger(Output):
    """Of one round of a stage that works in rounds.

    Attributes:
        round: its number, from 1.
    """

    round: int

    def _head(self) -> dict[str, Any]:
        return {"round": self.round, **self.said}


def write(path: Path, ledgers: Output | Sequence[Output]) -> None:
    """One ledger, or those of a run."""
    write_text(path, text_of(ledgers))


def text_of(ledgers: Output | Sequence[Output]) -> str:
    """What :func:`write` writes."""
    table = ledgers.as_dict() if isinstance(ledgers, Output) else [ledger.as_dict() for ledger in ledgers]
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> Ledger | RoundLedger:
    """The ledger of a stage or of a round.

    Raises:
        OSError, ValueError: there is none, or it is damaged.
    """
    return _ledger(json.loads(path.read_text(encoding="utf-8")))


def read_run(path: Path) -> list[Ledger]:
    """The ledgers of the stages of a run.

    Raises:
        OSError, ValueError: there are none, or they are damaged.
    """
    tables = json.loads(path.read_text(encoding="utf-8"))
    found = [_ledger(table) for table in (tables if isinstance(tables, list) else ())]
    stages = [ledger for ledger in found if isinstance(ledger, Ledger)]
    if not stages or len(stages) < len(found):
        raise ValueError("it does not hold the ledgers of stages")
    return stages


def _ledger(table: Any) -> Ledger | RoundLedger:
    try:
        rest = dict(table)
        common = {name: rest.pop(name) for name in ("folder", "out", "dropped", "output_sha256")}
        if "round" in rest:
            return RoundLedger(round=rest.pop("round"), said=rest, **common)
        head = {field: rest.pop(key) for field, key in (("stage", "stage"), ("kind", "kind"), ("came_in", "in"))}
        return Ledger(limits=rest.pop("limits", {}), said=rest, **head, **common)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is no ledger: {error!r}") from error
