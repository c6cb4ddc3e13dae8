"""How many requests a store gets at once, and how long we bear with it when it is slow or away."""

import random
import threading
import time
from typing import Optional

_LONGEST_PAUSE = 10.0
_SLOWER_AGAIN = 1.0
"""Seconds between two times of halving: one crowd of refusals is one sign."""


class Pace:
    """Halves the requests in flight when the store asks for less, and lets them grow again slowly. For all threads."""

    def __init__(self, most: int, budget: float) -> None:
        self._most = most
        self._allowed = float(most)
        self._flying = 0
        self._budget = budget
        self._halved = 0.0
        self._progress = time.monotonic()
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Wait for a turn."""
        with self._changed:
            while self._flying >= max(1, int(self._allowed)):
                self._changed.wait()
            self._flying += 1

    def end(self) -> None:
        with self._changed:
            self._flying -= 1
            self._changed.notify_all()

    def well(self) -> None:
        """A part has arrived."""
        with self._changed:
            self._progress = time.monotonic()
            self._allowed = min(self._most, self._allowed + 1 / max(self._allowed, 1))
            self._changed.notify_all()

    def slower(self) -> None:
        """The store has asked for less."""
        with self._changed:
            now = time.monotonic()
            if now - self._halved > _SLOWER_AGAIN:
                self._allowed, self._halved = max(1.0, self._allowed / 2), now

    def revive(self) -> None:
        """Work has come after a time without any: count the budget from now."""
        with self._changed:
            self._progress = time.monotonic()

    @property
    def spent(self) -> bool:
        """Whether nothing at all has arrived for the whole budget."""
        return time.monotonic() - self._progress > self._budget

    @property
    def budget(self) -> float:
        return self._budget


def pause(attempt: int, asked: Optional[float]) -> float:
    """Seconds before the next try: what the store asked for, else doubling, never the same for all threads."""
    longest = min(_LONGEST_PAUSE, 0.1 * 2**attempt)
    return min(30.0, asked) if asked is not None else random.uniform(longest / 2, longest)
