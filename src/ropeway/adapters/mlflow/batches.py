"""A run's values in the portions and the spelling that MLflow takes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ropeway.errors import ConfigError
from ropeway.interfaces.registry import Point, RunValues

Metric = dict[str, Any]

# https://mlflow.org/docs/latest/api_reference/rest-api.html#request-limits: 1,000 values a request, of these at most
# 100 parameters and 100 tags, 1 MB in all. 50 of each, of full length, leave room for the points.
_POINTS = 900
_NAMES = 50
_LONGEST = {"parameter": 6000, "tag": 5000}
"""Characters: the least that any server from 2.9 on takes. More would be cut off there without a word."""


def batches(run: str, values: RunValues) -> list[dict[str, Any]]:
    """Bodies for `runs/log-batch`, each within MLflow's limits; none when there is nothing to log."""
    metrics = _metrics(values.points)
    parameters = pairs("parameter", values.parameters)
    tags = pairs("tag", values.tags)
    portions = max(_portions(metrics, _POINTS), _portions(parameters, _NAMES), _portions(tags, _NAMES))
    return [
        {
            "run_id": run,
            "metrics": metrics[turn * _POINTS : (turn + 1) * _POINTS],
            "params": parameters[turn * _NAMES : (turn + 1) * _NAMES],
            "tags": tags[turn * _NAMES : (turn + 1) * _NAMES],
        }
        for turn in range(portions)
    ]


def pairs(what: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """MLflow's list of key and value. Raises ConfigError for a value that would not arrive as it is."""
    for name, value in values.items():
        if len(value) > _LONGEST[what] or "\0" in value:
            raise ConfigError(
                f"logging the {what} {name[:80]!r}: its value is longer than {_LONGEST[what]} or holds NUL"
            )
    return [{"key": name, "value": value} for name, value in values.items()]


def identity(metric: Mapping[str, Any]) -> tuple[str, int, int, str]:
    """What makes two points the same one, whether we made the metric or the server tells it."""
    value = float(metric["value"])
    largest = sys.float_info.max
    # Servers keep infinities as the largest number.
    told = "NaN" if math.isnan(value) else repr(max(-largest, min(value, largest)))
    return str(metric["key"]), int(metric.get("step", 0)), int(metric["timestamp"]), told


def _metrics(points: Sequence[Point]) -> list[Metric]:
    return list({identity(metric): metric for metric in map(_metric, points)}.values())


def _metric(point: Point) -> Metric:
    value: object = point.value
    if not math.isfinite(point.value):
        value = "NaN" if math.isnan(point.value) else "Infinity" if point.value > 0 else "-Infinity"
    return {"key": point.name, "value": value, "timestamp": round(point.time * 1000), "step": point.step}


def _portions(items: Sequence[object], most: int) -> int:
    return math.ceil(len(items) / most)


def names(metrics: Sequence[Metric]) -> Iterator[str]:
    return iter(sorted({metric["key"] for metric in metrics}))
