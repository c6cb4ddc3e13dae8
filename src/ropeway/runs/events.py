"""What a run tells while it goes on: one event for each thing that a person would want to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EventKind = Literal["started", "resumed", "reused", "progress", "finished", "failed", "run"]


@dataclass(frozen=True, slots=True)
class Event:
    """`stage` is None for what concerns the whole run; `at` in seconds since 1970; `seconds` how long a stage took."""

    run: str
    kind: EventKind
    stage: str | None
    text: str
    at: float
    seconds: float | None = None


Listener = Callable[[Event], None]
