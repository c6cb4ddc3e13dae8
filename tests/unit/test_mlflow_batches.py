"""A run's values are sent in portions that every MLflow server takes, each point once."""

from __future__ import annotations

import json
import math

import pytest

from ropeway.adapters.mlflow.batches import batches, identity
from ropeway.errors import ConfigError
from ropeway.interfaces.registry import Point, RunValues


def test_nothing_to_log_is_no_request() -> None:
    assert batches("run", RunValues(finished=True)) == []


def test_a_small_run_is_one_request() -> None:
    values = RunValues({"rate": "0.1"}, [Point("loss", 0.5, 3, 1_700_000_000.1234)], {"team": "vision"})
    assert batches("run", values) == [
        {
            "run_id": "run",
            "metrics": [{"key": "loss", "value": 0.5, "timestamp": 1_700_000_000_123, "step": 3}],
            "params": [{"key": "rate", "value": "0.1"}],
            "tags": [{"key": "team", "value": "vision"}],
        }
    ]


def test_every_request_is_within_the_servers_limits_and_nothing_is_lost() -> None:
    values = RunValues(
        {f"p{number}": "x" * 6000 for number in range(130)},
        [Point("a-metric-with-a-long-name" * 3, step + 0.123456789, step, step) for step in range(2500)],
        {f"t{number}": "x" * 5000 for number in range(130)},
    )
    found = batches("run", values)
    for batch in found:
        assert len(batch["params"]) <= 100
        assert len(batch["tags"]) <= 100
        assert sum(len(batch[name]) for name in ("metrics", "params", "tags")) <= 1000
        assert len(json.dumps(batch)) < 1_000_000
    assert sum(len(batch["metrics"]) for batch in found) == 2500
    assert sum(len(batch["params"]) for batch in found) == 130
    assert sum(len(batch["tags"]) for batch in found) == 130


def test_the_same_point_is_sent_once_and_no_number_is_not_one() -> None:
    odd = [Point("odd", value, 0, 1) for value in (math.nan, math.inf, -math.inf, 1.0)]
    (batch,) = batches("run", RunValues(points=[*odd, *odd]))
    assert [metric["value"] for metric in batch["metrics"]] == ["NaN", "Infinity", "-Infinity", 1.0]


def test_a_point_is_known_again_in_the_servers_own_words() -> None:
    # Told by MLflow 3.17.2 and 2.9.2 for NaN and infinity on 2026-11-22.
    told = [
        {"key": "loss", "value": "NaN", "timestamp": 1000, "step": 2},
        {"key": "loss", "value": 1.7976931348623157e308, "timestamp": 1000, "step": 3},
    ]
    points = [Point("loss", math.nan, 2, 1), Point("loss", math.inf, 3, 1)]
    (batch,) = batches("run", RunValues(points=points))
    assert [identity(metric) for metric in batch["metrics"]] == [identity(metric) for metric in told]


@pytest.mark.parametrize(
    "values", [RunValues({"p": "x" * 6001}), RunValues(tags={"t": "x" * 5001}), RunValues({"p": "a\0b"})]
)
def test_a_value_that_would_be_cut_is_refused(values: RunValues) -> None:
    with pytest.raises(ConfigError):
        batches("run", values)
