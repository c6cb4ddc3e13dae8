"""`ropeway`, but it kills itself with SIGKILL at the first point where it has not been killed before.

usage: python -m tests.chaos.driver KILLED create PIPELINE      prints the new run's id
       python -m tests.chaos.driver KILLED resume RUN

KILLED: a file with the points where it was killed, one a line. Points are: after each write of the journal,
between an effect's intent and the effect, and between the effect's return and its record. Called until it ends with 0,
it has been killed at every point of a run.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ropeway import api
from ropeway.errors import RopewayError
from ropeway.journal import Effect, Lease

KILLED = Path(sys.argv[1])
WRITES = ("begin", "finish", "fail", "state", "supersede")


def point(name: str) -> None:
    """Die here, unless it has happened here before. A second attempt is left in peace, or there were no end."""
    if " 1" not in name and not name.startswith("state "):
        return
    killed = KILLED.read_text().splitlines() if KILLED.exists() else []
    if name in killed:
        return
    with KILLED.open("a") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(name: str, write: Callable[..., None]) -> Callable[..., None]:
    def wrapped(lease: Lease, *words: Any) -> None:
        write(lease, *words)
        point(f"{name} {' '.join(str(word) for word in words[:2] if isinstance(word, str | int))[:60]}")

    return wrapped


def dying_around(effect: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(lease: Lease, stage: str, attempt: int, plan: Effect[Any, Any]) -> Any:
        name = f"{stage} {attempt} {plan.name}"

        def do(planned: Any) -> Any:
            point(f"{name}: intended, not done")
            record = plan.do(planned)
            point(f"{name}: done, not recorded")
            return record

        record = effect(lease, stage, attempt, dataclasses.replace(plan, do=do))
        point(f"{name}: recorded")
        return record

    return wrapped


def dying_when_intended(intend: Callable[..., None]) -> Callable[..., None]:
    def wrapped(lease: Lease, place: tuple[str, str, int, str], plan: str) -> None:
        intend(lease, place, plan)
        point(f"{place[1]} {place[2]} {place[3]}: intended")

    return wrapped


def main() -> int:
    for name in WRITES:
        setattr(Lease, name, dying_after(name, getattr(Lease, name)))
    Lease._intend = dying_when_intended(Lease._intend)  # type: ignore[method-assign]
    Lease.effect = dying_around(Lease.effect)  # type: ignore[method-assign]
    try:
        if sys.argv[2] == "create":
            print(api.create(Path(sys.argv[3])))
        else:
            api.resume(sys.argv[3])
    except RopewayError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
