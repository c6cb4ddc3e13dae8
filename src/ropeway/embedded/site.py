"""The one-machine site: `up` starts what is not well, `down` ends it, `state` tells what runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from ropeway.embedded import mlflow, ports, processes, prometheus, records, seaweedfs, starting, traefik
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.records import Record
from ropeway.embedded.service import Progress, Service
from ropeway.embedded.starting import Start
from ropeway.errors import ConfigError


@dataclass(frozen=True)
class Addresses:
    """Where the site's services answer. URLs without a slash at the end; credentials as references, never as values."""

    registry: str
    store: str
    bucket: str
    access_key: str
    secret_key: str
    gateway: str
    gateway_admin: str
    """Traefik's ping, metrics and read-only API."""
    metrics: str | None
    """None where Prometheus is not installed."""


@dataclass(frozen=True)
class ServiceState:
    """One service as it is now."""

    name: str
    running: bool
    healthy: bool
    url: str | None
    pid: int | None
    memory: int
    """Resident bytes, with what it started in its own session."""
    log: Path
    version: str


def services(folder: SiteFolder) -> list[Service]:
    """The services of a site on this machine; metrics only where Prometheus is installed."""
    always = [seaweedfs.service(folder), mlflow.service(folder), traefik.service(folder)]
    return [*always, prometheus.service(folder)] if prometheus.program() else always


def up(folder: SiteFolder, progress: Progress, extra: Sequence[Service] = (), *, new_ports: bool = False) -> Addresses:
    """Start every service that is not well, and wait until all are; what is well is left alone.

    `extra` are more services of the same site, such as its supervisor. Of two calls at once, the second waits and
    then finds everything running. Ports stay what they were at the first start; with `new_ports`, a service at rest
    whose port someone else took is given another.
    Raises Conflict when such a port is taken, Unavailable when a service cannot be had or started.
    """
    folder.create()
    wanted = [*services(folder), *extra]
    with folder.locked(progress):
        found = {record.name: record for record in records.all_of(folder)}
        ill = [each for each in wanted if not _well(found.get(each.name))]
        if ill:
            if not prometheus.program():
                progress("metrics: Prometheus is not installed, going on without (scripts/install-debian-packages)")
            resting = [each for each in ill if not _runs(found.get(each.name))]
            before = folder.ports()
            after = ports.allot(folder, resting, new_ports=new_ports)
            moved = {name for name, known in before.items() if after[name] != known}
            _start_all(Start(folder, after, progress), [*ill, *_followers(moved, wanted, found)])
        return _addresses(folder)


def _followers(moved: set[str], wanted: Sequence[Service], found: Mapping[str, Record]) -> list[Service]:
    """Those that are well but know an address that has changed; stopped, so that they are started with the new one."""
    stale = [each for each in wanted if not moved.isdisjoint(each.needs) and _well(found.get(each.name))]
    for service in stale:
        found[service.name].stop()
    return stale


def _well(record: Record | None) -> bool:
    return record is not None and record.ready and starting.healthy(record)


def _runs(record: Record | None) -> bool:
    return record is not None and record.alive


def _start_all(start: Start, ill: Sequence[Service]) -> None:
    """Start them side by side, each after those that it needs; raises the first error when all have ended."""
    started: dict[str, Future[Record]] = {}

    def after_its_needs(service: Service) -> Record:
        for name in service.needs:
            if name in started:
                started[name].result()
        return starting.bring_up(start, service)

    # A thread each, or one that waits could keep the one that it waits for from starting.
    with ThreadPoolExecutor(max_workers=len(ill)) as threads:
        try:
            for service in in_order(ill):
                started[service.name] = threads.submit(after_its_needs, service)
            errors = [future.exception() for future in started.values()]
        except BaseException:  # KeyboardInterrupt above all: the threads have to hear of it, or we wait for them
            start.abandoned.set()
            raise
    for error in errors:
        if error:
            raise error


def in_order(wanted: Iterable[Service]) -> list[Service]:
    """The same services, each after those among them that it needs. Raises ConfigError when they need each other."""
    by_name = {service.name: service for service in wanted}
    graph = {name: [need for need in service.needs if need in by_name] for name, service in by_name.items()}
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise ConfigError(f"ordering the services: they need each other: {' -> '.join(error.args[1])}") from error


def down(folder: SiteFolder, progress: Progress = lambda _: None) -> None:
    """End every service of the site, the last started first, each cleanly; data stays. Quiet when nothing runs."""
    if not folder.path.exists():
        return
    with folder.locked(progress):
        for record in reversed(records.all_of(folder)):
            if record.alive:
                progress(f"{record.name}: stopping")
                record.stop()


def addresses(folder: SiteFolder) -> Addresses | None:
    """Where the services of this site answer when they are up; None before the first `up`."""
    names = {"registry", "store", "gateway"}
    return _addresses(folder) if names <= folder.ports().keys() else None


def _addresses(folder: SiteFolder) -> Addresses:
    urls = {
        (service, name): f"http://127.0.0.1:{port}"
        for service, some in folder.ports().items()
        for name, port in some.items()
    }
    return Addresses(
        registry=urls["registry", "main"],
        store=urls["store", "main"],
        bucket=seaweedfs.BUCKET,
        access_key=f"file:{folder.secret(seaweedfs.ACCESS_KEY)}",
        secret_key=f"file:{folder.secret(seaweedfs.SECRET_KEY)}",
        gateway=urls["gateway", "main"],
        gateway_admin=urls["gateway", "admin"],
        metrics=urls.get(("metrics", "main")),
    )


def state(folder: SiteFolder) -> list[ServiceState]:
    """Every service that was ever started here, as it is now, in the order of their starts. Changes nothing."""
    return [_state(folder, record) for record in records.all_of(folder)]


def _state(folder: SiteFolder, record: Record) -> ServiceState:
    family = processes.family(record.process) if record.process else []
    return ServiceState(
        name=record.name,
        running=bool(family),
        healthy=bool(family) and starting.healthy(record),
        url=record.url,
        pid=record.process.pid if record.process and family else None,
        memory=sum(stat.memory for _, stat in family),
        log=folder.log(record.name),
        version=record.version,
    )
