"""What the journal holds, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from ropeway_agent.identity import ProcessIdentity

P = TypeVar("P")
R = TypeVar("R")


class RunState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    """Ended by its user, cleanly, before its last stage; goes on with resume."""
    PAUSED = "paused"
    """Something outside does not answer; goes on with resume."""
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """It succeeded or was cut short, and its user asked to have it done again."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """`pinned`: the resolved pipeline and site, without secrets, and the digest of the recipe."""

    id: str
    pipeline: str
    site: str
    pinned: Mapping[str, object]
    once_key: str | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """Times in seconds since 1970, by the database's clock."""

    id: str
    pipeline: str
    site: str
    state: RunState
    pinned: Mapping[str, object]
    created_at: float
    ended_at: float | None
    error: Mapping[str, object] | None
    owner: ProcessIdentity | None
    token: int
    cancel_requested: bool

    @property
    def abandoned(self) -> bool:
        """Called running, but its owner on this host is gone."""
        return self.state is RunState.RUNNING and (self.owner is None or (self.owner.here and not self.owner.alive))


@dataclass(frozen=True, slots=True)
class AttemptRow:
    stage: str
    number: int
    state: AttemptState
    started_at: float
    ended_at: float | None
    record: Mapping[str, object] | None
    error: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class EffectRow:
    stage: str
    attempt: int
    name: str
    plan: Mapping[str, object]
    record: Mapping[str, object] | None
    intended_at: float
    recorded_at: float | None


@dataclass(frozen=True)
class Effect(Generic[P, R]):
    """One change of the outside world.

    `plan` is asked once and then kept; `find` tells whether the change is there already; `do` makes it, and has the
    effect of one call when it is called twice with the same plan.
    """

    name: str
    plan: Callable[[], P]
    find: Callable[[P], R | None]
    do: Callable[[P], R]
    plan_kind: type[P]
    record_kind: type[R]
