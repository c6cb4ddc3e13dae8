"""Hold a run while working on it: a heartbeat in the background, which also hears that the run is to be cancelled."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Self

from ropeway.errors import Conflict, RopewayError, Unavailable
from ropeway.journal import Lease
from ropeway.journal.lease import HEARTBEAT_SECONDS


class Holding:
    """Interrupts the main thread (KeyboardInterrupt) when the run is lost or to be cancelled; `reason` tells which.

    `listens`: whether a request to cancel counts.
    """

    def __init__(self, lease: Lease, *, listens: bool = True) -> None:
        self._lease = lease
        self._listens = listens
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.reason: RopewayError | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        try:
            self._thread.join()
        finally:
            self._lease.release()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            try:
                cancelled = self._lease.heartbeat()
            except Unavailable:
                continue
            except Conflict as error:
                self._stop(error)
                return
            if cancelled and self._listens:
                self._stop(Conflict(f"working on the run {self._lease.run}: it is being cancelled"))
                return

    def _stop(self, reason: RopewayError) -> None:
        """A real signal: the main thread may be waiting in a system call, for a job's end."""
        self.reason = reason
        if self._over.is_set():
            return
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
