"""The site's gateway: Traefik, whose routes the supervisor writes as files."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any

import yaml

from ropeway.embedded import tools
from ropeway.embedded.ports import WantedPort
from ropeway.embedded.service import Health, Launch, Ports, Program, Progress, Service, get

if TYPE_CHECKING:
    from pathlib import Path

    from ropeway.embedded.folder import SiteFolder

LATENCY_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
"""Traefik's own begin at 100 ms: too coarse to tell one fast model from another."""


ROUTES_READ_WITHIN_S = 0.3


def service(folder: SiteFolder) -> Service:
    return Service(
        name="gateway",
        install=install,
        launch=functools.partial(launch, folder),
        ports={"main": WantedPort(8080), "admin": WantedPort(8082)},
        health=Health("admin", "/ping"),
        ready=ready,
    )


def routes(folder: SiteFolder) -> Path:
    """Where the supervisor writes the routes, one .yml file an endpoint; read again within 100 ms of a change."""
    return folder.part("gateway") / "dynamic"


def targets(folder: SiteFolder) -> Path:
    """Where Prometheus reads the gateway's own address."""
    return folder.part("gateway") / "targets.json"


def install(progress: Progress) -> Program:
    return Program(tools.ensure("traefik", progress), tools.known()["traefik"].version)


def launch(folder: SiteFolder, program: Program, ports: Ports) -> Launch:
    home = folder.part("gateway")
    settings = home / "traefik.yml"
    scraped = json.dumps([{"targets": [f"127.0.0.1:{ports['admin']}"]}])
    return Launch(
        command=(str(program.path), f"--configFile={settings}"),
        environment={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        files={
            settings: yaml.safe_dump(static(routes(folder), folder.log("gateway"), ports)),
            targets(folder): scraped,
        },
        folders=(routes(folder),),
    )


def static(dynamic: Path, log: Path, ports: Ports) -> dict[str, Any]:
    """Traefik's static configuration: two entry points on loopback, routes from files, metrics per service."""
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        # It turns its own log over; what it prints before that begins goes to the same file.
        "log": {"level": "WARN", "filePath": str(log), "maxSize": 16, "maxBackups": 2},
        "entryPoints": {
            "web": {"address": f"127.0.0.1:{ports['main']}"},
            # Traefik puts ping, metrics and its read-only API on the entry point of this name.
            "traefik": {"address": f"127.0.0.1:{ports['admin']}"},
        },
        "api": {"insecure": True, "dashboard": False},
        "ping": {},
        "metrics": {"prometheus": {"addServicesLabels": True, "buckets": LATENCY_BUCKETS_S}},
        "providers": {"file": {"directory": str(dynamic), "watch": True}, "providersThrottleDuration": "100ms"},
        "serversTransport": {"forwardingTimeouts": {"dialTimeout": "2s"}},
    }


def ready(ports: Ports) -> bool:
    """Gives the routes that lie in files the moment that they need: the ping page answers before they are read."""
    _, services = get(f"http://127.0.0.1:{ports['admin']}/api/http/services")
    if b"@file" not in services:
        # There may be none at all, and nothing in Traefik tells "none" from "not yet".
        time.sleep(ROUTES_READ_WITHIN_S)
    return True
