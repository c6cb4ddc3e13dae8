"""Every change of the outside world that the run made, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ropeway.journal import EffectRow
from ropeway.report import reading, words
from ropeway.report.source import Source
from ropeway.report.text import clean


@dataclass(frozen=True, slots=True)
class EffectTimes:
    """`result` in words. Times in seconds since 1970; `recorded_at` is None where the effect is only intended."""

    stage: str
    attempt: int
    name: str
    result: str
    intended_at: float
    recorded_at: float | None


def effect_times(source: Source) -> tuple[EffectTimes, ...]:
    return tuple(
        EffectTimes(row.stage, row.attempt, clean(row.name, 100), result(row), row.intended_at, row.recorded_at)
        for row in source.effects
    )


def result(row: EffectRow) -> str:
    """What came of it, in a few words; empty where the record tells nothing that a person would look for."""
    record = reading.mapping(row.record)
    if not record:
        return ""
    say = _WORDS.get(row.name) or _WORDS.get(row.name.partition("-")[0] + "-") or _endpoint
    return clean(say(record), 200)


def _alias(record: Mapping[str, Any]) -> str:
    before, after = reading.text(record.get("before")), reading.text(record.get("after"))
    if before == after:
        return f"stays at {_version(after)}"
    return f"{_version(before)} → {_version(after)}"


def _version(number: str | None) -> str:
    return f"version {number}" if number else "none"


def _endpoint(record: Mapping[str, Any]) -> str:
    revisions = [reading.mapping(r) for r in reading.items(reading.mapping(record.get("after")).get("revisions"))]
    return ", ".join(f"{r.get('id')} {r.get('weight')} %" for r in revisions)


def _published(record: Mapping[str, Any]) -> str:
    size, sent = reading.number(record.get("size")), reading.number(record.get("sent"))
    return f"{words.size(sent)} of {words.size(size)} sent" if size is not None and sent is not None else ""


# By the effect's name, or by what it begins with.
_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "submit-job": lambda record: f"job {record.get('job_id')}",
    "open-tracking-run": lambda record: f"tracking run {record.get('run')}",
    "log-values": lambda record: f"{words.count(record.get('points'))} values",
    "create-version": lambda record: f"version {record.get('version')}",
    "publish": _published,
    "settle": lambda record: f"{record.get('revision')} is the stable one",
    "reserve-prefix": lambda record: (
        f"told to whoever loads it early, in {len(reading.items(record.get('files')))} files"
    ),
    "mirror-stages": lambda record: f"version {record.get('production')} has the stage Production",
    "alias-": _alias,
    "judge-": lambda record: (
        f"{words.count(record.get('requests'))} requests, {words.count(record.get('errors'))} errors"
    ),
    "choose-revision": lambda record: f"back to {reading.mapping(record.get('good')).get('id')}",
}
