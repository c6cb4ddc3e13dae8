"""Tracking runs: one for each key, in an experiment that is made when it is not there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ropeway.adapters.mlflow.batches import Metric, batches, identity, names, pairs
from ropeway.adapters.mlflow.rest import Rest
from ropeway.errors import ConfigError, Conflict, NotFound, Unavailable, UnexpectedReply
from ropeway.interfaces.registry import RunValues, TrackingRunId
from ropeway.names import Key

KEY_TAG = "ropeway.key"


def open_run(rest: Rest, key: Key, experiment: str, tags: Mapping[str, str]) -> TrackingRunId:
    """See `Registry.open_run`. The oldest one is meant where several bear the key."""
    doing = f"opening a tracking run in {experiment[:80]!r}"
    labels = pairs("tag", {**tags, KEY_TAG: key})
    place = _experiment(rest, doing, experiment)
    found = _find(rest, doing, place, key)
    if found:
        return found[0]
    body = {"experiment_id": place, "run_name": key, "start_time": _now(), "tags": labels}
    return _id(rest.call(doing, "POST", "runs/create", body)["run"])


def log(rest: Rest, run: TrackingRunId, values: RunValues) -> None:
    """See `Registry.log`. A parameter that has another value already is a Conflict."""
    doing = f"logging to the tracking run {run}"
    for batch in batches(run, values):
        _send(rest, doing, batch)
    if values.finished:
        _finish(rest, doing, run)


def _send(rest: Rest, doing: str, batch: Mapping[str, Any]) -> None:
    try:
        _log_batch(rest, doing, batch)
    except (UnexpectedReply, Unavailable):
        # Servers before 3 refuse a batch whole when one of its points is there already.
        unknown = _unknown(rest, doing, batch)
        if len(unknown) == len(batch["metrics"]):
            raise
        _log_batch(rest, doing, {**batch, "metrics": unknown})


def _log_batch(rest: Rest, doing: str, batch: Mapping[str, Any]) -> None:
    try:
        rest.call(doing, "POST", "runs/log-batch", batch)
    except ConfigError as error:
        if "Changing param" in error.message:
            raise Conflict(error.message, "resume with a new run: logged parameters stay") from error
        raise


def _unknown(rest: Rest, doing: str, batch: Mapping[str, Any]) -> list[Metric]:
    """Those points of the batch that the server does not have."""
    known: set[tuple[str, int, int, str]] = set()
    for name in names(batch["metrics"]):
        for page in rest.pages(doing, "metrics/get-history", {"run_id": batch["run_id"], "metric_key": name}):
            known.update(identity(metric) for metric in page.get("metrics", ()))
    return [metric for metric in batch["metrics"] if identity(metric) not in known]


def _finish(rest: Rest, doing: str, run: TrackingRunId) -> None:
    info = rest.call(doing, "GET", "runs/get", {"run_id": run})["run"]["info"]
    if info.get("status") != "FINISHED":
        rest.call(doing, "POST", "runs/update", {"run_id": run, "status": "FINISHED", "end_time": _now()})


def _experiment(rest: Rest, doing: str, name: str) -> str:
    found = _look_up(rest, doing, name)
    if found is None:
        try:
            return str(rest.call(doing, "POST", "experiments/create", {"name": name})["experiment_id"])
        except Conflict:  # somebody else has just made it
            found = _look_up(rest, doing, name) or {}
    if found.get("lifecycle_stage") != "active":
        restore = f"mlflow experiments restore --experiment-id {found.get('experiment_id')}"
        raise NotFound(f"{doing}: this experiment was deleted at {rest.address}", restore)
    return str(found["experiment_id"])


def _look_up(rest: Rest, doing: str, experiment: str) -> Mapping[str, Any] | None:
    try:
        reply = rest.call(doing, "GET", "experiments/get-by-name", {"experiment_name": experiment})
    except NotFound:
        return None
    found: Mapping[str, Any] = reply["experiment"]
    return found


def _find(rest: Rest, doing: str, experiment: str, key: Key) -> list[TrackingRunId]:
    """Oldest first."""
    query = {"experiment_ids": [experiment], "filter": f"tags.`{KEY_TAG}` = '{key}'", "max_results": 100}
    found = rest.call(doing, "POST", "runs/search", query).get("runs", [])
    by_age = sorted(found, key=lambda run: (int(run["info"].get("start_time", 0)), run["info"]["run_id"]))
    return [_id(run) for run in by_age]


def _id(run: Mapping[str, Any]) -> TrackingRunId:
    return TrackingRunId(run["info"]["run_id"])


def _now() -> int:
    return round(time.time() * 1000)
