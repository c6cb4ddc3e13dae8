"""The loss over the steps of a training, thinned to what can be drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropeway.report import reading
from ropeway.report.text import clean

MOST_POINTS = 500
"""Points kept of a series: about one a pixel of its drawing."""
MOST_SERIES = 2
_CANDIDATES = 16

Point = tuple[float, float | None]
"""(step, value); None where the value was not finite."""


@dataclass(frozen=True, slots=True)
class Series:
    """`points` by rising step. `of`: how many there were before thinning; `not_finite`: those without a value."""

    name: str
    points: tuple[Point, ...]
    of: int
    not_finite: int


@dataclass(frozen=True, slots=True)
class Curve:
    """`unread`: lines that hold no JSON object."""

    series: tuple[Series, ...]
    lines: int
    unread: int


def read_curve(path: Path) -> Curve | None:
    """The losses in a `progress.jsonl`: `loss`, or what ends so, at most two; None when there is no such file.

    A step that was written twice (a job that went on from a checkpoint) counts as it was written last.
    """
    if not path.is_file():
        return None
    losses: dict[str, dict[float, float | None]] = {}
    lines = unread = 0
    for entry in _entries(path):
        lines += 1
        if entry is None:
            unread += 1
        else:
            _add(losses, entry, fallback=float(lines))
    ordered = sorted(losses, key=lambda name: name != "loss")
    series = tuple(_series(name, sorted(losses[name].items())) for name in ordered[:MOST_SERIES])
    return Curve(series, lines, unread)


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> tuple[Point, ...]:
    """At most so many points, the lowest and the highest of each stretch among them: no spike is lost."""
    if len(points) <= most:
        return tuple(points)
    stretches = max(1, (most - 2) // 2)
    inner = points[1:-1]
    kept = [points[0]]
    for place in range(stretches):
        stretch = inner[place * len(inner) // stretches : (place + 1) * len(inner) // stretches]
        kept.extend(_extremes(stretch))
    return (*kept, points[-1])


def _extremes(stretch: Sequence[Point]) -> list[Point]:
    seen = [(value, step) for step, value in stretch if value is not None]
    if not seen:
        return list(stretch[:1])
    return [(step, value) for step, value in sorted({(step, value) for value, step in (min(seen), max(seen))})]


def _series(name: str, points: Sequence[Point]) -> Series:
    absent = sum(value is None for _, value in points)
    return Series(clean(name, 60), thinned(points), len(points), absent)


def _add(losses: dict[str, dict[float, float | None]], entry: dict[str, Any], fallback: float) -> None:
    step = reading.number(entry.get("step"))
    place = fallback if step is None else step
    for name, value in entry.items():
        known = name in losses or len(losses) < _CANDIDATES
        if name.lower().endswith("loss") and known and isinstance(value, (int, float, str, type(None))):
            losses.setdefault(name, {})[place] = reading.number(value)


def _entries(path: Path) -> Iterator[dict[str, Any] | None]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                entry = None
            yield entry if isinstance(entry, dict) else None
