"""What follows from the deaths of replicas."""

from __future__ import annotations

import pytest

from ropeway.supervisor.trouble import (
    FIRST_DELAY,
    GIVE_UP_AFTER,
    LONGEST_DELAY,
    Death,
    Trouble,
    after,
    recovered,
)


def death(lived: float = 1.0, code: int | None = 1, at: float = 100.0) -> Death:
    return Death(at, lived, code, "it said why", "tail the log")


def died(times: int, proven: bool = False) -> Trouble:
    trouble = Trouble()
    for _ in range(times):
        trouble = after(trouble, death(), proven)
    return trouble


def test_the_delay_doubles_up_to_its_limit() -> None:
    delays = [died(times, proven=True).again_at - 100.0 for times in (2, 3, 4, 20)]
    assert delays == [FIRST_DELAY * 2, FIRST_DELAY * 4, FIRST_DELAY * 8, LONGEST_DELAY]


def test_one_that_has_served_is_replaced_at_once() -> None:
    assert died(1, proven=True).again_at == 100.0


def test_one_that_was_never_ready_is_given_up_with_its_last_words() -> None:
    assert not died(GIVE_UP_AFTER - 1).final
    failure = died(GIVE_UP_AFTER).failure
    assert failure is not None
    assert (failure.final, failure.reason, failure.hint) == (True, "it said why", "tail the log")


def test_one_that_was_ready_once_is_tried_for_ever() -> None:
    assert not died(50, proven=True).final


@pytest.mark.parametrize("code", [2, 4, 5])
def test_a_refusal_of_the_model_server_is_final_at_once(code: int) -> None:
    assert after(Trouble(), death(code=code), proven=False).final


@pytest.mark.parametrize("code", [None, -9, 0, 1, 6])
def test_any_other_end_is_not(code: int | None) -> None:
    assert not after(Trouble(), death(code=code), proven=False).final


def test_after_a_long_life_the_count_begins_anew() -> None:
    assert after(died(2), death(lived=3600), proven=True).deaths == 1


def test_a_failure_is_over_when_all_are_ready_but_the_count_stays() -> None:
    trouble = recovered(died(2))
    assert (trouble.failure, trouble.deaths) == (None, 2)
