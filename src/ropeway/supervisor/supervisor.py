"""The only parent of a site's replicas and the only writer of its gateway's file, for as long as the site is up."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ropeway.adapters.local.endpoint_files import ServingFolder
from ropeway.errors import Conflict
from ropeway.interfaces.store import Store
from ropeway.supervisor.autoscale import ScalePolicy
from ropeway.supervisor.plan import Limits
from ropeway.supervisor.reconcile import Reconciler
from ropeway.supervisor.runtime_command import RuntimeCommand

PERIOD = 0.25
"""Seconds from one look to the next when nothing is under way."""
BUSY_PERIOD = 0.05
AFTER_ERROR = 1.0
TAKE_OVER = 2.0
"""Seconds to wait for an earlier supervisor's lock."""

_log = logging.getLogger("ropeway.supervisor")


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """`folder`: the serving folder. `routes`: Traefik's dynamic file, `*.yml`. `gateway`: its entry point, HOST:PORT.

    `targets`: Prometheus's list of replicas, `*.json`.
    """

    folder: Path
    routes: Path
    gateway: str
    targets: Path
    runtime: RuntimeCommand
    scale: ScalePolicy = field(default_factory=ScalePolicy)
    limits: Limits = field(default_factory=Limits)


@dataclass
class Ending:
    """How the supervisor shall end, set by a signal. `replicas`: whether they end with it."""

    asked: bool = False
    replicas: bool = True

    def listen(self) -> None:
        """SIGTERM and SIGINT end everything; SIGHUP leaves the replicas to the next supervisor."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked)

    def _asked(self, number: int, _frame: object) -> None:
        self.asked = True
        self.replicas = number != signal.SIGHUP


def run(settings: SupervisorSettings, store: Store) -> None:
    """Keep the site's endpoints until SIGTERM, which ends their replicas too, or SIGHUP, which leaves them running.

    Replicas that an earlier supervisor has left are taken over untouched. Raises Conflict when another supervisor
    has the folder.
    """
    ending = Ending()
    ending.listen()
    folder = ServingFolder(settings.folder)
    with _only_one(folder) as lock:
        reconciler = Reconciler(settings, store)
        while not ending.asked:
            busy = _look(reconciler)
            os.utime(lock)
            reconciler.wait(BUSY_PERIOD if busy else PERIOD)
        reconciler.close(replicas=ending.replicas)


def _look(reconciler: Reconciler) -> bool:
    try:
        return reconciler.reconcile()
    except Exception:  # noqa: BLE001 - the boundary of the process that keeps everything up: it outlives the unforeseen
        _log.exception("looking at the endpoints")
        time.sleep(AFTER_ERROR)
        return False


@contextmanager
def _only_one(folder: ServingFolder) -> Iterator[int]:
    """Hold the lock that says that the site is supervised; the kernel gives it back, however this process ends."""
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder.supervisor.open("a") as lock:
        deadline = time.monotonic() + TAKE_OVER
        while not _locked(lock.fileno()):
            if time.monotonic() > deadline:
                raise Conflict(f"supervising {folder.path}: another supervisor does it", "ropeway status")
            threading.Event().wait(0.05)
        yield lock.fileno()


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
