"""What a report is read from: the run's rows in the journal, and its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropeway import places
from ropeway.journal import AttemptRow, EffectRow, Journal, RunRow
from ropeway.report import reading


@dataclass(frozen=True)
class Source:
    """`now`: when the report is written, in seconds since 1970."""

    run: RunRow
    attempts: tuple[AttemptRow, ...]
    effects: tuple[EffectRow, ...]
    folder: Path
    now: float

    def record(self, stage: str) -> Mapping[str, Any]:
        """What the last attempt of a stage handed over; empty when it did not succeed, or never began."""
        last = max((row for row in self.attempts if row.stage == stage), key=lambda row: row.number, default=None)
        return reading.mapping(last.record) if last else {}

    def section(self, stage: str) -> Mapping[str, Any] | None:
        """The pinned pipeline's section of a stage; None when the pipeline does not have it."""
        section = reading.mapping(self.run.pinned.get("pipeline")).get(stage)
        return section if isinstance(section, Mapping) else None

    def result(self, stage: str, name: str) -> Any:
        """The JSON of a result file; None when it was not written. Raises UnexpectedReply when it cannot be read."""
        return reading.load(self.folder / "results" / stage / name)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the run in order, then those that nobody planned, such as `cancel`."""
        planned = [str(name) for name in reading.items(self.run.pinned.get("stages"))]
        return tuple(dict.fromkeys([*planned, *(row.stage for row in self.attempts)]))


def source(journal: Journal, run: RunRow) -> Source:
    return Source(
        run=run,
        attempts=tuple(journal.attempts(run.id)),
        effects=tuple(journal.effects(run.id)),
        folder=places.run_folder(run.id),
        now=time.time(),
    )
