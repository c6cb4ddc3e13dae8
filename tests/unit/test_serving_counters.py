"""Counting between two moments from samples of counters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.counters import Point, Series, increase, quantile, window
from ropeway.interfaces.metrics import Window


def points(*pairs: tuple[float, float]) -> tuple[Point, ...]:
    return tuple(Point(at, value) for at, value in pairs)


def test_what_was_counted_before_is_taken_off() -> None:
    assert increase(points((1, 100), (11, 104), (12, 110)), 10, 20) == 10


def test_a_counter_born_inside_counts_from_zero() -> None:
    assert increase(points((12, 3), (13, 5)), 10, 20) == 5


def test_a_counter_that_falls_was_begun_anew() -> None:
    assert increase(points((9, 7), (11, 9), (12, 2), (13, 3)), 10, 20) == 5


def test_points_after_the_end_do_not_count() -> None:
    assert increase(points((9, 1), (15, 2), (21, 50)), 10, 20) == 1


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.sets(st.integers(0, 29)), st.integers(0, 29))
def test_any_restarts_lose_nothing(steps: list[int], restarts: set[int], start: int) -> None:
    """Each step counts some and is sampled; at a restart the counter begins at what it counts then."""
    value, taken = 0, []
    for at, step in enumerate(steps):
        # A restart that counts no less than before cannot be told from none.
        value = step if at in restarts and step < value else value + step
        taken.append(Point(float(at), float(value)))
    assert increase(taken, start, 100) == sum(steps[start + 1 :])


def test_windows_of_neighbours_add_up() -> None:
    counted = points((0, 0), (3, 4), (6, 9), (9, 1), (12, 8))
    assert increase(counted, 0, 5) + increase(counted, 5, 12) == increase(counted, 0, 12)


@pytest.mark.parametrize(
    ("below", "value"),
    [
        ({0.1: 0, 0.2: 100, math.inf: 100}, 0.195),
        ({0.1: 100, math.inf: 100}, 0.095),
        ({0.1: 50, 0.2: 50, math.inf: 100}, 0.2),
        ({0.1: 90, 0.2: 95, 0.3: 100, math.inf: 100}, 0.2),
        ({0.1: 0, math.inf: 0}, None),
        ({}, None),
    ],
)
def test_the_quantile_is_linear_within_its_bucket(below: dict[float, float], value: float | None) -> None:
    assert quantile(0.95, below) == pytest.approx(value)


def series(label: str, name: str, *pairs: tuple[float, float]) -> Series:
    return Series({label: name}, points(*pairs))


def test_a_window_counts_requests_errors_and_latency_over_replicas() -> None:
    requests = [
        series("code", "200", (9, 5), (15, 25)),
        series("code", "200", (15, 70)),
        series("code", "503", (12, 2), (15, 4)),
        series("code", "400", (15, 6)),
    ]
    buckets = [series("le", "0.01", (15, 100)), series("le", "+Inf", (15, 100))]
    found = window(requests, buckets, 10, 20)
    assert found is not None
    assert (found.requests, found.errors) == (100, 4)
    assert found.latency_p95 == pytest.approx(0.0095)


def test_requests_that_are_known_to_be_none_are_no_missing_measurement() -> None:
    assert window([series("code", "200", (9, 5), (15, 5))], [], 10, 20) == Window(0, 0, None)


def test_without_a_point_inside_nothing_was_measured() -> None:
    assert window([series("code", "200", (9, 5), (21, 9))], [], 10, 20) is None
    assert window([], [], 10, 20) is None
