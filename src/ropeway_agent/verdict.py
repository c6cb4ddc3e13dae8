"""How a local job ended: one pure decision from what its shepherd saw."""

import os
import signal
from typing import Any, Dict, NamedTuple, Optional, Tuple

MARKER_LOST = "it ended without its marker"
_SIGNALS = {int(known): known.name for known in signal.Signals}


class Ending(NamedTuple):
    """`asked` is why its shepherd ended it: "cancelled", "timeout", "stopped", or None when it ended by itself."""

    status: int
    asked: Optional[str]
    killed_for_memory: bool
    marker: Optional[Dict[str, Any]]
    limit: Optional[float]


def decide(ending: Ending) -> Dict[str, Any]:
    """state, exit_code, signal and reason, as JobStatus has them."""
    exit_code, number = codes(ending.status)
    if ending.asked == "cancelled":
        return _record("cancelled", exit_code, number, None)
    if ending.asked == "timeout":
        return _record("timeout", exit_code, number, f"it ran longer than its limit of {ending.limit:g} s")
    if ending.killed_for_memory and exit_code != 0:
        return _record("out-of-memory", exit_code, number, "it needed more memory than it may have")
    if ending.asked == "stopped":
        return _record("failed", exit_code, number, "its shepherd was told to stop, from outside")
    return _by_itself(exit_code, number, ending.marker)


def by_marker(marker: Dict[str, Any]) -> Dict[str, Any]:
    """The same from the batch script's own marker alone, for a job whose shepherd was killed."""
    exit_code = int(marker["exit_code"])
    return _by_itself(exit_code, _signal_of(exit_code), marker)


def _by_itself(exit_code: Optional[int], number: Optional[int], marker: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    if exit_code == 0 and marker is None:
        return _record("failed", exit_code, number, MARKER_LOST)
    if exit_code == 0:
        return _record("succeeded", 0, None, None)
    noted = marker["reason"] if marker is not None else ""
    return _record("failed", exit_code, number, noted or explain(exit_code, number))


def _record(state: str, exit_code: Optional[int], number: Optional[int], reason: Optional[str]) -> Dict[str, Any]:
    return {"state": state, "exit_code": exit_code, "signal": number, "reason": reason}


def codes(status: int) -> Tuple[Optional[int], Optional[int]]:
    """(exit code, signal) of a wait status. bash passes a command's signal on as 128 + n: then both are told."""
    if os.WIFSIGNALED(status):
        return None, os.WTERMSIG(status)
    exit_code = os.WEXITSTATUS(status)
    return exit_code, _signal_of(exit_code)


def _signal_of(exit_code: int) -> Optional[int]:
    number = exit_code - 128
    return number if number in _SIGNALS else None


def explain(exit_code: Optional[int], number: Optional[int]) -> str:
    return f"exit code {exit_code}" if number is None else f"killed by {_SIGNALS.get(number, number)}"
