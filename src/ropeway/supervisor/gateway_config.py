"""Routes as Traefik's dynamic configuration: weights, health checks, retries, and a way to ask one replica."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ropeway.errors import ConfigError
from ropeway.supervisor.routes import EndpointRoute, RevisionRoute, Routes

ENTRY_POINT = "web"
CONFIG_PATH = "/.ropeway/config"
"""Answers, through the same router as all traffic, with the marker of the configuration that is in effect."""
CONFIG_HEADER = "X-Ropeway-Config"
REPLICA_HEADER = "X-Ropeway-Replica"

_NOBODY = "ropeway.nobody"
_RETRY = "ropeway.retry"
_MARKER = "ropeway.marker"
_NOOP = "noop@internal"
_RETRIES = {
    # Another replica gets the request when one dies under it: an inference changes nothing, so it may be repeated.
    "attempts": 12,
    "initialInterval": "10ms",
    "status": ["502", "503"],
    "retryNonIdempotentMethod": True,
    "maxRequestBodyBytes": 16 << 20,
}
# A replica that is only slow keeps its traffic; one that is gone refuses the check at once.
_HEALTH = {"path": "/v2/health/ready", "interval": "1s", "timeout": "3s"}
_MARKER_FIRST, _ONE_REPLICA, _NO_REPLICA, _BY_WEIGHT = 40, 30, 20, 10

Json = dict[str, Any]


def configuration(routes: Routes, marker: str) -> Json:
    """What the dynamic file holds; valid by `validate`."""
    routers: Json = {_MARKER: _router(f"Path(`{CONFIG_PATH}`)", _NOOP, _MARKER_FIRST, [_MARKER])}
    services: Json = {_NOBODY: {"loadBalancer": {"servers": []}}}
    middlewares: Json = {
        _RETRY: {"retry": _RETRIES},
        _MARKER: {"headers": {"customResponseHeaders": {CONFIG_HEADER: marker}}},
    }
    for route in routes.endpoints:
        routers.update(_routers(route))
        services.update(_services(route))
        middlewares[_strip(route)] = {"stripPrefix": {"prefixes": [f"/{route.endpoint}"]}}
    return {"http": {"routers": routers, "services": services, "middlewares": middlewares}}


def validate(config: Mapping[str, Any]) -> None:
    """Refuse a reference to something that is not there: Traefik would answer 404 for every endpoint.

    Raises ConfigError that names the reference.
    """
    http = config["http"]
    services, middlewares = http["services"], http["middlewares"]
    for name, router in http["routers"].items():
        _require(f"router {name}", [router["service"]], {*services, _NOOP})
        _require(f"router {name}", router["middlewares"], middlewares)
    for name, service in services.items():
        parts = service.get("weighted", {}).get("services", [])
        _require(f"service {name}", [part["name"] for part in parts], services)


def _require(who: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"writing the gateway's file: {who} refers to {name!r}, which is not there")


def _routers(route: EndpointRoute) -> Json:
    """By weight for everybody; by name for those who name a replica; nobody for those who name one that is gone."""
    name, strip = route.endpoint, _strip(route)
    path = f"(Path(`/{name}`) || PathPrefix(`/{name}/`))"
    named = f"{path} && HeaderRegexp(`{REPLICA_HEADER}`, `.*`)"
    service = name if route.shares else _NOBODY
    routers: Json = {
        name: _router(path, service, _BY_WEIGHT, [strip, _RETRY]),
        f"{name}.nobody": _router(named, _NOBODY, _NO_REPLICA, []),
    }
    for replica in _replicas(route):
        rule = f"{path} && Header(`{REPLICA_HEADER}`, `{replica}`)"
        routers[_one(route, replica)] = _router(rule, _one(route, replica), _ONE_REPLICA, [strip])
    return routers


def _services(route: EndpointRoute) -> Json:
    services: Json = {}
    weighted = [revision for revision in route.revisions if revision.weight > 0]
    if weighted:
        parts = [{"name": _all(route, each), "weight": each.weight} for each in weighted]
        services[route.endpoint] = {"weighted": {"services": parts, "healthCheck": {}}}
    for revision in weighted:
        servers = [{"url": _url(backend.port)} for backend in revision.backends]
        services[_all(route, revision)] = {"loadBalancer": {"servers": servers, "healthCheck": _HEALTH}}
    for replica, port in _replicas(route).items():
        services[_one(route, replica)] = {"loadBalancer": {"servers": [{"url": _url(port)}]}}
    return services


def _router(rule: str, service: str, priority: int, middlewares: list[str]) -> Json:
    return {
        "entryPoints": [ENTRY_POINT],
        "rule": rule,
        "service": service,
        "priority": priority,
        "middlewares": middlewares,
    }


def _replicas(route: EndpointRoute) -> dict[str, int]:
    return {backend.replica: backend.port for each in route.revisions for backend in each.backends}


def _strip(route: EndpointRoute) -> str:
    return f"{route.endpoint}.strip"


def _all(route: EndpointRoute, revision: RevisionRoute) -> str:
    """Names of services: no name that we take has a dot in it, so these never clash."""
    return f"{route.endpoint}.revision.{revision.revision}"


def _one(route: EndpointRoute, replica: str) -> str:
    return f"{route.endpoint}.replica.{replica}"


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
