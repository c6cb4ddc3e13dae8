"""Asks replicas whether they are ready, what they serve and what they count: beside the loop, which never waits."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ropeway.supervisor.exposition import Sample, samples
from ropeway.supervisor.plan import Phase, Replica

REQUESTS = "kserve_model_request_total"
BUCKETS = "kserve_model_latency_bucket"
IN_FLIGHT = "ropeway_runtime_in_flight"
DIGEST_HEADER = "x-model-digest"

_NAMES = frozenset({REQUESTS, BUCKETS, IN_FLIGHT})
_TIMEOUT = 3.0
_EVERY = {Phase.STARTING: 0.1, Phase.READY: 1.0, Phase.UNREADY: 0.5}
"""Seconds from one look to the next. Other phases are looked at no more but counted until they end."""
_ELSE = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What a replica said at a moment (seconds since 1970). `digest`: what it serves, None before it knows."""

    replica: str
    at: float
    ready: bool
    digest: str | None = None
    samples: tuple[Sample, ...] = ()

    @property
    def in_flight(self) -> float:
        return sum(sample.value for sample in self.samples if sample.name == IN_FLIGHT)


class Prober:
    """Looks at each replica again and again, at most once at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="probe")
        self._running: dict[str, Future[Look]] = {}
        self._last: dict[str, float] = {}

    def begin(self, replicas: tuple[Replica, ...]) -> None:
        """Look at those whose turn it is."""
        now = time.monotonic()
        for replica in replicas:
            due = self._last.get(replica.id, 0.0) + _EVERY.get(replica.phase, _ELSE)
            if replica.id not in self._running and now >= due:
                self._last[replica.id] = now
                self._running[replica.id] = self._pool.submit(look, replica.id, replica.port, replica.model)

    def finished(self) -> Iterator[Look]:
        """Looks that have come back since the last call."""
        for replica, future in list(self._running.items()):
            if future.done():
                del self._running[replica]
                yield future.result()

    def forget(self, replica: str) -> None:
        self._last.pop(replica, None)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def look(replica: str, port: int, model: str) -> Look:
    """One look; a replica that does not answer is not ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        ready, _, _ = _get(connection, "/v2/health/ready")
        served, digest, _ = _get(connection, f"/v2/models/{model}") if ready == 200 else (0, None, "")
        _, _, text = _get(connection, "/metrics")
        return Look(replica, time.time(), served == 200, digest, tuple(samples(text, _NAMES)))
    except (OSError, http.client.HTTPException):
        return Look(replica, time.time(), ready=False)
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str | None, str]:
    connection.request("GET", path)
    reply = connection.getresponse()
    text = reply.read().decode(errors="replace")
    return reply.status, reply.headers.get(DIGEST_HEADER), text
