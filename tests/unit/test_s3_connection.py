"""A request is repeated while time is left, and no longer."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ropeway.adapters.s3.connection import Connection, Options, parallel
from ropeway.errors import AccessError, RopewayError, Unavailable


class Hands:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def connection(
    monkeypatch: pytest.MonkeyPatch, answers: list[RopewayError | str], takes: float = 0.0
) -> tuple[Connection, Hands]:
    clock = Hands()

    def once(_: Connection, doing: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        clock.seconds += takes
        answer = answers.pop(0)
        if isinstance(answer, RopewayError):
            raise answer
        return {"doing": doing, "operation": operation, "answer": answer, **parameters}

    monkeypatch.setattr(Connection, "_once", once)
    options = Options(deadline=timedelta(seconds=30), clock=clock)
    return Connection({"controller": "http://store"}, "models", "us-east-1", None, options), clock


def test_a_request_is_repeated_until_the_store_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    here, clock = connection(monkeypatch, [Unavailable("down"), Unavailable("down"), "back"])
    assert here.call("reading", "head_object", Key="k")["answer"] == "back"
    assert 0.2 < clock.seconds < 1


@pytest.mark.parametrize("takes", [0.0, 1.0, 10.0])
def test_the_last_try_ends_before_the_deadline(monkeypatch: pytest.MonkeyPatch, takes: float) -> None:
    here, clock = connection(monkeypatch, [Unavailable("down") for _ in range(100)], takes)
    with pytest.raises(Unavailable):
        here.call("reading", "head_object", Key="k")
    assert clock.seconds <= 30


def test_what_must_not_be_repeated_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    here, _ = connection(monkeypatch, [Unavailable("down"), "back"])
    with pytest.raises(Unavailable):
        here.call("writing", "put_object", again=False, Key="k")


def test_a_refusal_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    here, clock = connection(monkeypatch, [AccessError("no"), "back"])
    with pytest.raises(AccessError):
        here.call("reading", "head_object", Key="k")
    assert clock.seconds == 0


def test_after_the_first_error_no_further_item_is_begun() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            begun.append(item)
        if item == 0:
            raise Unavailable("down")
        return item

    with pytest.raises(Unavailable):
        parallel(work, range(10_000))
    assert len(begun) < 10_000
    assert parallel(lambda item: item * 2, range(20)) == [item * 2 for item in range(20)]
