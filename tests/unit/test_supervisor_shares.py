"""Which share of the traffic each revision gets while revisions come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ropeway.interfaces.serving import RevisionId
from ropeway.supervisor.shares import Carrier, shares

OLD, NEW = RevisionId("v1"), RevisionId("v2")


def carrier(revision: RevisionId, weight: int, ready: int, minimum: int = 1, alive: int | None = None) -> Carrier:
    return Carrier(revision, weight, minimum, ready, ready if alive is None else alive)


def test_ready_revisions_get_what_is_wished() -> None:
    assert shares([carrier(OLD, 90, 1), carrier(NEW, 10, 1)], {OLD: 100}) == {OLD: 90, NEW: 10}


def test_a_canary_that_is_not_ready_gets_nothing_yet() -> None:
    assert shares([carrier(OLD, 90, 1), carrier(NEW, 10, 0)], {OLD: 100}) == {OLD: 100}


def test_the_old_revision_serves_until_the_new_one_can() -> None:
    replacement = [carrier(NEW, 100, 1, minimum=2), carrier(OLD, 0, 1)]
    assert shares(replacement, {OLD: 100}) == {OLD: 100}
    assert shares([carrier(NEW, 100, 2, minimum=2), carrier(OLD, 0, 1)], {OLD: 100}) == {NEW: 100}


def test_a_revision_keeps_its_traffic_while_one_replica_is_left() -> None:
    assert shares([carrier(OLD, 100, 1, minimum=3)], {OLD: 100}) == {OLD: 100}


def test_a_replica_that_is_slow_to_say_ready_keeps_its_traffic() -> None:
    assert shares([carrier(OLD, 100, 0, alive=1)], {OLD: 100}) == {OLD: 100}


def test_when_the_canary_dies_the_other_takes_all() -> None:
    assert shares([carrier(OLD, 50, 1), carrier(NEW, 50, 0)], {OLD: 50, NEW: 50}) == {OLD: 100}


def test_one_of_three_replicas_is_better_than_nobody() -> None:
    assert shares([carrier(NEW, 100, 1, minimum=3)], {}) == {NEW: 100}


def test_what_is_wished_to_have_no_traffic_gets_none() -> None:
    assert shares([carrier(OLD, 0, 1)], {OLD: 100}) == {}
    assert shares([], {OLD: 100}) == {}


CARRIERS = st.lists(
    st.builds(
        carrier, st.sampled_from([RevisionId(f"v{n}") for n in range(5)]), st.integers(0, 100), st.integers(0, 3)
    ),
    unique_by=lambda each: each.revision,
)
SHARES = st.dictionaries(st.sampled_from([RevisionId(f"v{n}") for n in range(5)]), st.integers(1, 100), max_size=3)


@given(CARRIERS, SHARES)
def test_shares_add_up_to_everything_or_nothing(carriers: list[Carrier], now: dict[RevisionId, int]) -> None:
    assert sum(shares(carriers, now).values()) in (0, 100)


@given(CARRIERS, SHARES)
def test_only_living_revisions_get_traffic(carriers: list[Carrier], now: dict[RevisionId, int]) -> None:
    alive = {each.revision for each in carriers if each.alive}
    assert set(shares(carriers, now)) <= alive


@given(CARRIERS, SHARES)
def test_somebody_answers_whenever_somebody_wished_can(carriers: list[Carrier], now: dict[RevisionId, int]) -> None:
    if any(each.weight and each.ready for each in carriers):
        assert shares(carriers, now)
