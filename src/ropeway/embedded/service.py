"""What a service of the one-machine site is: a program, its ports, how it is started, when it counts as well."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ropeway.embedded.ports import WantedPort

Progress = Callable[[str], None]
Ports = Mapping[str, int]

HEALTH_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Program:
    """An installed program."""

    path: Path
    version: str


@dataclass(frozen=True)
class Launch:
    """All that a start needs. Secrets stand only in `environment` or in files of mode 0600, never in `command`."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[Path, str] = field(default_factory=dict)
    """Configuration to write before the start."""
    folders: tuple[Path, ...] = ()
    """Made if they are not there."""
    folder: Path | None = None
    """Where the daemon runs; None: a folder of its name in the site's."""


@dataclass(frozen=True)
class Health:
    """The service is well when GET on this port and path answers 200."""

    port: str
    path: str

    def url(self, ports: Ports) -> str:
        return f"http://127.0.0.1:{ports[self.port]}{self.path}"


def _always(_: Ports) -> bool:
    return True


def _nothing(_: Program, __: Progress) -> None:
    return None


@dataclass(frozen=True)
class Service:
    """One daemon of the site."""

    name: str
    install: Callable[[Progress], Program]
    """Find or install the program: quick when it is there, says what it downloads when it is not."""
    launch: Callable[[Program, Ports], Launch]
    """The command for these ports; called once the services in `needs` are up."""
    prepare: Callable[[Program, Progress], None] = _nothing
    """Called before each start, with the service at rest."""
    ports: Mapping[str, WantedPort] = field(default_factory=dict)
    """By name. The one named "main" makes the service's URL."""
    health: Health | None = None
    """None: well as long as it runs."""
    ready: Callable[[Ports], bool] = _always
    """What must hold after a start beyond health; asked again until it does."""
    needs: tuple[str, ...] = ()
    """Names of services that must be up first."""
    start_within: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=10)
    """How long it may take to end after SIGTERM."""


def answers(url: str) -> bool:
    """Whether GET on this URL answers 200 within two seconds."""
    status, _ = get(url)
    return status == 200


def get(url: str, timeout_s: float = HEALTH_TIMEOUT_S) -> tuple[int, bytes]:
    """Status and body of GET on a URL of this machine; status 0 when nobody answers in time."""
    address, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request("GET", "/" + path)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
