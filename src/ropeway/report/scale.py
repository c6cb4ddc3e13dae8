"""Round numbers for axes."""

from __future__ import annotations

import math


def nice_step(span: float, count: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that divides the span into at most `count` parts, and about as many."""
    raw = span / max(1, count)
    if not (raw > 0 and math.isfinite(raw)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= raw), 10 * power)


def ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """Round numbers from low to high, both included where they are round; low alone when there is no span."""
    if not high > low:
        return (low,)
    step = nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(place * step for place in range(first, last + 1))


def powers(low: float, high: float) -> tuple[float, ...]:
    """The powers of ten from low to high, thinned to about six; for a logarithmic axis of positive numbers."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, (last - first) // 6)
    return tuple(10.0**place for place in range(first, last + 1, every))
