"""The loss curve as a drawing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ropeway.report import words
from ropeway.report.curve import Curve, Point
from ropeway.report.plot import HEIGHT, Across, below, levels
from ropeway.report.scale import nice_step, powers, ticks
from ropeway.report.svg import Element, across, element, picture, text

_FINE = 1000.0
"""Width and height of the coordinates of lines: these are stretched to the plot, their strokes are not."""
_LOGARITHMIC = 200.0
"""Ratio of the largest to the smallest value from which on a linear scale would hide the small ones."""
_SMALLEST = 1e-300
_NEAR_ZERO = 0.15
"""A first step within this share of the last one is drawn from zero."""


@dataclass(frozen=True, slots=True)
class ValueScale:
    """Values to heights: 0 at the bottom of the plot, 1 at its top. `marks`: values that get a line and a label."""

    low: float
    high: float
    logarithmic: bool
    marks: tuple[float, ...]

    def height(self, value: float) -> float:
        if self.logarithmic:
            low, high, here = (math.log10(max(v, _SMALLEST)) for v in (self.low, self.high, value))
            return (here - low) / (high - low)
        return (value - self.low) / (self.high - self.low)


def value_scale(values: Sequence[float]) -> ValueScale:
    """From zero where all are positive and near enough to it; logarithmic where they span decades."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= _LOGARITHMIC:
        low, high = 10.0 ** math.floor(math.log10(max(low, _SMALLEST))), 10.0 ** math.ceil(math.log10(high))
        return ValueScale(low, high, True, powers(low, high))
    low = 0.0 if 0 < low < 0.6 * high else low
    step = nice_step(max(high - low, abs(low) * 1e-6) or 1.0, 4)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return ValueScale(first * step, last * step, False, tuple(place * step for place in range(first, last + 1)))


def is_logarithmic(curve: Curve) -> bool:
    values = _values(curve)
    return bool(values) and value_scale(values).logarithmic


def loss_plot(curve: Curve) -> Element | None:
    """The losses over the steps; None when no value is finite."""
    values = _values(curve)
    if not values:
        return None
    scale = value_scale(values)
    steps = [x for series in curve.series for x, y in series.points if y is not None]
    left, right = min(steps), max(steps)
    left = 0.0 if 0 < left <= _NEAR_ZERO * right else left
    across_ = Across(left, right if right > left else left + 1)
    main = next(s for s in curve.series if any(y is not None for _, y in s.points))
    seen = [(x, y) for x, y in main.points if y is not None]
    lines = [
        element(
            "path", d=_path(series.points, across_, scale), class_=f"line l{place}", vector_effect="non-scaling-stroke"
        )
        for place, series in enumerate(curve.series)
    ]
    return picture(
        f"{main.name} from {words.figure(seen[0][1])} to {words.figure(seen[-1][1])} over {words.figure(right)} steps",
        HEIGHT,
        *levels([(scale.height(mark), words.figure(mark)) for mark in scale.marks]),
        *below([(across_.place(x), words.figure(x)) for x in ticks(left, right, 6)]),
        _stretched(lines),
        *_end(across_.place(seen[-1][0]), scale.height(seen[-1][1]), words.figure(seen[-1][1])),
    )


def _values(curve: Curve) -> list[float]:
    return [y for series in curve.series for _, y in series.points if y is not None]


def _path(points: Sequence[Point], across_: Across, scale: ValueScale) -> str:
    """A line that breaks where a value is missing; a point alone becomes a line of no length, which round ends show."""
    words_: list[str] = []
    begins = True
    for place, (x, y) in enumerate(points):
        if y is None:
            begins = True
            continue
        spot = f"{across_.place(x) * _FINE:.1f} {(1 - scale.height(y)) * _FINE:.1f}"
        alone = begins and (place + 1 == len(points) or points[place + 1][1] is None)
        words_.append(f"M{spot}" if begins else f"L{spot}")
        if alone:
            words_.append(f"L{spot}")
        begins = False
    return "".join(words_)


def _stretched(lines: Sequence[Element]) -> Element:
    return element(
        "svg",
        *lines,
        width="100%",
        height=HEIGHT,
        viewBox=f"0 0 {_FINE:g} {_FINE:g}",
        preserveAspectRatio="none",
        overflow="visible",
    )


def _end(place: float, height: float, label: str) -> Iterator[Element]:
    """A dot on the last point, its value above."""
    y = (1 - height) * HEIGHT
    yield element("circle", cx=across(place), cy=y, r=4, class_="dot")
    yield text(
        label,
        across(place),
        y - 12 if y > 24 else y + 22,
        text_anchor="end" if place > 0.1 else "start",
        class_="value",
    )
