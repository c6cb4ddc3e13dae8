"""One run at a time changes an endpoint: a lease beside the models, so that it holds across journals and operators."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from ropeway.errors import Conflict
from ropeway.interfaces.store import ETag
from ropeway.journal.codec import from_mapping
from ropeway.stages.context import Context

LIFETIME = timedelta(minutes=30)
"""Far longer than a rollout step holds; every effect on the endpoint renews it."""


@dataclass(frozen=True, slots=True)
class EndpointLease:
    """`token` grows with every holder: the serving side refuses a smaller one. `until` in seconds since 1970."""

    run: str
    pipeline: str
    token: int
    until: float


def take(context: Context, endpoint: str) -> int:
    """Hold the endpoint for this run, or go on holding it; its fencing token. Raises Conflict naming the holder."""
    now = context.clock.now()
    etag, held = _look(context, endpoint)
    if held and held.run != context.run and held.until > now.timestamp():
        raise Conflict(
            f"taking the endpoint {endpoint}: the run {held.run} of the pipeline {held.pipeline} is changing it",
            f"ropeway status {held.run} --watch",
        )
    mine = held is not None and held.run == context.run
    token = held.token if held and mine else (held.token if held else 0) + 1
    lease = EndpointLease(context.run, context.pipeline.name, token, (now + LIFETIME).timestamp())
    context.site.store.swap(_name(endpoint), etag, json.dumps(asdict(lease)).encode())
    return token


def release(context: Context, endpoint: str) -> None:
    """Let the endpoint go, keeping its token for the next holder. Quiet when this run does not hold it."""
    etag, held = _look(context, endpoint)
    if held and held.run == context.run:
        free = EndpointLease(held.run, held.pipeline, held.token, 0.0)
        context.site.store.swap(_name(endpoint), etag, json.dumps(asdict(free)).encode())


def _look(context: Context, endpoint: str) -> tuple[ETag | None, EndpointLease | None]:
    found = context.site.store.look(_name(endpoint))
    if found is None:
        return None, None
    return found[0], from_mapping(EndpointLease, json.loads(found[1]))


def _name(endpoint: str) -> str:
    return f"leases/endpoint-{endpoint}.json"
