"""Recorded answers, and answers that are not the recorded ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ropeway.errors import StageFailed
from ropeway.stages.answers import Example, difference, read_examples
from ropeway.stages.verify import percentile

OUTPUT = {"name": "scores", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}
EXAMPLE = Example((), (OUTPUT,))


def answer(**changes: object) -> bytes:
    return json.dumps({"outputs": [OUTPUT | changes]}).encode()


def test_the_recorded_answer_differs_by_nothing() -> None:
    assert difference(EXAMPLE, answer()) == 0


def test_nested_data_is_the_same_as_flat_data() -> None:
    assert difference(EXAMPLE, answer(data=[[0.25, 0.75]])) == 0


def test_the_largest_difference_is_told() -> None:
    assert difference(EXAMPLE, answer(data=[0.5, 0.7])) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        answer(name="other"),
        answer(shape=[2, 1]),
        answer(data=[0.25]),
        answer(data=["a", "b"]),
        answer(data=None),
    ],
)
def test_another_shape_is_no_answer(body: bytes) -> None:
    assert difference(EXAMPLE, body) is None


def test_examples_that_are_absent_are_none_and_broken_ones_are_told(tmp_path: Path) -> None:
    path = tmp_path / "examples.json"
    assert read_examples(path) is None
    for broken in ("{", "[]", '{"examples": []}', '{"examples": [{"inputs": []}]}'):
        path.write_text(broken)
        with pytest.raises(StageFailed, match=r"examples\.json"):
            read_examples(path)


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.95), percentile(values, 0.5), percentile([3.0], 0.95)) == (95.0, 50.0, 3.0)
