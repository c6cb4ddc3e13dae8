"""What counters counted between two moments, whoever kept their samples: pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ropeway.interfaces.metrics import Window

LOOKBACK = 300.0
"""Seconds before a window in which its counters' last values are looked for; Prometheus takes as many."""

FIRST_ERROR = 500
"""Statuses from here on are the server's fault."""


@dataclass(frozen=True, slots=True)
class Point:
    """`at`: seconds since 1970."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One counter of one process, oldest point first."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]


def increase(points: Sequence[Point], start: float, end: float) -> float:
    """How much was counted after `start` and until `end`.

    A counter that falls was begun anew by a new process, and one without a point before `start` did not exist then.
    """
    total = last = 0.0
    for point in points:
        if point.at > end:
            break
        if point.at > start:
            total += point.value - last if point.value >= last else point.value
        last = point.value
    return total


def window(requests: Iterable[Series], buckets: Iterable[Series], start: float, end: float) -> Window | None:
    """The window over request counters (label `code`) and latency buckets (label `le`, seconds).

    None when no request counter has a point within it.
    """
    counters = list(requests)
    if not any(start < point.at <= end for series in counters for point in series.points):
        return None
    counted = [(series.labels.get("code", ""), increase(series.points, start, end)) for series in counters]
    errors = sum(count for code, count in counted if code.isdecimal() and int(code) >= FIRST_ERROR)
    below: dict[float, float] = {}
    for series in buckets:
        bound = float(series.labels["le"])
        below[bound] = below.get(bound, 0.0) + increase(series.points, start, end)
    return Window(round(sum(count for _, count in counted)), round(errors), quantile(0.95, below))


def quantile(share: float, below: Mapping[float, float]) -> float | None:
    """The value that this share of the observations does not exceed, from counts below each bound; None without any.

    Linear between the bounds of the bucket where it lies, the highest finite bound past all of them: the formula of
    Prometheus's `histogram_quantile`.
    """
    bounds = sorted(below)
    if not bounds or not below[bounds[-1]]:
        return None
    rank = share * below[bounds[-1]]
    at = next(index for index, bound in enumerate(bounds) if below[bound] >= rank)
    upper, lower = bounds[at], bounds[at - 1] if at else 0.0
    if math.isinf(upper):
        return lower
    before = below[bounds[at - 1]] if at else 0.0
    inside = below[upper] - before
    return lower + (upper - lower) * (rank - before) / inside if inside else upper
