"""How often a revision's replicas have died, what follows from it, and when it may be tried again: pure."""

from __future__ import annotations

from dataclasses import dataclass

from ropeway.interfaces.serving import Failure

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
"""Seconds before a replica is started again: doubled with every death, up to this."""
GIVE_UP_AFTER = 3
"""Deaths of a revision that has never been ready."""
STEADY = 60.0
"""Seconds that a replica has lived for its death to count as the first one again."""
DAMAGED = 4
"""Exit code with which the model server says that the folder does not hold the expected model."""
REFUSALS = frozenset({2, DAMAGED, 5})
"""Exit codes after which the same try cannot help: the model server's `errors` module lists them."""


@dataclass(frozen=True, slots=True)
class Death:
    """One replica's end. `code`: exit status, negative for a signal, None where it is not known."""

    at: float
    lived: float
    code: int | None
    reason: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Deaths in a row, and the failure that they amount to."""

    deaths: int = 0
    again_at: float = 0.0
    failure: Failure | None = None

    @property
    def final(self) -> bool:
        return self.failure is not None and self.failure.final


NO_TROUBLE = Trouble()


def after(trouble: Trouble, death: Death, proven: bool) -> Trouble:
    """A revision that was ready once (`proven`) is tried for ever, at growing distance; another one is given up."""
    deaths = 1 if death.lived >= STEADY else trouble.deaths + 1
    delay = 0.0 if proven and deaths == 1 else min(FIRST_DELAY * 2 ** (deaths - 1), LONGEST_DELAY)
    hopeless = death.code in REFUSALS or deaths >= GIVE_UP_AFTER
    failure = Failure(hopeless and not proven, death.reason, death.hint)
    return Trouble(deaths, death.at + delay, failure)


def recovered(trouble: Trouble) -> Trouble:
    """All replicas are ready again: the failure is over, the count stays until one of them has lived long enough."""
    return Trouble(trouble.deaths, trouble.again_at) if trouble.failure else trouble
