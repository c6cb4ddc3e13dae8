"""Serving on this machine: wishes are written for the site's supervisor, requests go through its gateway."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ropeway.adapters.local.endpoint_files import (
    ServingFolder,
    changing,
    read_status,
    read_wish,
    tombstone,
    write_wish,
)
from ropeway.adapters.local.endpoint_rules import accept, check_token
from ropeway.adapters.local.endpoint_state import merge
from ropeway.errors import NotFound, RopewayError, Unavailable, brief
from ropeway.interfaces.serving import (
    EndpointSpec,
    EndpointState,
    InferenceAnswer,
    InferenceRequest,
    ReplicaRef,
    RevisionId,
    ServingFeatures,
)
from ropeway.names import digest

if TYPE_CHECKING:
    import httpx

REPLICA_HEADER = "X-Ropeway-Replica"
"""A request that bears it goes to that replica, whatever its weight, or is answered with 503."""

_DIGEST_HEADER = "x-model-digest"
_SILENT = timedelta(seconds=60)
"""The supervisor looks several times a second; ending its replicas may take it 40 s."""
_NOBODY = frozenset({404, 502, 503, 504})
"""Statuses that the gateway itself answers when the replica does not."""


class LocalServing:
    """`folder`: the site's serving folder. `gateway`: its address, such as `127.0.0.1:8080`.

    Every call but `features` raises Unavailable when the site's supervisor does not run.
    """

    def __init__(self, folder: Path, gateway: str) -> None:
        self._folder = ServingFolder(folder)
        address = gateway.rstrip("/")
        self._gateway = address if "://" in address else f"http://{address}"
        self._connections: httpx.Client | None = None

    def features(self) -> ServingFeatures:
        return ServingFeatures(canary=True)

    def apply(self, spec: EndpointSpec, token: int) -> None:
        self._require_supervisor(f"applying endpoint {spec.name[:80]!r}")
        with changing(self._folder, spec.name) as wish:
            if (wanted := accept(wish, spec, token)) is not None:
                write_wish(self._folder, wanted)

    def state(self, endpoint: str) -> EndpointState | None:
        at = self._require_supervisor(f"looking at endpoint {endpoint[:80]!r}")
        status = read_status(self._folder, endpoint)
        wish = read_wish(self._folder, endpoint)
        if wish is None or (wish.deleted and status is None):
            return None
        return merge(wish, status, self._url(endpoint), at)

    def ask(self, replica: ReplicaRef, request: InferenceRequest) -> InferenceAnswer:
        what = f"asking replica {replica.replica}"
        self._require_supervisor(what)
        answer = self._send(what, replica.endpoint, request, {REPLICA_HEADER: replica.replica})
        if answer.digest is None and answer.status in _NOBODY:
            text = brief(answer.body.decode(errors="replace"))
            raise Unavailable(f"{what}: {answer.status} {text}", "ropeway doctor")
        return replace(answer, replica=replica.replica)

    def request(self, endpoint: str, request: InferenceRequest) -> InferenceAnswer:
        what = f"sending a request to endpoint {endpoint[:80]!r}"
        self._require_supervisor(what)
        self._require_wish(what, endpoint)
        return self._send(what, endpoint, request, {})

    def settle(self, endpoint: str, revision: RevisionId, token: int) -> None:
        """Nothing moves here: a revision serves as the stable one with the replicas that it has."""
        what = f"settling endpoint {endpoint[:80]!r}"
        self._require_supervisor(what)
        self._require_wish(what, endpoint)
        with changing(self._folder, endpoint) as wish:
            if wish is None or revision not in [each.id for each in wish.spec.revisions]:
                raise NotFound(f"{what}: it has no revision {revision!r}")
            check_token(wish, token)

    def delete(self, endpoint: str, token: int) -> None:
        """Returns when it is recorded; `state` is None once the last replica is gone."""
        self._require_supervisor(f"deleting endpoint {endpoint[:80]!r}")
        if read_wish(self._folder, endpoint) is None:
            return
        with changing(self._folder, endpoint) as wish:
            if wish is None:
                return
            check_token(wish, token)
            if not wish.deleted or wish.token != token:
                write_wish(self._folder, tombstone(wish, token))

    def _url(self, endpoint: str) -> str:
        return f"{self._gateway}/{endpoint}"

    def _require_wish(self, what: str, endpoint: str) -> None:
        wish = read_wish(self._folder, endpoint)
        if wish is None or wish.deleted:
            raise NotFound(f"{what}: there is no such endpoint")

    def _require_supervisor(self, what: str) -> datetime:
        """When the supervisor looked last."""
        try:
            looked = supervised(self._folder)
        except FileNotFoundError:
            looked = None
        if looked is None:
            raise Unavailable(f"{what}: the site's supervisor does not run", "ropeway up")
        if (silent := datetime.now(UTC) - looked) > _SILENT:
            raise Unavailable(
                f"{what}: the site's supervisor runs, but has not looked for {silent.seconds} s",
                "ropeway down, then ropeway up",
            )
        return looked

    def _send(self, what: str, endpoint: str, request: InferenceRequest, extra: dict[str, str]) -> InferenceAnswer:
        import httpx

        if not request.path.startswith("/"):
            raise NotFound(f"{what}: path {request.path[:80]!r} does not begin with '/'")
        start = time.monotonic()
        try:
            reply = self._client().request(
                request.method,
                self._url(endpoint) + request.path,
                content=request.body,
                headers={"content-type": "application/json", **request.headers, **extra},
                timeout=request.timeout,
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"{what}: {brief(str(error) or type(error).__name__)}", "ropeway doctor") from error
        return _answer(reply, time.monotonic() - start)

    def _client(self) -> httpx.Client:
        import httpx

        if self._connections is None:
            self._connections = httpx.Client(trust_env=False)
        return self._connections


def supervised(folder: ServingFolder) -> datetime | None:
    """When the supervisor looked last; None when it does not live."""
    with folder.supervisor.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return datetime.fromtimestamp(os.fstat(lock.fileno()).st_mtime, UTC)
    return None


def _answer(reply: httpx.Response, latency: float) -> InferenceAnswer:
    said = reply.headers.get(_DIGEST_HEADER)
    try:
        served = digest(said) if said else None
    except RopewayError:
        served = None
    replica = reply.headers.get(REPLICA_HEADER)
    return InferenceAnswer(reply.status_code, reply.content, served, replica, latency)
