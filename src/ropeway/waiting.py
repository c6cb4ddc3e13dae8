"""Poll with growing delay until there is an answer or the deadline has passed; the clock is passed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from ropeway.errors import Overdue

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


SYSTEM: Clock = SystemClock()


def poll(
    look: Callable[[], T | None],
    *,
    deadline: timedelta,
    what: str,
    first: timedelta = timedelta(milliseconds=50),
    longest: timedelta = timedelta(seconds=2),
    clock: Clock = SYSTEM,
) -> T:
    """The first answer of `look` that is not None, asked again after `first`, then ever later up to `longest`.

    Raises Overdue naming `what` when the deadline has passed.
    """
    end = clock.monotonic() + deadline.total_seconds()
    delay = first.total_seconds()
    while (answer := look()) is None:
        left = end - clock.monotonic()
        if left <= 0:
            raise Overdue(f"waiting for {what}: nothing after {deadline.total_seconds():g} s")
        clock.sleep(min(delay, left))
        delay = min(delay * 1.5, longest.total_seconds())
    return answer
