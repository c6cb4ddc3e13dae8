"""Reads what Prometheus's query API answers: pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ropeway.counters import Point, Series
from ropeway.errors import UnexpectedReply, brief

Result = Sequence[Mapping[str, Any]]


def result(text: str, kind: str, what: str) -> Result:
    """The list of series in a reply; `kind` is `vector` or `matrix`. A scalar becomes a vector of one.

    Raises UnexpectedReply for a reply of another kind or of none.
    """
    try:
        data = json.loads(text)["data"]
        found, values = data["resultType"], data["result"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnexpectedReply(f"{what}: no query result: {brief(text)}") from error
    if kind == "vector" and found == "scalar":
        return [{"metric": {}, "value": values}]
    if found != kind or not isinstance(values, list):
        raise UnexpectedReply(f"{what}: a {found} where a {kind} was asked for")
    return values


def series(values: Result) -> list[Series]:
    """A matrix as series, each with its points in order."""
    return [Series(each["metric"], tuple(_point(pair) for pair in each["values"])) for each in values]


def scalar_sum(values: Result) -> float | None:
    """A vector summed up; None for an empty one, and for one without a single number."""
    numbers = [_point(each["value"]).value for each in values]
    real = [number for number in numbers if not math.isnan(number)]
    return sum(real) if real else None


def _point(pair: Sequence[Any]) -> Point:
    try:
        at, value = pair
        return Point(float(at), float(value))
    except (ValueError, TypeError) as error:
        raise UnexpectedReply(f"reading a sample of Prometheus: {brief(str(pair))}") from error
