"""When a canary advances, waits or is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ropeway.interfaces.metrics import Window
from ropeway.rollout import METRICS_LAG, Abort, Advance, Hold, Plan, Replay, Step, decide

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan(
    steps=(10, 50, 100),
    hold=timedelta(seconds=5),
    not_judged="replay",
    min_requests=20,
    max_error_rate=0.01,
    max_latency_ratio=2.0,
)
STEP = Step(10, START)
GOOD = Window(100, 0, 0.010)
HELD = START + PLAN.hold


def test_a_good_canary_is_held_before_it_advances() -> None:
    assert isinstance(decide(PLAN, STEP, GOOD, GOOD, START), Hold)
    assert decide(PLAN, STEP, GOOD, GOOD, HELD) == Advance(50, judged=True)


def test_the_last_step_advances_to_the_end() -> None:
    assert decide(PLAN, Step(100, START), None, GOOD, HELD) == Advance(None, judged=True)


def test_a_failing_canary_is_taken_back_before_the_hold_is_over() -> None:
    assert isinstance(decide(PLAN, STEP, GOOD, Window(100, 20, 0.01), START), Abort)


def test_a_canary_that_fails_no_more_than_the_stable_one_stays() -> None:
    assert isinstance(decide(PLAN, STEP, Window(100, 20, 0.01), Window(100, 20, 0.01), HELD), Advance)


def test_a_slow_canary_is_taken_back() -> None:
    slow = Window(100, 0, 0.050)
    assert isinstance(decide(PLAN, STEP, GOOD, slow, START), Hold), "the first answers are slow for other reasons"
    decision = decide(PLAN, STEP, GOOD, slow, HELD)
    assert isinstance(decision, Abort)
    assert "50 ms" in decision.reason


def test_a_p95_of_few_requests_is_not_judged() -> None:
    assert isinstance(decide(PLAN, STEP, GOOD, Window(99, 0, 9.0), HELD), Advance)


def test_a_small_difference_is_no_slowness_whatever_its_ratio() -> None:
    assert isinstance(decide(PLAN, STEP, Window(100, 0, 0.001), Window(100, 0, 0.009), HELD), Advance)


@pytest.mark.parametrize("canary", [None, Window(0, 0, None), Window(19, 19, 9.0)])
def test_too_few_requests_are_not_judged(canary: Window | None) -> None:
    assert decide(PLAN, STEP, GOOD, canary, HELD) == Replay()
    assert isinstance(decide(replace(PLAN, not_judged="wait"), STEP, GOOD, canary, HELD), Hold)
    assert decide(replace(PLAN, not_judged="pass"), STEP, GOOD, canary, HELD) == Advance(50, judged=False)


def test_examples_are_sent_once_and_then_waited_for_but_not_for_ever() -> None:
    replayed = replace(STEP, replayed_at=HELD)
    assert isinstance(decide(PLAN, replayed, GOOD, None, HELD), Hold)
    late = HELD + METRICS_LAG + timedelta(seconds=1)
    assert isinstance(decide(PLAN, replayed, GOOD, None, late), Abort)


@given(
    requests=st.integers(0, 1000),
    share=st.floats(0, 1),
    p95=st.none() | st.floats(0, 10),
    seconds=st.floats(0, 1000),
    not_judged=st.sampled_from(["replay", "wait", "pass"]),
)
def test_it_never_advances_early_nor_with_too_many_errors(
    requests: int, share: float, p95: float | None, seconds: float, not_judged: str
) -> None:
    errors = int(requests * share)
    plan = replace(PLAN, not_judged=not_judged)
    decision = decide(plan, STEP, GOOD, Window(requests, errors, p95), START + timedelta(seconds=seconds))
    if isinstance(decision, Advance):
        assert seconds >= plan.hold.total_seconds()
        assert requests < plan.min_requests or errors / requests <= plan.max_error_rate
