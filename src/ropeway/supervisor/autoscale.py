"""How many replicas a revision shall have, from the requests in flight: up at once, down only after a quiet time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScalePolicy:
    """`target`: requests in flight per replica. `window`, `quiet`: seconds."""

    target: float = 4.0
    window: float = 2.0
    """What is in flight is averaged over this time, so that one burst starts nothing."""
    quiet: float = 60.0
    """A replica goes when it was not needed for so long."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was seen at a moment (seconds): requests in flight in the whole revision, and the replicas needed then."""

    at: float
    in_flight: float
    needed: int


def observe(history: Sequence[Load], at: float, in_flight: float, policy: ScalePolicy) -> tuple[Load, ...]:
    """The history with one more look, without what is older than the quiet time."""
    recent = [load.in_flight for load in history if load.at > at - policy.window]
    mean = (sum(recent) + in_flight) / (len(recent) + 1)
    needed = math.ceil(mean / policy.target)
    kept = (load for load in history if load.at > at - policy.quiet)
    return (*kept, Load(at, in_flight, needed))


def desired(history: Sequence[Load], minimum: int, maximum: int) -> int:
    """The most that were needed within the quiet time, within the bounds."""
    most = max((load.needed for load in history), default=minimum)
    return min(max(most, minimum), maximum)


def demand(own: float, endpoint: float, weight: int) -> float:
    """Requests in flight to be ready for: what the revision has, or what its wished weight is about to bring it."""
    return max(own, endpoint * weight / 100)
