"""The logs of a run's stages: what was said when, the waits in it, and the last words of a job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ropeway.report.text import clean

READ_LIMIT = 8 * 2**20
"""Bytes at the end of a log that are looked at."""

WaitKind = Literal["queue", "paused", "interrupted"]
_JOB = re.compile(r"job \S+ (?P<state>[a-z-]+)")


@dataclass(frozen=True, slots=True)
class Line:
    """`at` in seconds since 1970."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Wait:
    """`queue`: the job stood in the scheduler's queue. `paused`: something outside did not answer.
    `interrupted`: no controller worked on the run."""

    kind: WaitKind
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of one log of the run's folder, such as `train.err`."""

    name: str
    lines: tuple[str, ...]
    left_out: bool
    """Whether the log has more lines before these."""


def lines(folder: Path, stage: str) -> tuple[Line, ...]:
    """What was said about the stage, oldest first; lines without a time are left out."""
    parsed = (_line(text) for text in _text(folder / "logs" / f"{stage}.log").splitlines())
    return tuple(line for line in parsed if line is not None)


def reused(said: Sequence[Line]) -> int:
    """How often a resumed run found the stage done."""
    return sum(line.text.startswith("reused:") for line in said)


def waits(said: Sequence[Line], until: float) -> tuple[Wait, ...]:
    """Every time in which the stage stood still. `until`: when a wait that has not ended is cut off."""
    return tuple(sorted((*_queued(said, until), *_stopped(said)), key=lambda wait: wait.started_at))


def tails(folder: Path, stage: str, count: int = 20) -> tuple[Tail, ...]:
    """The last lines of what the stage's job wrote, then of what was said about it; empty logs are left out."""
    found = (_tail(folder / "logs" / f"{stage}.{ending}", count) for ending in ("err", "out", "log"))
    return tuple(tail for tail in found if tail is not None)


def _queued(said: Sequence[Line], until: float) -> list[Wait]:
    found, since = [], None
    for line in said:
        match = _JOB.match(line.text)
        if match is None:
            continue
        if match["state"] == "pending":
            since = line.at if since is None else since
        elif since is not None:
            found.append(Wait("queue", since, line.at))
            since = None
    return [*found, Wait("queue", since, until)] if since is not None and until > since else found


def _stopped(said: Sequence[Line]) -> list[Wait]:
    return [
        Wait("paused" if before.text.startswith("failed:") else "interrupted", before.at, after.at)
        for before, after in pairwise(said)
        if after.text.startswith("resumed:") and after.at > before.at
    ]


def _tail(path: Path, count: int) -> Tail | None:
    all_lines = [clean(line, 500) for line in _text(path).splitlines() if line.strip()]
    if not all_lines:
        return None
    return Tail(path.name, tuple(all_lines[-count:]), len(all_lines) > count)


def _line(text: str) -> Line | None:
    stamp, _, said = text.partition(" ")
    try:
        return Line(datetime.fromisoformat(stamp).timestamp(), said)
    except (ValueError, OverflowError):
        return None


def _text(path: Path) -> str:
    """The end of a file; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - READ_LIMIT))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
