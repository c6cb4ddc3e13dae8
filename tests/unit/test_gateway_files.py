"""The gateway's file: every reference is there, and it tells what it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ropeway.errors import ConfigError, UnexpectedReply
from ropeway.interfaces.serving import RevisionId
from ropeway.supervisor.gateway_config import configuration, validate
from ropeway.supervisor.gateway_files import load, marker, parse, render, write
from ropeway.supervisor.routes import Backend, EndpointRoute, RevisionRoute, Routes

STABLE = RevisionRoute(RevisionId("v1-a"), 90, (Backend("v1-a-1", 20001), Backend("v1-a-2", 20002)))
CANARY = RevisionRoute(RevisionId("v2-b"), 10, (Backend("v2-b-1", 20003),))
NEW = RevisionRoute(RevisionId("v3-c"), 0, (Backend("v3-c-1", 20004),))
ROUTES = Routes((EndpointRoute("mnist", (STABLE, CANARY, NEW)), EndpointRoute("empty", (NEW,))))


def http(routes: Routes = ROUTES) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = configuration(routes, "m")["http"]
    return found


def test_the_weights_are_those_of_the_routes() -> None:
    assert http()["services"]["mnist"]["weighted"]["services"] == [
        {"name": "mnist.revision.v1-a", "weight": 90},
        {"name": "mnist.revision.v2-b", "weight": 10},
    ]


def test_a_revision_has_all_its_replicas_and_a_health_check() -> None:
    stable = http()["services"]["mnist.revision.v1-a"]["loadBalancer"]
    assert stable["servers"] == [{"url": "http://127.0.0.1:20001"}, {"url": "http://127.0.0.1:20002"}]
    assert stable["healthCheck"]["path"] == "/v2/health/ready"


def test_each_replica_can_be_asked_by_name_whatever_its_weight() -> None:
    routers = http()["routers"]
    one, named, all_ = routers["mnist.replica.v3-c-1"], routers["mnist.nobody"], routers["mnist"]
    assert "Header(`X-Ropeway-Replica`, `v3-c-1`)" in one["rule"]
    assert one["priority"] > named["priority"] > all_["priority"]


def test_asking_one_replica_is_not_tried_at_another() -> None:
    assert http()["routers"]["mnist.replica.v1-a-1"]["middlewares"] == ["mnist.strip"]


def test_an_endpoint_without_traffic_answers_that_nobody_is_there() -> None:
    assert http()["routers"]["empty"]["service"] == "ropeway.nobody"


def test_an_endpoint_whose_name_begins_another_one_does_not_take_its_requests() -> None:
    assert http()["routers"]["mnist"]["rule"] == "(Path(`/mnist`) || PathPrefix(`/mnist/`))"


@pytest.mark.parametrize("name", ["nobody", "retry", "marker", "strip", "ropeway"])
def test_no_name_of_an_endpoint_clashes_with_ours(name: str) -> None:
    before, after = http(Routes()), http(Routes((EndpointRoute(name, (STABLE,)),)))
    for section, entries in before.items():
        assert entries.items() <= after[section].items()


def test_the_file_tells_what_it_was_made_from() -> None:
    assert parse(render(ROUTES)) == ROUTES


def test_what_follows_the_first_line_is_json() -> None:
    config = json.loads(render(ROUTES).partition("\n")[2])
    headers = config["http"]["middlewares"]["ropeway.marker"]["headers"]["customResponseHeaders"]
    assert headers == {"X-Ropeway-Config": marker(ROUTES)}


def test_the_marker_names_these_routes_and_no_others() -> None:
    assert marker(ROUTES) == marker(parse(render(ROUTES)))
    assert marker(ROUTES) != marker(Routes())
    assert marker(ROUTES) != marker(Routes(ROUTES.endpoints, number=1))


def test_written_routes_are_loaded_again(tmp_path: Path) -> None:
    assert load(tmp_path / "routes.yml") == Routes()
    write(tmp_path / "routes.yml", ROUTES)
    assert load(tmp_path / "routes.yml") == ROUTES
    assert [path.name for path in tmp_path.iterdir()] == ["routes.yml"]


def test_a_foreign_file_is_refused() -> None:
    with pytest.raises(UnexpectedReply, match="first line"):
        parse("http: {}\n")


@pytest.mark.parametrize(
    ("section", "name"),
    [("services", "mnist.revision.v2-b"), ("services", "mnist.replica.v1-a-1"), ("middlewares", "mnist.strip")],
)
def test_a_reference_to_nothing_is_refused(section: str, name: str) -> None:
    """Traefik would answer 404 for every endpoint."""
    config = configuration(ROUTES, "m")
    del config["http"][section][name]
    with pytest.raises(ConfigError, match=f"refers to '{name}'"):
        validate(config)
