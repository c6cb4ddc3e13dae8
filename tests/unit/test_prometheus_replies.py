"""What Prometheus's query API answers, as values of ours."""

from __future__ import annotations

import json

import pytest

from ropeway.adapters.prometheus.replies import result, scalar_sum, series
from ropeway.counters import Point
from ropeway.errors import UnexpectedReply


def reply(kind: str, values: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": values}})


def test_a_matrix_becomes_series_with_points() -> None:
    text = reply("matrix", [{"metric": {"code": "200"}, "values": [[1.5, "3"], [2.5, "+Inf"]]}])
    (found,) = series(result(text, "matrix", "asking"))
    assert found.labels == {"code": "200"}
    assert found.points == (Point(1.5, 3.0), Point(2.5, float("inf")))


def test_a_vector_is_summed() -> None:
    values = [{"metric": {}, "value": [1, "2"]}, {"metric": {}, "value": [1, "0.5"]}]
    assert scalar_sum(result(reply("vector", values), "vector", "asking")) == 2.5


def test_no_data_is_none_and_never_zero() -> None:
    assert scalar_sum(result(reply("vector", []), "vector", "asking")) is None
    assert scalar_sum([{"metric": {}, "value": [1, "NaN"]}]) is None
    assert scalar_sum([{"metric": {}, "value": [1, "0"]}]) == 0


def test_a_scalar_is_a_vector_of_one() -> None:
    assert scalar_sum(result(reply("scalar", [1, "7"]), "vector", "asking")) == 7


@pytest.mark.parametrize(
    "text", ["<html>", "{}", '{"data": null}', reply("string", "x"), reply("matrix", {}), reply("matrix", None)]
)
def test_another_kind_of_reply_is_refused(text: str) -> None:
    with pytest.raises(UnexpectedReply, match="asking"):
        result(text, "matrix", "asking")


def test_a_sample_that_is_no_pair_is_refused() -> None:
    with pytest.raises(UnexpectedReply, match="reading a sample"):
        series([{"metric": {}, "values": [["x", "y"]]}])
