"""What was measured at the endpoints: requests, errors and latencies of one revision in a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ropeway.interfaces.serving import RevisionId
from ropeway.names import Digest


@dataclass(frozen=True, slots=True)
class RevisionRef:
    endpoint: str
    revision: RevisionId
    model: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Window:
    """What a revision's replicas counted between two moments. `latency_p95` in seconds; None without requests."""

    requests: int
    errors: int
    """Answers with status 500 and above."""
    latency_p95: float | None


class Metrics(Protocol):
    def window(self, revision: RevisionRef, start: datetime, end: datetime) -> Window | None:
        """None when nothing was measured then, which is not the same as no requests."""
        ...

    def value(self, query: str, at: datetime) -> float | None:
        """A query in the server's own language, summed over its series. None when there is no data, never 0."""
        ...
