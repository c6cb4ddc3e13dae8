"""How many replicas a load needs."""

from __future__ import annotations

from ropeway.supervisor.autoscale import Load, ScalePolicy, demand, desired, observe

POLICY = ScalePolicy(target=4, window=2, quiet=60)


def seen(*loads: tuple[float, float]) -> tuple[Load, ...]:
    history: tuple[Load, ...] = ()
    for at, in_flight in loads:
        history = observe(history, at, in_flight, POLICY)
    return history


def test_without_load_there_is_the_minimum() -> None:
    assert desired((), 2, 5) == 2
    assert desired(seen((1, 0)), 2, 5) == 2


def test_a_steady_load_brings_a_replica_for_each_four_in_flight() -> None:
    assert desired(seen((1, 9), (2, 9), (3, 9)), 1, 5) == 3


def test_scaling_up_takes_no_longer_than_the_window() -> None:
    assert desired(seen((1, 0), (2, 0), (3, 16), (4, 16)), 1, 5) >= 2
    assert desired(seen((1, 0), (2, 0), (3, 16), (4, 16), (5, 16)), 1, 5) == 4


def test_one_burst_among_quiet_looks_counts_by_its_mean() -> None:
    assert desired(seen((1, 0), (2, 8)), 1, 5) == 1


def test_never_more_than_the_maximum() -> None:
    assert desired(seen((1, 100)), 1, 3) == 3


def test_a_replica_goes_only_after_the_quiet_time() -> None:
    busy = seen((0, 8), (1, 8))
    quiet_for_a_while = observe(busy, 59, 0, POLICY)
    assert desired(quiet_for_a_while, 1, 3) == 2
    assert desired(observe(quiet_for_a_while, 62, 0, POLICY), 1, 3) == 1


def test_a_revision_prepares_for_the_share_that_it_is_about_to_get() -> None:
    assert demand(own=0, endpoint=12, weight=50) == 6
    assert demand(own=12, endpoint=12, weight=50) == 12
