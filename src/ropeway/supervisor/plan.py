"""What the supervisor does next for an endpoint: a pure function of what is wished and what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ropeway.interfaces.serving import RevisionId, RevisionSpec
from ropeway.names import Digest
from ropeway.supervisor.trouble import NO_TROUBLE, Trouble


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    """It was ready and does not say so now. The gateway's own health check decides about its traffic."""
    DRAINING = "draining"
    """It leaves the gateway's file, and still serves what reaches it."""
    STOPPING = "stopping"
    """It got SIGTERM."""


LIVE = frozenset({Phase.STARTING, Phase.READY, Phase.UNREADY})


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of a revision. Times in seconds since 1970; `since`: when it came into this phase."""

    id: str
    endpoint: str
    revision: RevisionId
    model: str
    digest: Digest
    port: int
    pid: int
    started: float
    phase: Phase
    since: float
    in_flight: float = 0.0

    def of(self, spec: RevisionSpec) -> bool:
        """Whether it serves that revision's model."""
        return (self.revision, self.model, self.digest) == (spec.id, spec.model, spec.digest)


class ModelPlace(StrEnum):
    """Whether a revision's model lies in its folder."""

    ABSENT = "absent"
    PULLING = "pulling"
    HERE = "here"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RevisionView:
    """A wished revision. `wanted`: replicas, as the load asks for."""

    spec: RevisionSpec
    place: ModelPlace
    wanted: int
    trouble: Trouble = NO_TROUBLE


@dataclass(frozen=True, slots=True)
class EndpointView:
    """All that is seen of an endpoint. `routed`: replicas that some configuration still in effect can reach."""

    revisions: tuple[RevisionView, ...]
    replicas: tuple[Replica, ...]
    routed: frozenset[str] = frozenset()
    carrying: frozenset[RevisionId] = frozenset()
    """Revisions that get traffic now."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `grace`: from SIGTERM to SIGKILL, longer than the model server's own drain of 26 s."""

    start: float = 600.0
    unready: float = 30.0
    grace: float = 40.0


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Pull:
    spec: RevisionSpec


@dataclass(frozen=True, slots=True)
class Start:
    spec: RevisionSpec


@dataclass(frozen=True, slots=True)
class Drain:
    replica: str


@dataclass(frozen=True, slots=True)
class Terminate:
    replica: str
    reason: str = ""
    """Set where it is the replica's own failure."""


@dataclass(frozen=True, slots=True)
class Kill:
    replica: str


Action = Pull | Start | Drain | Terminate | Kill


def plan(view: EndpointView, now: float, limits: Limits = LIMITS) -> tuple[Action, ...]:
    """What to do at this moment. Done twice, the second time plans nothing that the first did.

    A replica that the gateway can reach is never signalled: it is drained, leaves the gateway's file, and is
    terminated once a configuration without it is in effect.
    """
    actions: list[Action] = []
    for revision in view.revisions:
        actions.extend(_supply(revision, view, now))
    for replica in view.replicas:
        actions.extend(_retire(replica, view))
        actions.extend(_watch(replica, view, now, limits))
    return tuple(actions)


def _supply(revision: RevisionView, view: EndpointView, now: float) -> Iterator[Action]:
    """As many live replicas as are wanted."""
    if revision.trouble.final:
        return
    if revision.place is ModelPlace.ABSENT:
        yield Pull(revision.spec)
    live = [each for each in view.replicas if each.of(revision.spec) and each.phase in LIVE]
    missing = revision.wanted - len(live)
    if missing > 0 and revision.place is ModelPlace.HERE and now >= revision.trouble.again_at:
        yield from [Start(revision.spec)] * (1 if revision.trouble.deaths else missing)
    for replica in sorted(live, key=_keep_first)[revision.wanted :]:
        yield Drain(replica.id)


def _keep_first(replica: Replica) -> tuple[bool, float, str]:
    return (replica.phase is not Phase.READY, replica.started, replica.id)


def _retire(replica: Replica, view: EndpointView) -> Iterator[Action]:
    """A replica of a revision that is not wished goes, unless the endpoint's traffic still depends on it."""
    wished = any(replica.of(revision.spec) for revision in view.revisions)
    if not wished and replica.phase in LIVE and replica.revision not in view.carrying:
        yield Drain(replica.id)


def _watch(replica: Replica, view: EndpointView, now: float, limits: Limits) -> Iterator[Action]:
    routed = replica.id in view.routed
    age = now - replica.since
    if replica.phase is Phase.STARTING and age > limits.start:
        yield Terminate(replica.id, f"not ready after {limits.start:g} s")
    elif replica.phase is Phase.UNREADY and age > limits.unready:
        yield Drain(replica.id)
    elif replica.phase is Phase.DRAINING and not routed:
        yield Terminate(replica.id)
    elif replica.phase is Phase.STOPPING and age > limits.grace and not routed:
        yield Kill(replica.id)
