"""Servers that refuse a whole batch for one point that they have already get the other points all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ropeway.adapters.mlflow import runs
from ropeway.adapters.mlflow.errors import refusal
from ropeway.adapters.mlflow.rest import Method, Options, Rest
from ropeway.errors import UnexpectedReply
from ropeway.interfaces.registry import Point, RunValues, TrackingRunId

RUN = TrackingRunId("run")
# Told by MLflow 2.9.2 on 2026-11-22.
REPEATED = {
    "error_code": "BAD_REQUEST",
    "message": "(raised as a result of Query-invoked autoflush; consider using a session.no_autoflush block if this "
    "flush is occurring prematurely)\n(sqlite3.IntegrityError) UNIQUE constraint failed: metrics.key",
}


class OldServer(Rest):
    """Keeps points as MLflow 2.9 does: a repeated one spoils the batch."""

    def __init__(self, known: list[dict[str, Any]]) -> None:
        super().__init__("http://mlflow", None, Options())
        self.points = known

    def call(self, doing: str, method: Method, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (method, path) == ("POST", "runs/log-batch")
        if any(metric in self.points for metric in body["metrics"]):
            raise refusal(doing, self.address, 400, REPEATED)
        self.points += body["metrics"]
        return {}

    def pages(self, doing: str, path: str, query: Mapping[str, object]) -> Iterator[Mapping[str, Any]]:
        assert path == "metrics/get-history", doing
        yield {"metrics": [metric for metric in self.points if metric["key"] == query["metric_key"]]}


def test_only_the_points_that_the_server_lacks_are_sent_again() -> None:
    server = OldServer([{"key": "loss", "value": 0.5, "timestamp": 1000, "step": 0}])
    points = [Point("loss", 0.5, step, 1) for step in range(3)]
    for _ in range(2):
        runs.log(server, RUN, RunValues(points=points))
    assert [metric["step"] for metric in server.points] == [0, 1, 2]


def test_a_batch_that_is_refused_for_another_reason_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server = OldServer([{"key": "loss", "value": 0.5, "timestamp": 1000, "step": 0}])
    monkeypatch.setattr(server, "pages", lambda *_: iter(()))
    with pytest.raises(UnexpectedReply):
        runs.log(server, RUN, RunValues(points=[Point("loss", 0.5, 0, 1)]))
