"""How long single requests took in verify: percentiles and a histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ropeway.report import reading
from ropeway.report.scale import nice_step
from ropeway.report.source import Source

BINS = 36
_NEAR = 1.6
"""A bound within this many times the largest drawn latency is drawn too."""


@dataclass(frozen=True, slots=True)
class Bin:
    """`count` requests took from `start` to less than `end` seconds."""

    start: float
    end: float
    count: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds. `bound`: what the pipeline allows for P95. `beyond`: requests slower than the last bin."""

    count: int
    lowest: float
    mean: float
    p50: float
    p95: float
    p99: float
    highest: float
    bound: float | None
    bins: tuple[Bin, ...]
    beyond: int


def read_latency(source: Source) -> Latency | None:
    """From verify's verdict, also of one that did not pass; None when nothing was measured."""
    from ropeway.stages.verify import percentile

    verdict = source.record("verify") or reading.mapping(source.result("verify", "verdict.json"))
    seen = [number for number in map(reading.number, reading.items(verdict.get("latencies"))) if number is not None]
    values = sorted(number for number in seen if number >= 0)
    if not values:
        return None
    bins = histogram(values, percentile(values, 0.99))
    return Latency(
        count=len(values),
        lowest=values[0],
        mean=math.fsum(values) / len(values),
        p50=percentile(values, 0.50),
        p95=percentile(values, 0.95),
        p99=percentile(values, 0.99),
        highest=values[-1],
        bound=_bound(source),
        bins=bins,
        beyond=len(values) - sum(b.count for b in bins),
    )


def histogram(values: Sequence[float], tail: float) -> tuple[Bin, ...]:
    """Bins of equal width over sorted values, up to a little over `tail`: one outlier does not flatten the rest."""
    top = values[-1] if values[-1] <= 1.5 * tail else 1.2 * tail
    width = nice_step(max(top - values[0], top / 20, 1e-6), BINS)
    first, last = math.floor(values[0] / width), math.floor(top / width)
    counts = [0] * (last - first + 1)
    for value in values:
        place = math.floor(value / width) - first
        if place < len(counts):
            counts[place] += 1
    return tuple(Bin((first + i) * width, (first + i + 1) * width, count) for i, count in enumerate(counts))


def bound_in_sight(latency: Latency) -> bool:
    """Whether the bound lies near enough to the measured latencies to be drawn beside them."""
    return latency.bound is not None and latency.bound <= _NEAR * latency.bins[-1].end


def _bound(source: Source) -> float | None:
    from ropeway.config.units import duration

    try:
        return duration((source.section("verify") or {}).get("latency_p95")).total_seconds()
    except (ValueError, OverflowError):
        return None
