"""What GET answers: health, metadata and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ropeway_runtime import VERSION, metrics
from ropeway_runtime.exchange import Answer
from ropeway_runtime.protocols import documents, v1, v2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ropeway_runtime.service import Service


def views(service: Service, measured: metrics.Metrics) -> Mapping[str, Callable[[], Answer]]:
    """Path -> answer; a view that needs the loaded model raises RequestError(503) before."""
    identity = service.identity

    def status(body: bytes) -> Answer:
        return Answer(200 if service.ready else 503, body)

    def v1_status() -> Answer:
        return status(v1.model_status(identity, ready=service.ready))

    def v2_ready() -> Answer:
        return status(documents.write({"ready": service.ready}))

    def v2_metadata() -> Answer:
        return Answer(200, v2.model_metadata(identity, service.inference.model))

    return {
        "/v1/models": lambda: Answer(200, v1.model_list(identity)),
        f"/v1/models/{identity.name}": v1_status,
        "/v2": lambda: Answer(200, v2.server_metadata(VERSION)),
        "/v2/health/live": lambda: Answer(200, documents.write({"live": True})),
        "/v2/health/ready": v2_ready,
        f"/v2/models/{identity.name}": v2_metadata,
        f"/v2/models/{identity.name}/ready": v1_status,
        "/metrics": lambda: Answer(200, measured.render(), metrics.CONTENT_TYPE.encode("ascii")),
    }
