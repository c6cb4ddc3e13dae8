"""Ports are chosen once, below the range of outgoing connections, and never moved behind the user's back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ropeway.embedded import ports, sockets
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.ports import WantedPort
from ropeway.embedded.service import Launch, Program, Service
from ropeway.errors import Conflict, Unavailable


def only(*numbers: int) -> Callable[[int], bool]:
    return lambda port: port in numbers


def free(_: int) -> bool:
    return False


def test_the_usual_number_is_taken_first() -> None:
    assert ports.choose({"main": WantedPort(5000)}, free) == {"main": 5000}


def test_the_next_free_number_follows() -> None:
    assert ports.choose({"main": WantedPort(5000)}, only(5000, 5001)) == {"main": 5002}


def test_two_names_never_get_the_same_number() -> None:
    assert ports.choose({"a": WantedPort(5000), "b": WantedPort(5000)}, free) == {"a": 5000, "b": 5001}


def test_a_companion_must_be_free_too() -> None:
    wanted = {"a": WantedPort(8000, companion=10000), "b": WantedPort(18000)}
    assert ports.choose(wanted, only(18000)) == {"a": 8001, "b": 18002}


def test_a_service_may_refuse_a_free_number() -> None:
    assert ports.choose({"main": WantedPort(8333, blocked=only(8333))}, free) == {"main": 8334}


def test_none_reaches_the_range_of_outgoing_connections() -> None:
    high = ports.choose({"a": WantedPort(32767), "b": WantedPort(32767)}, free)
    assert high == {"a": 32767, "b": ports.LOWEST}


def test_a_machine_without_free_ports_is_an_error() -> None:
    with pytest.raises(Unavailable, match="none is free"):
        ports.choose({"main": WantedPort(5000)}, lambda _: True)


def test_a_taken_port_is_a_conflict_that_names_it() -> None:
    with pytest.raises(Conflict, match=r"starting gateway: its port 8080 is held by") as caught:
        ports.check("gateway", {"main": WantedPort(8080)}, {"main": 8080}, only(8080))
    assert caught.value.hint is not None
    assert "ropeway up --new-ports" in caught.value.hint


def test_a_taken_companion_is_a_conflict_too() -> None:
    with pytest.raises(Conflict, match="port 18333"):
        ports.check("store", {"main": WantedPort(8333, companion=10000)}, {"main": 8333}, only(18333))


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The ports that are taken while a site chooses its own."""
    numbers: set[int] = set()
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path))
    monkeypatch.setattr(sockets, "taken", lambda port: port in numbers)
    return numbers


def site(name: str) -> SiteFolder:
    folder = SiteFolder.named(name)
    folder.create()
    return folder


def service(*names: str) -> Service:
    return Service(
        name="gateway",
        install=lambda _: Program(Path("/bin/true"), "1"),
        launch=lambda program, _: Launch((str(program.path),), {}),
        ports={name: WantedPort(8080) for name in names},
    )


def test_ports_are_remembered(taken: set[int]) -> None:
    ports.allot(site("one"), [service("main")], new_ports=False)
    assert site("one").ports() == {"gateway": {"main": 8080}}


def test_a_site_at_rest_keeps_its_ports_from_the_others(taken: set[int]) -> None:
    ports.allot(site("one"), [service("main")], new_ports=False)
    assert ports.allot(site("two"), [service("main")], new_ports=False) == {"gateway": {"main": 8081}}


def test_a_remembered_port_moves_only_when_asked(taken: set[int]) -> None:
    ports.allot(site("one"), [service("main")], new_ports=False)
    taken.add(8080)
    with pytest.raises(Conflict):
        ports.allot(site("one"), [service("main")], new_ports=False)
    assert ports.allot(site("one"), [service("main")], new_ports=True) == {"gateway": {"main": 8081}}


def test_a_newer_service_may_want_one_port_more(taken: set[int]) -> None:
    ports.allot(site("one"), [service("main")], new_ports=False)
    grown = ports.allot(site("one"), [service("main", "admin")], new_ports=False)
    assert grown == {"gateway": {"main": 8080, "admin": 8081}}
