"""When each stage was worked on, and how the time from seal to first verified answer was spent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ropeway.journal import AttemptRow
from ropeway.report import reading, stage_log
from ropeway.report.source import Source
from ropeway.report.stage_log import Wait
from ropeway.report.text import clean

APART = "evaluate"
"""The stage that lies between seal and first answer without being part of the hand-over."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a stage; times in seconds since 1970. `ended_at` is None while it is open."""

    number: int
    state: str
    started_at: float
    ended_at: float | None
    waits: tuple[Wait, ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class StageTime:
    """`state` as in `ropeway status`. `seconds`: all attempts together. `reused`: how often a resumed run kept it."""

    name: str
    state: str
    seconds: float | None
    reused: int
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """`stage` is None for the time in which no stage was at work: paused, interrupted, or between two stages."""

    stage: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class HandOver:
    """`seconds` is the sum of the parts; evaluation lies between and is counted apart."""

    sealed_at: float
    answered_at: float
    seconds: float
    parts: tuple[Part, ...]
    evaluate: float


def stage_times(source: Source) -> tuple[StageTime, ...]:
    """Every stage of the run in order, those that were not reached too."""
    return tuple(_stage(source, name) for name in source.stages)


def hand_over(source: Source, stages: Sequence[StageTime]) -> HandOver | None:
    """None when no answer was verified, or the clocks of job and controller contradict each other."""
    sealed = reading.number(source.record("train").get("sealed_at"))
    answered = reading.number(source.record("verify").get("first_answer_at"))
    if sealed is None or answered is None or answered <= sealed:
        return None
    times = {stage.name: _overlap(stage, sealed, answered) for stage in stages}
    apart = times.pop(APART, 0.0)
    between = answered - sealed - apart - sum(times.values())
    parts = [*(Part(name, seconds) for name, seconds in times.items() if seconds > 0), Part(None, max(0.0, between))]
    kept = tuple(part for part in parts if part.seconds > 0)
    return HandOver(sealed, answered, sum(part.seconds for part in kept), kept, apart)


def _stage(source: Source, name: str) -> StageTime:
    rows = sorted((row for row in source.attempts if row.stage == name), key=lambda row: row.number)
    said = stage_log.lines(source.folder, name)
    attempts = tuple(_attempt(row, said, source.now) for row in rows)
    seconds = sum((a.ended_at or source.now) - a.started_at for a in attempts) if attempts else None
    state = rows[-1].state.value if rows else "waiting"
    return StageTime(name, state, seconds, stage_log.reused(said), attempts)


def _attempt(row: AttemptRow, said: Sequence[stage_log.Line], now: float) -> Attempt:
    end = row.ended_at or now
    own = [line for line in said if row.started_at <= line.at <= end]
    message = reading.mapping(row.error).get("message")
    return Attempt(
        number=row.number,
        state=row.state.value,
        started_at=row.started_at,
        ended_at=row.ended_at,
        waits=stage_log.waits(own, end),
        error=clean(message) if message else None,
    )


def _overlap(stage: StageTime, start: float, end: float) -> float:
    """Seconds between start and end in which the stage was at work or in a queue; those of `train` follow its seal."""
    pairs = _working(stage, end, standing=("paused", "interrupted"))
    return sum(max(0.0, min(right, end) - max(left, start)) for left, right in pairs)


def busy(stages: Sequence[StageTime], now: float) -> Iterator[tuple[float, float]]:
    """The times in which a stage was really at work, in no order; they may touch."""
    for stage in stages:
        yield from _working(stage, now, standing=("queue", "paused", "interrupted"))


def _working(stage: StageTime, now: float, standing: Collection[str]) -> Iterator[tuple[float, float]]:
    """The times of a stage's attempts without the waits of these kinds."""
    for attempt in stage.attempts:
        start = attempt.started_at
        for wait in (w for w in attempt.waits if w.kind in standing):
            yield start, max(start, wait.started_at)
            start = max(start, wait.ended_at)
        yield start, max(start, attempt.ended_at or now)
