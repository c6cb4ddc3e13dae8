"""What is, beside what is wished: the controller's view of an endpoint, from its two files."""

from __future__ import annotations

from datetime import datetime

from ropeway.adapters.local.endpoint_files import ReplicaStatus, RevisionStatus, Status, Wish
from ropeway.adapters.local.endpoint_rules import retired
from ropeway.interfaces.serving import EndpointState, ReplicaRef, RevisionId, RevisionSpec, RevisionState

READY = "ready"


def merge(wish: Wish, status: Status | None, url: str, at: datetime) -> EndpointState:
    """Wished revisions as far as they have come. Those on their way out are no part of it: nobody shall wish them."""
    seen = {each.spec.id: each for each in status.revisions} if status else {}
    current = status is not None and status.generation == wish.generation
    name = wish.spec.name
    revisions: dict[RevisionId, RevisionState] = {
        spec.id: _wished(name, spec, seen.get(spec.id), current)
        for spec in wish.spec.revisions
        if not retired(spec, at.timestamp())
    }
    return EndpointState(name, wish.spec.owner, url, wish.token, revisions, at)


def _wished(endpoint: str, spec: RevisionSpec, seen: RevisionStatus | None, current: bool) -> RevisionState:
    """A failure told before the last change may be cured by it, so it is not told again until looked at anew."""
    if seen is None or (seen.spec.model, seen.spec.digest) != (spec.model, spec.digest):
        return RevisionState(spec, (), ready=False, weight=0)
    replicas = _ready(endpoint, seen)
    ready = len(replicas) >= spec.minimum
    failure = None if ready or not current else seen.failure
    return RevisionState(spec, replicas, ready, seen.weight, failure)


def _ready(endpoint: str, seen: RevisionStatus) -> tuple[ReplicaRef, ...]:
    return tuple(ReplicaRef(endpoint, seen.spec.id, each.id) for each in seen.replicas if _answers(each))


def _answers(replica: ReplicaStatus) -> bool:
    """Ready, and the gateway has a way to it: asking it now gets an answer."""
    return replica.phase == READY and replica.reachable
