"""A time axis on which long idle times take little room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ropeway.report.scale import nice_step

SQUEEZED = 0.05
"""Share of the axis that a long idle time gets, whatever its length."""
_MOST_SQUEEZED = 0.4
_LONG = 0.2
"""An idle time is long when it is this share of the busy time, and more than LONG_SECONDS."""
_LONG_SECONDS = 10.0
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, _DAY)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds since 1970 on the left, shares of the axis on the right. `squeezed`: not to scale."""

    start: float
    end: float
    left: float
    right: float
    squeezed: bool

    def place(self, at: float) -> float:
        inside = (at - self.start) / (self.end - self.start) if self.end > self.start else 0.0
        return self.left + (self.right - self.left) * min(1.0, max(0.0, inside))


@dataclass(frozen=True, slots=True)
class Tick:
    """`seconds` since the axis began, at `place`, a share of it. `step`: seconds to the next one."""

    place: float
    seconds: float
    step: float


@dataclass(frozen=True, slots=True)
class Axis:
    stretches: tuple[Stretch, ...]

    @property
    def start(self) -> float:
        return self.stretches[0].start

    @property
    def gaps(self) -> tuple[Stretch, ...]:
        return tuple(stretch for stretch in self.stretches if stretch.squeezed)

    def place(self, at: float) -> float:
        """Where a time lies, as a share of the axis; times beyond its ends lie on them."""
        stretch = next((s for s in self.stretches if at <= s.end), self.stretches[-1])
        return stretch.place(at)

    def ticks(self, count: int = 6) -> tuple[Tick, ...]:
        """Round times since the start, in the stretches that are to scale, none nearer than half a usual distance."""
        step = _time_step(sum(s.end - s.start for s in self.stretches if not s.squeezed), count)
        found: list[Tick] = []
        for stretch in (s for s in self.stretches if not s.squeezed):
            first = -(-(stretch.start - self.start) // step) if stretch.start > self.start else 0
            seconds = first * step
            while self.start + seconds <= stretch.end:
                tick = Tick(stretch.place(self.start + seconds), seconds, step)
                if not found or tick.place - found[-1].place >= 0.5 / count:
                    found.append(tick)
                seconds += step
        return tuple(found)


def time_axis(busy: Iterable[tuple[float, float]], start: float, end: float) -> Axis:
    """The axis from start to end; what lies outside of every busy interval, and is long, is squeezed."""
    merged = _merged([(max(start, a), min(end, b)) for a, b in busy if b > start and a < end and b > a])
    total = sum(b - a for a, b in merged)
    longest = max(_LONG * total, _LONG_SECONDS)
    edges = [start, *(edge for interval in merged for edge in interval), max(end, start)]
    pieces = [(a, b, place % 2 == 0 and b - a > longest and total > 0) for place, (a, b) in enumerate(pairwise(edges))]
    return Axis(_laid_out([piece for piece in _joined(pieces) if piece[1] > piece[0]] or [(start, start, False)]))


def _laid_out(pieces: Sequence[tuple[float, float, bool]]) -> tuple[Stretch, ...]:
    gaps = sum(squeezed for _, _, squeezed in pieces)
    room = min(SQUEEZED, _MOST_SQUEEZED / gaps) if gaps else 0.0
    scaled = sum(b - a for a, b, squeezed in pieces if not squeezed) or 1.0
    stretches, left = [], 0.0
    for a, b, squeezed in pieces:
        right = left + (room if squeezed else (1 - room * gaps) * (b - a) / scaled)
        stretches.append(Stretch(a, b, left, right, squeezed))
        left = right
    return tuple(stretches)


def _joined(pieces: Iterable[tuple[float, float, bool]]) -> list[tuple[float, float, bool]]:
    """Neighbours that are to scale as one, so that their ticks are counted together."""
    joined: list[tuple[float, float, bool]] = []
    for a, b, squeezed in pieces:
        if joined and not squeezed and not joined[-1][2]:
            joined[-1] = (joined[-1][0], b, False)
        else:
            joined.append((a, b, squeezed))
    return joined


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for a, b in sorted(intervals):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], b))
        else:
            merged.append((a, b))
    return merged


def _time_step(span: float, count: int) -> float:
    """A step that people count time in."""
    if span < count:
        return nice_step(span, count)
    wanted = span / count
    return next((float(step) for step in _TIME_STEPS if step >= wanted), _DAY * nice_step(span / _DAY, count))
