"""What a store's reply to an upload means, and how long we bear with it."""

from __future__ import annotations

import pytest

from ropeway_agent.pace import Pace, pause
from ropeway_agent.replies import Reply, read_reply, refusal

SECRET = b"<Error><Code>SignatureDoesNotMatch</Code><StringToSign>c0ffee</StringToSign></Error>"


def reply(status: int, code: str = "") -> Reply:
    return Reply(status, code, None, None)


def test_only_the_code_is_kept() -> None:
    read = read_reply(403, {"etag": '"e"', "retry-after": "7"}, SECRET)
    assert read == Reply(403, "SignatureDoesNotMatch", '"e"', 7.0)
    assert "c0ffee" not in str(refusal("model.bin", read))


@pytest.mark.parametrize("header", ["", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "x"])
def test_a_wait_that_is_no_number_of_seconds_is_none(header: str) -> None:
    assert read_reply(503, {"retry-after": header}, b"").wait is None


@pytest.mark.parametrize("status", [200, 201, 204])
def test_arrived(status: int) -> None:
    assert reply(status).arrived


@pytest.mark.parametrize("found", [reply(503), reply(500), reply(429), reply(408), reply(400, "RequestTimeout")])
def test_what_may_pass_is_tried_again(found: Reply) -> None:
    assert found.again
    assert not found.arrived


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (reply(400, "BadDigest"), "UnexpectedReply"),
        (reply(400, "XAmzContentChecksumMismatch"), "UnexpectedReply"),
        (reply(403, "AccessDenied"), "AccessError"),
        (reply(404, "NoSuchUpload"), "Conflict"),
        (reply(301), "UnexpectedReply"),
        (reply(400, "EntityTooLarge"), "UnexpectedReply"),
    ],
)
def test_what_will_not_pass_is_told(found: Reply, kind: str) -> None:
    assert not found.again
    assert refusal("a", found).kind == kind


def test_a_pause_grows_is_never_the_same_and_has_an_end() -> None:
    assert len({pause(3, None) for _ in range(20)}) > 10
    assert all(0.05 <= pause(0, None) <= 0.1 for _ in range(20))
    assert all(5 <= pause(30, None) <= 10 for _ in range(20))


def test_a_pause_that_the_store_asks_for_is_kept_up_to_30_s() -> None:
    assert pause(0, 7.0) == 7.0
    assert pause(0, 3600.0) == 30.0


def test_a_busy_store_gets_half_once_a_crowd_and_more_again_later() -> None:
    pace = Pace(8, 60)
    for _ in range(5):
        pace.slower()
    assert pace._allowed == 4
    for _ in range(100):
        pace.well()
    assert pace._allowed == 8


def test_the_budget_runs_from_the_last_arrival() -> None:
    assert Pace(8, -1).spent
    assert not Pace(8, 60).spent
