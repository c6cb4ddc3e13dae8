"""Bring one service up: install, write its configuration, start it, wait until it is well, or say why it is not."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Literal

from ropeway import waiting
from ropeway.embedded import processes, records, sockets
from ropeway.embedded.folder import SiteFolder, write
from ropeway.embedded.records import Record
from ropeway.embedded.service import Launch, Ports, Program, Progress, Service, answers
from ropeway.errors import RopewayError, Unavailable, UnexpectedReply

LOG_LIMIT = 16 * 1024 * 1024
"""Bytes after which a log is set aside at the next start; one older log is kept."""

LAST_LINES, LAST_BYTES = 12, 2000

HEALTH_LOOKS = timedelta(seconds=5)
"""How long a running service may fail its health check before it is started anew."""


@dataclass(frozen=True)
class Start:
    """One start of a site's services."""

    folder: SiteFolder
    ports: Mapping[str, Ports]
    progress: Progress
    abandoned: Event = field(default_factory=Event)
    """Set when the user has given up: nothing more is waited for."""


def bring_up(start: Start, service: Service) -> Record:
    """Leave alone what is well; start what is not there; start anew what runs but does not answer.

    Raises Unavailable with the service's last log lines when it ends or is not well in time.
    """
    record = records.load(start.folder, service.name)
    if record and record.process and record.alive:
        limit = max(HEALTH_LOOKS, service.start_within - processes.age(record.process))
        if _recovers(start, service, record, limit):
            return _kept(start.folder, record)
        start.progress(f"{service.name}: runs but does not answer, starting it anew")
        record.stop()
    return _start(start, service)


def healthy(record: Record) -> bool:
    return record.alive and (record.health is None or answers(record.health))


def _recovers(start: Start, service: Service, record: Record, limit: timedelta) -> bool:
    try:
        _well(start, service, record, limit)
    except RopewayError:
        if start.abandoned.is_set():
            raise
        return False
    return True


def _kept(folder: SiteFolder, record: Record) -> Record:
    ready = replace(record, ready=True)
    records.save(folder, ready)
    return ready


def _start(start: Start, service: Service) -> Record:
    program = service.install(start.progress)
    service.prepare(program, start.progress)
    ports = start.ports.get(service.name, {})
    launch = service.launch(program, ports)
    log = _lay_out(start.folder, service.name, launch)
    offset = log.stat().st_size
    start.progress(f"{service.name}: starting {program.version}".rstrip())
    began = time.monotonic()
    record = _spawn(start.folder, service, program, launch, ports)
    try:
        _well(start, service, record, service.start_within)
    except RopewayError as error:
        record.stop()
        raise _explained(error, record.name, log, offset) from error
    start.progress(
        f"{service.name}: up after {time.monotonic() - began:.1f} s{f' at {record.url}' if record.url else ''}"
    )
    return _kept(start.folder, record)


def _lay_out(folder: SiteFolder, name: str, launch: Launch) -> Path:
    for needed in (launch.folder or folder.part(name), *launch.folders):
        needed.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, text in launch.files.items():
        write(path, text)
    log = folder.log(name)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    log.touch(mode=0o600)
    if log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
    return log


def _spawn(folder: SiteFolder, service: Service, program: Program, launch: Launch, ports: Ports) -> Record:
    intent = Record(
        name=service.name,
        process=None,
        mark=f"{service.name}-{secrets.token_hex(8)}",
        command=launch.command,
        version=program.version,
        url=f"http://127.0.0.1:{ports['main']}" if "main" in ports else None,
        health=service.health.url(ports) if service.health else None,
        grace_s=service.grace.total_seconds(),
    )
    records.save(folder, intent)
    process = processes.start(
        launch.command,
        folder=launch.folder or folder.part(service.name),
        log=folder.log(service.name),
        environment={**launch.environment, processes.MARK: intent.mark},
    )
    record = replace(intent, process=process)
    records.save(folder, record)
    return record


def _well(start: Start, service: Service, record: Record, limit: timedelta) -> None:
    def look() -> bool:
        if not record.alive:
            raise UnexpectedReply("it ended")
        return healthy(record) and service.ready(start.ports.get(service.name, {}))

    _wait(start, look, limit, f"{service.name} to answer")
    _check_loopback(record)


def _wait(start: Start, look: Callable[[], bool], limit: timedelta, what: str) -> None:
    def unless_abandoned() -> Literal[True] | None:
        if start.abandoned.is_set():
            raise Unavailable(f"waiting for {what}: given up")
        return True if look() else None

    waiting.poll(unless_abandoned, deadline=limit, what=what, longest=timedelta(seconds=0.2))


def _check_loopback(record: Record) -> None:
    pids = [pid for pid, _ in processes.family(record.process)] if record.process else []
    open_to_others = [one for pid in pids for one in sockets.listeners_of(pid) if not one.loopback]
    if open_to_others:
        where = ", ".join(f"{one.address}:{one.port}" for one in open_to_others)
        raise UnexpectedReply(f"it listens on {where}, which is not the loopback address")


def _explained(error: RopewayError, name: str, log: Path, offset: int) -> Unavailable:
    last = last_lines(log, offset)
    return Unavailable(f"starting {name}: {error.message}" + (f"\n{last}" if last else ""), f"less {log}")


def last_lines(log: Path, offset: int = 0) -> str:
    """The last lines of a log after this byte: at most twelve, at most 2000 characters."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(min(offset, size), size - LAST_BYTES))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-LAST_LINES:])
