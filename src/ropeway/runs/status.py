"""What a run is doing, for people and programs, from the journal and the run's folder; asks nothing outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ropeway import places
from ropeway.journal import AttemptRow, AttemptState, Journal, RunRow
from ropeway_agent.identity import ProcessIdentity

StageState = Literal["waiting", "running", "succeeded", "failed", "superseded"]


@dataclass(frozen=True, slots=True)
class StageStatus:
    """`attempt` is 0 before the first; times in seconds since 1970; `progress` is the last thing the stage said."""

    name: str
    state: StageState
    attempt: int
    started_at: float | None
    ended_at: float | None
    progress: str | None
    record: Mapping[str, object] | None
    error: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run with its stages in order. `state` is a journal.RunState, or `interrupted`: its controller has gone."""

    id: str
    pipeline: str
    site: str
    state: str
    created_at: float
    ended_at: float | None
    stages: tuple[StageStatus, ...]
    error: Mapping[str, object] | None
    owner: ProcessIdentity | None
    folder: Path

    def record(self, stage: str) -> Mapping[str, object]:
        """What the stage handed over; empty until it has."""
        return next((s.record or {} for s in self.stages if s.name == stage), {})

    @property
    def url(self) -> str | None:
        """Where the model answers, once it is deployed."""
        url = self.record("deploy").get("url")
        return str(url) if url else None


def run_status(journal: Journal, run: RunRow) -> RunStatus:
    attempts = journal.attempts(run.id)
    folder = places.run_folder(run.id)
    return RunStatus(
        id=run.id,
        pipeline=run.pipeline,
        site=run.site,
        state="interrupted" if run.abandoned else str(run.state),
        created_at=run.created_at,
        ended_at=run.ended_at,
        stages=tuple(_stage(name, attempts, folder) for name in _stage_names(run)),
        error=run.error,
        owner=run.owner,
        folder=folder,
    )


def _stage_names(run: RunRow) -> list[str]:
    stages = run.pinned.get("stages")
    return [str(name) for name in stages] if isinstance(stages, list) else []


def _stage(name: str, attempts: Sequence[AttemptRow], folder: Path) -> StageStatus:
    own = [row for row in attempts if row.stage == name]
    if not own:
        return StageStatus(name, "waiting", 0, None, None, None, None, None)
    last = max(own, key=lambda row: row.number)
    progress = _last_line(folder / "logs" / f"{name}.log") if last.state is AttemptState.RUNNING else None
    return StageStatus(
        name, last.state.value, last.number, last.started_at, last.ended_at, progress, last.record, last.error
    )


def _last_line(path: Path) -> str | None:
    """The text of the last line of a stage's log, without its time."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 1000))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    return lines[-1].partition(" ")[2] if lines else None
