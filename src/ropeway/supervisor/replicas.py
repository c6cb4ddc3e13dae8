"""The site's replicas: started, adopted, signalled and reaped by the one process that may."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ropeway.adapters.local.endpoint_files import ServingFolder
from ropeway.embedded import processes, sockets
from ropeway.embedded.processes import Process
from ropeway.errors import Unavailable
from ropeway.interfaces.serving import RevisionSpec
from ropeway.supervisor import replica_logs, replica_records
from ropeway.supervisor.plan import Phase, Replica
from ropeway.supervisor.replica_records import ReplicaRecord
from ropeway.supervisor.runtime_command import RuntimeCommand
from ropeway.supervisor.trouble import Death

LOWEST, HIGHEST = 20000, 30000
"""Ports of replicas: below 32768, from where Linux hands out ports for outgoing connections."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A replica that is no more. `expected`: it was told to stop."""

    replica: Replica
    death: Death
    expected: bool


class Fleet:
    """All replicas of the site by id. Not thread-safe: the supervisor's loop owns it."""

    def __init__(self, folder: ServingFolder, command: RuntimeCommand) -> None:
        self._folder = folder
        self._command = command
        self._processes: dict[str, Process] = {}
        self._watches: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._last_port = LOWEST
        self.replicas: dict[str, Replica] = {}

    def adopt(self, serving: frozenset[str]) -> None:
        """Take over what runs. `serving`: replicas in the gateway's file, which were ready when they came there."""
        for record in replica_records.load(self._folder):
            if record.process is None:
                continue
            phase = Phase.READY if record.id in serving else Phase.STARTING
            self._take(record, record.process, phase)
            self._last_port = max(self._last_port, record.port)

    def of(self, endpoint: str) -> tuple[Replica, ...]:
        return tuple(each for each in self.replicas.values() if each.endpoint == endpoint)

    def start(self, endpoint: str, spec: RevisionSpec, model_dir: Path) -> Replica:
        """One more replica of the revision. Raises ConfigError when the program cannot be executed."""
        port = self._free_port()
        record = ReplicaRecord(self._new_id(spec), endpoint, spec.id, spec.model, spec.digest, port, time.time())
        replica_records.save(self._folder, record)
        log = self.log(record.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            process = processes.start(
                self._command.arguments(spec, model_dir, port),
                folder=model_dir,
                log=log,
                environment={
                    **self._command.environment(record.id),
                    processes.MARK: replica_records.mark(self._folder, record.id),
                },
            )
        except BaseException:
            replica_records.forget(self._folder, record.id)
            raise
        record = replace(record, process=process)
        replica_records.save(self._folder, record)
        return self._take(record, process, Phase.STARTING)

    def enter(self, replica: str, phase: Phase) -> None:
        """Quiet when it is in that phase."""
        found = self.replicas[replica]
        if found.phase is not phase:
            self.replicas[replica] = replace(found, phase=phase, since=time.time())

    def loaded(self, replica: str, in_flight: float) -> None:
        self.replicas[replica] = replace(self.replicas[replica], in_flight=in_flight)

    def terminate(self, replica: str, fault: str = "") -> None:
        """SIGTERM. With a `fault`, its end counts as a death of that reason."""
        if fault:
            self._faults[replica] = fault
        self._signal(replica, signal.SIGTERM)
        self.enter(replica, Phase.STOPPING)

    def kill(self, replica: str) -> None:
        self._signal(replica, signal.SIGKILL)

    def reap(self) -> Iterator[Ended]:
        """Those that have ended since the last call, no longer part of the fleet."""
        for replica in list(self.replicas.values()):
            ended, code = _ended(self._processes[replica.id])
            if ended:
                yield self._bury(replica, code)
            else:
                replica_logs.trim(self.log(replica.id))

    def wait(self, seconds: float) -> None:
        """Until a replica ends, at most so long."""
        poll = select.poll()
        for watch in self._watches.values():
            poll.register(watch, select.POLLIN)
        poll.poll(seconds * 1000)

    def log(self, replica: str) -> Path:
        return self._folder.logs / f"{replica}.log"

    def _take(self, record: ReplicaRecord, process: Process, phase: Phase) -> Replica:
        self._processes[record.id] = process
        with contextlib.suppress(ProcessLookupError):  # it has ended already: the next reap sees it
            self._watches[record.id] = os.pidfd_open(process.pid)
        self.replicas[record.id] = Replica(
            *(record.id, record.endpoint, record.revision, record.model, record.digest, record.port),
            *(process.pid, record.started, phase, time.time()),
        )
        return self.replicas[record.id]

    def _bury(self, replica: Replica, code: int | None) -> Ended:
        del self._processes[replica.id]
        watch = self._watches.pop(replica.id, None)
        if watch is not None:
            os.close(watch)
        del self.replicas[replica.id]
        replica_records.forget(self._folder, replica.id)
        fault = self._faults.pop(replica.id, "")
        now = time.time()
        reason, hint = (fault, None) if fault else self._last_words(replica.id, code)
        death = Death(now, now - replica.started, code, reason, hint)
        return Ended(replica, death, expected=replica.phase is Phase.STOPPING and not fault)

    def _last_words(self, replica: str, code: int | None) -> tuple[str, str | None]:
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}", f"tail {self.log(replica)}"
        said, hint = replica_logs.last_words(self.log(replica))
        if hint is None:
            said = f"it ended{'' if code is None else f' with exit code {code}'}: {said}"
        return said, hint or f"tail {self.log(replica)}"

    def _signal(self, replica: str, number: signal.Signals) -> None:
        process = self._processes[replica]
        found = processes.stat(process.pid)
        if found is not None and found.started == process.started:
            os.kill(process.pid, number)

    def _new_id(self, spec: RevisionSpec) -> str:
        taken = set(self.replicas)
        number = 1
        while f"{spec.id}-{number}" in taken or self.log(f"{spec.id}-{number}").exists():
            number += 1
        return f"{spec.id}-{number}"

    def _free_port(self) -> int:
        """Ports are used in turn: one that was just given up may still be in the gateway's file."""
        used = {replica.port for replica in self.replicas.values()}
        span = HIGHEST - LOWEST
        for step in range(1, span):
            port = LOWEST + (self._last_port - LOWEST + step) % span
            if port not in used and not sockets.taken(port):
                self._last_port = port
                return port
        raise Unavailable(f"choosing a port for a replica: none is free from {LOWEST} to {HIGHEST}", "ss -ltn")


def _ended(process: Process) -> tuple[bool, int | None]:
    """Whether it has, and its exit code (negative: a signal), which only its parent is told."""
    try:
        pid, status = os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        return not processes.alive(process), None
    return (True, os.waitstatus_to_exitcode(status)) if pid else (False, None)
