"""Keeps what a replica counts, for those who have no Prometheus."""

from __future__ import annotations

from pathlib import Path

from ropeway.adapters.local.metric_files import Counts, append
from ropeway.supervisor.plan import Replica
from ropeway.supervisor.probes import BUCKETS, REQUESTS, Look


def record(folder: Path, replica: Replica, look: Look) -> None:
    """One line more in the revision's ring."""
    requests: dict[str, float] = {}
    buckets: dict[str, float] = {}
    for sample in look.samples:
        if sample.name == REQUESTS:
            requests[sample.labels.get("code", "")] = sample.value
        elif sample.name == BUCKETS:
            buckets[sample.labels.get("le", "")] = sample.value
    counts = Counts(look.at, replica.id, replica.model, replica.digest, requests, buckets, look.in_flight)
    append(folder, replica.endpoint, replica.revision, counts)
