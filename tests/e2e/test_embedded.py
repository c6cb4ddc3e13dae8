"""The embedded services, for real: started once, found again, restarted alone, their data kept, nothing left behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ropeway import waiting
from ropeway.embedded import mlflow, ports, processes, records, seaweedfs, site, sockets
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.ports import WantedPort
from ropeway.embedded.service import Health, Launch, Program, Service
from ropeway.errors import Conflict, Unavailable

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what must not be

UP = "from ropeway.embedded import site, folder; site.up(folder.SiteFolder.named('e2e'), print)"


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def folder() -> Iterator[SiteFolder]:
    """A site of its own, on ports that no other site would choose, at a path short enough for sockets."""
    home = Path(tempfile.mkdtemp(prefix="rw-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROPEWAY_HOME", str(home))
        made = SiteFolder.named("e2e")
        made.create()
        made.remember({service.name: elsewhere(service) for service in site.services(made)})
        try:
            yield made
        finally:
            site.down(made)
            shutil.rmtree(home, ignore_errors=True)


def elsewhere(service: Service) -> dict[str, int]:
    wanted = {name: replace(want, preferred=random.randrange(11000, 18000)) for name, want in service.ports.items()}
    return ports.choose(wanted, sockets.taken)


@pytest.fixture
def up(folder: SiteFolder) -> site.Addresses:
    return site.up(folder, quiet)


def pids(folder: SiteFolder) -> dict[str, int | None]:
    return {state.name: state.pid for state in site.state(folder)}


def leftovers(folder: SiteFolder) -> list[str]:
    marks = [record.mark for record in records.all_of(folder)]
    return [mark for mark in marks if list(processes.marked(mark))]


def test_every_service_answers(folder: SiteFolder, up: site.Addresses) -> None:
    states = site.state(folder)
    assert {state.name for state in states} >= {"store", "registry", "gateway"}
    assert all(state.running and state.healthy and state.version and state.memory > 0 for state in states)
    assert httpx.get(f"{up.registry}/version").text == mlflow.install(quiet).version
    assert httpx.get(f"{up.gateway_admin}/api/overview").json()["providers"] == ["File"]
    assert httpx.get(f"{up.gateway}/no-such-endpoint").status_code == 404


def test_all_listeners_are_loopback(folder: SiteFolder, up: site.Addresses) -> None:
    for state in site.state(folder):
        found = sockets.listeners_of(state.pid or 0)
        assert found
        assert all(listener.loopback and listener.port < ports.CEILING for listener in found)


def test_no_secret_stands_in_the_process_list_or_a_log(folder: SiteFolder, up: site.Addresses) -> None:
    values = [folder.secret(name).read_text() for name in (seaweedfs.SECRET_KEY, seaweedfs.INTERNAL_KEY)]
    for state in site.state(folder):
        seen = Path(f"/proc/{state.pid}/cmdline").read_text() + state.log.read_text(errors="replace")
        assert not [value for value in values if value in seen]


def test_the_store_takes_orders_only_from_those_with_its_credentials(folder: SiteFolder, up: site.Addresses) -> None:
    told = folder.ports()["store"]
    assert httpx.get(f"{up.store}/{up.bucket}/.ropeway/ready").status_code == 403
    erase = httpx.get(f"http://127.0.0.1:{told['master']}/col/delete", params={"collection": up.bucket})
    assert erase.status_code == 404
    assert httpx.delete(f"http://127.0.0.1:{told['filer']}/buckets/{up.bucket}").status_code == 404
    assert seaweedfs.ready(folder, told)


def test_a_second_up_starts_nothing(folder: SiteFolder, up: site.Addresses) -> None:
    before, said = pids(folder), list[str]()
    assert site.up(folder, said.append) == up == site.addresses(folder)
    assert pids(folder) == before
    assert said == []


def test_only_the_service_that_was_killed_is_started_again(folder: SiteFolder, up: site.Addresses) -> None:
    before = pids(folder)
    record = records.load(folder, "gateway")
    assert record is not None
    os.kill(before["gateway"] or 0, signal.SIGKILL)
    waiting.poll(lambda: None if record.alive else True, deadline=timedelta(seconds=10), what="the end of the gateway")
    assert site.up(folder, quiet) == up
    after = pids(folder)
    assert {name for name, pid in after.items() if pid != before[name]} == {"gateway"}


def test_a_start_that_was_not_written_down_is_taken_over(folder: SiteFolder, up: site.Addresses) -> None:
    before = pids(folder)
    record = records.load(folder, "gateway")
    assert record is not None
    records.save(folder, replace(record, process=None, ready=False))
    site.up(folder, quiet)
    assert pids(folder) == before
    found = records.load(folder, "gateway")
    assert found is not None
    assert found.process == record.process


def test_a_taken_port_is_named_and_not_evaded(folder: SiteFolder, up: site.Addresses) -> None:
    record = records.load(folder, "gateway")
    assert record is not None
    record.stop()
    port = folder.ports()["gateway"]["main"]
    before = pids(folder)
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(Conflict, match=rf"starting gateway: its port {port} is held by process {os.getpid()} "):
            site.up(folder, quiet)
        assert pids(folder) == before
        moved = site.up(folder, quiet, new_ports=True)
    assert moved.gateway != up.gateway
    assert replace(moved, gateway=up.gateway, gateway_admin=up.gateway_admin) == up


def test_data_outlives_the_services(folder: SiteFolder, up: site.Addresses) -> None:
    made = httpx.post(f"{up.registry}/api/2.0/mlflow/experiments/create", json={"name": "kept"})
    assert made.status_code == 200
    site.down(folder)
    assert leftovers(folder) == []
    assert not [state for state in site.state(folder) if state.running]
    assert site.addresses(folder) == up
    # The next release may bring a newer MLflow, whose tables are others.
    (folder.part("mlflow") / "version").write_text("3.0.0")

    both = [subprocess.Popen([sys.executable, "-c", UP], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(process.communicate(timeout=120)[0] for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert said.count("gateway: starting") == said.count("store: starting") == said.count("registry: starting") == 1
    assert "bringing its database to MLflow" in said
    found = httpx.get(f"{up.registry}/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "kept"})
    assert found.json()["experiment"]["experiment_id"] == made.json()["experiment_id"]
    assert seaweedfs._signed(folder, "GET", up.store.removeprefix("http://")) == (200, b"ready")


def python(name: str, code: str, **changes: object) -> Service:
    """A service that is a few lines of Python, with one port."""
    service = Service(
        name=name,
        install=lambda _: Program(Path(sys.executable), "1"),
        launch=lambda program, ports: Launch((str(program.path), "-c", code, str(ports["main"])), {}),
        ports={"main": WantedPort(random.randrange(11000, 18000))},
        start_within=timedelta(seconds=3),
    )
    return replace(service, **changes)  # type: ignore[arg-type]


SERVE = """
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
ThreadingHTTPServer(({!r}, int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_service_that_ends_at_once_shows_its_last_lines(folder: SiteFolder, up: site.Addresses) -> None:
    ends = python("ends", "raise SystemExit('no licence for this machine')", health=Health("main", "/"))
    with pytest.raises(Unavailable, match=r"starting ends: it ended\nno licence for this machine") as caught:
        site.up(folder, quiet, [ends])
    assert caught.value.hint == f"less {folder.log('ends')}"


def test_a_service_that_is_open_to_the_network_is_not_kept(folder: SiteFolder, up: site.Addresses) -> None:
    with pytest.raises(Unavailable, match=r"starting open: it listens on 0\.0\.0\.0:\d+, which is not the loopback"):
        site.up(folder, quiet, [python("open", SERVE.format(EVERYWHERE), health=Health("main", "/"))])
    assert pids(folder)["open"] is None


def test_a_service_that_hangs_is_started_anew(
    folder: SiteFolder, up: site.Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = python("hangs", SERVE.format("127.0.0.1"), health=Health("main", "/"), needs=("gateway",))
    site.up(folder, quiet, [service])
    hung = pids(folder)["hangs"] or 0
    os.kill(hung, signal.SIGSTOP)
    monkeypatch.setattr("ropeway.embedded.starting.HEALTH_LOOKS", timedelta(seconds=1))
    said: list[str] = []
    record = records.load(folder, "hangs")
    assert record is not None
    records.save(folder, replace(record, grace_s=0.1))
    site.up(folder, said.append, [service])
    assert said[0] == "hangs: runs but does not answer, starting it anew"
    assert pids(folder)["hangs"] not in (hung, None)


def test_down_leaves_no_process_and_is_quiet_twice(folder: SiteFolder, up: site.Addresses) -> None:
    site.down(folder)
    said: list[str] = []
    site.down(folder, said.append)
    assert said == leftovers(folder) == []
