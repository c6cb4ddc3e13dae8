"""Threads that send parts: few for large ones, where bytes count, more for small ones, where round trips do."""

import contextlib
import os
import queue
import threading
from typing import Dict, List, NamedTuple, Optional

from ropeway_agent.errors import Failure
from ropeway_agent.pace import Pace
from ropeway_agent.sending import Expired, Part, Sender

SMALL = 1 << 20
"""Bytes up to which a part is small."""
CONNECTIONS = {"large": 4, "small": 16}
RENEWALS = 3
"""Times that a part is signed again; a store that refuses even then means it."""


class Outcome(NamedTuple):
    """What became of a part: it arrived, or its URL has to be signed again, or it failed for good."""

    part: Part
    etag: Optional[str] = None
    expired: Optional[Expired] = None
    failure: Optional[Failure] = None


class Crew:
    """Takes parts, tells outcomes; `bell` is readable when there are some."""

    def __init__(self, directory: str, budget: float) -> None:
        self._directory = directory
        self._pace = Pace(sum(CONNECTIONS.values()), budget)
        self._waiting: Dict[str, "queue.Queue[Part]"] = {kind: queue.Queue() for kind in CONNECTIONS}
        self._threads = dict.fromkeys(CONNECTIONS, 0)
        self._outcomes: "queue.Queue[Outcome]" = queue.Queue()
        self._stop = threading.Event()
        self._open = dict.fromkeys(CONNECTIONS, 0)
        self.bell, self._rope = os.pipe()
        for end in (self.bell, self._rope):
            os.set_blocking(end, False)

    @property
    def idle(self) -> bool:
        """Whether every part that was given has had its outcome."""
        return not any(self._open.values())

    def send(self, part: Part) -> None:
        if self.idle:
            self._pace.revive()
        kind = _kind(part)
        self._open[kind] += 1
        self._waiting[kind].put(part)
        if self._threads[kind] < min(CONNECTIONS[kind], self._open[kind]):
            self._threads[kind] += 1
            threading.Thread(target=self._work, args=(kind,), daemon=True).start()

    def outcomes(self) -> List[Outcome]:
        """What has come to an end since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.bell, 1 << 16)
        found = []
        while not self._outcomes.empty():
            found.append(self._outcomes.get())
            self._open[_kind(found[-1].part)] -= 1
        return found

    def stop(self) -> None:
        self._stop.set()

    def _work(self, kind: str) -> None:
        sender = Sender(self._directory, self._pace)
        while not self._stop.is_set():
            outcome = self._send(sender, self._waiting[kind].get())
            self._outcomes.put(outcome)
            with contextlib.suppress(BlockingIOError):  # then it is full of rings already
                os.write(self._rope, b".")

    def _send(self, sender: Sender, part: Part) -> Outcome:
        try:
            return Outcome(part, etag=sender.send(part, self._stop.wait))
        except Expired as expired:
            return Outcome(part, expired=expired)
        except Failure as failure:
            return Outcome(part, failure=failure)
        except Exception as error:  # noqa: BLE001 - the border of the thread: a part without outcome is waited for for ever
            sender.close()
            return Outcome(part, failure=Failure("UnexpectedReply", f"sending {part.path}: {type(error).__name__}"))


def _kind(part: Part) -> str:
    return "small" if part.size <= SMALL else "large"
