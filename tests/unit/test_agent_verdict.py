"""How a local job ended: every ending told apart."""

from __future__ import annotations

from typing import Any

import pytest

from ropeway_agent.verdict import Ending, by_marker, codes, decide

MARKED: dict[str, Any] = {"exit_code": 0, "reason": ""}
EXIT_3, KILLED, SEGV_BY_BASH = 3 << 8, 9, (128 + 11) << 8


def ended(status: int = 0, **changes: Any) -> dict[str, Any]:
    ending = Ending(status, asked=None, killed_for_memory=False, marker=MARKED, limit=None)
    return decide(ending._replace(**changes))


def told(state: str, exit_code: int | None, signal: int | None, reason: str | None) -> dict[str, Any]:
    return {"state": state, "exit_code": exit_code, "signal": signal, "reason": reason}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ended(), told("succeeded", 0, None, None)),
        (ended(EXIT_3), told("failed", 3, None, "exit code 3")),
        (ended(KILLED, marker=None), told("failed", None, 9, "killed by SIGKILL")),
        (ended(SEGV_BY_BASH), told("failed", 139, 11, "killed by SIGSEGV")),
        (
            ended(65 << 8, marker={"exit_code": 65, "reason": "left no model"}),
            told("failed", 65, None, "left no model"),
        ),
        (ended(0, marker=None), told("failed", 0, None, "it ended without its marker")),
        (ended(15, asked="cancelled"), told("cancelled", None, 15, None)),
        (ended(0, asked="cancelled"), told("cancelled", 0, None, None)),
        (ended(15, asked="timeout", limit=60.0), told("timeout", None, 15, "it ran longer than its limit of 60 s")),
        (ended(0, asked="timeout", limit=0.5), told("timeout", 0, None, "it ran longer than its limit of 0.5 s")),
        (ended(0, killed_for_memory=True), told("succeeded", 0, None, None)),
    ],
)
def test_an_ending(record: dict[str, Any], expected: dict[str, Any]) -> None:
    assert record == expected


@pytest.mark.parametrize("status", [KILLED, (128 + 9) << 8, 1 << 8])
def test_a_kill_for_memory_explains_a_failure(status: int) -> None:
    assert ended(status, killed_for_memory=True)["state"] == "out-of-memory"


def test_the_marker_alone_tells_as_much() -> None:
    assert by_marker({"exit_code": 0, "reason": ""}) == told("succeeded", 0, None, None)
    assert by_marker({"exit_code": 137, "reason": ""}) == told("failed", 137, 9, "killed by SIGKILL")
    assert by_marker({"exit_code": 65, "reason": "left no model"})["reason"] == "left no model"


@pytest.mark.parametrize("exit_code", [1, 64, 127, 128, 200, 255])
def test_a_plain_exit_code_is_no_signal(exit_code: int) -> None:
    assert codes(exit_code << 8) == (exit_code, None)
