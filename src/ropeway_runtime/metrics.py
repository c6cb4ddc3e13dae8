"""The metrics that KServe's dashboards ask for, per model, digest and revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

if TYPE_CHECKING:
    from ropeway_runtime.service import Identity

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LABELS = ("model", "digest", "revision")
STEPS = (1, 1.5, 2, 3, 5, 7.5)
# fmt: off
BUCKETS = (
    0.0005, 0.00075, *(round(step * scale, 6) for scale in (0.001, 0.01, 0.1, 1) for step in STEPS),
    10, 15, 20, 30, 60,
)
# fmt: on
"""Seconds. Neighbours differ by half, so a P95 read off them is within half of the true one."""


class Metrics:
    """Counts and times inference requests, and nothing else: no health check, no metadata."""

    def __init__(self, identity: Identity) -> None:
        prometheus_client.disable_created_metrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._labels = (identity.name, identity.digest, identity.revision)
        self._requests = Counter(
            "kserve_model_request",
            "Inference requests answered, by HTTP status.",
            (*LABELS, "code"),
            registry=self._registry,
        )
        self._latency = Histogram(
            "kserve_model_latency",
            "Seconds from an inference request's headers to its answer, errors included.",
            LABELS,
            registry=self._registry,
            buckets=BUCKETS,
        ).labels(*self._labels)
        self.in_flight = 0
        Gauge(
            "ropeway_runtime_in_flight",
            "Inference requests that are not answered yet.",
            registry=self._registry,
        ).set_function(lambda: self.in_flight)
        self._answered: dict[int, Any] = {}
        self._code(200)

    def observe(self, status: int, seconds: float) -> None:
        self._code(status).inc()
        self._latency.observe(seconds)

    def render(self) -> bytes:
        """Prometheus's text format."""
        text: bytes = prometheus_client.generate_latest(self._registry)
        return text

    def _code(self, status: int) -> Any:
        counter = self._answered.get(status)
        if counter is None:
            counter = self._requests.labels(*self._labels, str(status))
            self._answered[status] = counter
        return counter
