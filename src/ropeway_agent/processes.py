"""The processes of a local job, found however far they have wandered, and their end."""

import os
import signal
import time
from typing import Callable, List, Optional

from ropeway_agent import identity

VARIABLE = "ROPEWAY_JOB_ID"
"""Stands in the environment of every process of a local job."""


def members(job_id: str, session: Optional[int]) -> List[int]:
    """Pids of the living processes of the job: those in its session, and those that carry its id."""
    mark = f"{VARIABLE}={job_id}".encode("ascii")
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and _is_member(pid, mark, session)]


def _is_member(pid: int, mark: bytes, session: Optional[int]) -> bool:
    try:
        if identity.start_time(pid) is None:
            return False
        if session is not None and os.getsid(pid) == session:
            return True
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:  # gone meanwhile, or somebody else's
        return False


def end_all(find: Callable[[], List[int]], grace: float, reap: Callable[[], None]) -> bool:
    """TERM to all that `find` finds, KILL to those that outlive `grace` seconds. False when some outlive even that."""
    _signal(find(), signal.SIGTERM)
    if _wait(find, grace, reap):
        return True
    _signal(find(), signal.SIGKILL)
    for _ in range(5):
        if _wait(find, 1.0, reap):
            return True
        _signal(find(), signal.SIGKILL)
    return False


def _wait(find: Callable[[], List[int]], seconds: float, reap: Callable[[], None]) -> bool:
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        reap()
        if not find():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def _signal(pids: List[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
