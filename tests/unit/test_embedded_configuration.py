"""What the services are started with: loopback only, nothing reported home, no secret where others can read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ropeway.embedded import mlflow, prometheus, seaweedfs, starting, tools, traefik
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.service import Launch, Ports, Program, Service
from ropeway.embedded.site import in_order
from ropeway.errors import ConfigError, NotFound

STORE = {"main": 8333, "master": 9333, "volume": 9340, "filer": 8888, "admin": 9646}
GATEWAY = {"main": 8080, "admin": 8082}
PROGRAM = Program(Path("/cache/program"), "1.0")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteFolder:
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path))
    made = SiteFolder.named("one-machine")
    made.create()
    return made


def options(launch: Launch) -> dict[str, str]:
    return dict(word.lstrip("-").split("=", 1) for word in launch.command if "=" in word)


def test_the_store_is_closed_but_for_its_s3_interface(folder: SiteFolder) -> None:
    said = options(seaweedfs.launch(folder, PROGRAM, STORE))
    assert said["ip"] == said["ip.bind"] == "127.0.0.1"
    assert said["disableHttp"] == "true"
    closed = ("master.telemetry", "admin.ui", "webdav", "s3.port.iceberg", "s3.port.lance")
    assert {said[name] for name in closed} == {"false", "0"}


def test_the_store_listens_where_it_was_told(folder: SiteFolder) -> None:
    said = options(seaweedfs.launch(folder, PROGRAM, STORE))
    names = {"main": "s3.port", "master": "master.port", "volume": "volume.port", "filer": "filer.port"}
    assert {name: int(said[option]) for name, option in names.items()} | {"admin": int(said["admin.port"])} == STORE


def test_a_long_path_leaves_the_sockets_where_they_fit() -> None:
    assert not [word for word in seaweedfs.command(Path("/weed"), Path("/", "x" * 100), STORE) if "localSocket" in word]


LAUNCHES: list[tuple[Callable[[SiteFolder, Program, Ports], Launch], Ports]] = [
    (seaweedfs.launch, STORE),
    (mlflow.launch, {"main": 5000}),
    (traefik.launch, GATEWAY),
    (prometheus.launch, {"main": 9090}),
]


@pytest.mark.parametrize(("launch", "ports"), LAUNCHES)
def test_no_secret_stands_in_a_command_or_a_file(
    launch: Callable[[SiteFolder, Program, Ports], Launch], ports: Ports, folder: SiteFolder
) -> None:
    made = launch(folder, PROGRAM, ports)
    names = (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY, seaweedfs.INTERNAL_KEY)
    readable = " ".join([*made.command, *made.files.values()])
    assert not [name for name in names if folder.secret(name).read_text() in readable]


@pytest.mark.parametrize(("launch", "ports"), LAUNCHES)
def test_no_address_but_loopback_is_named(
    launch: Callable[[SiteFolder, Program, Ports], Launch], ports: Ports, folder: SiteFolder
) -> None:
    made = launch(folder, PROGRAM, ports)
    text = " ".join([*made.command, *made.files.values()])
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) == {"127.0.0.1"}


@pytest.mark.parametrize(("launch", "ports"), LAUNCHES)
def test_the_users_own_settings_do_not_reach_a_service(
    launch: Callable[[SiteFolder, Program, Ports], Launch],
    ports: Ports,
    folder: SiteFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    made = launch(folder, PROGRAM, ports).environment
    assert "AWS_SESSION_TOKEN" not in made
    assert made["HOME"].startswith(str(folder.path))


def test_traefik_reads_routes_and_tells_metrics(folder: SiteFolder) -> None:
    made = traefik.launch(folder, PROGRAM, GATEWAY)
    static = yaml.safe_load(made.files[folder.part("gateway") / "traefik.yml"])
    assert static["entryPoints"]["web"]["address"] == "127.0.0.1:8080"
    assert static["providers"]["file"] == {"directory": str(traefik.routes(folder)), "watch": True}
    assert static["metrics"]["prometheus"]["addServicesLabels"] is True
    assert static["global"] == {"checkNewVersion": False, "sendAnonymousUsage": False}
    assert traefik.routes(folder) in made.folders


def test_latency_buckets_tell_fast_models_apart() -> None:
    assert min(traefik.LATENCY_BUCKETS_S) <= 0.001
    assert sorted(traefik.LATENCY_BUCKETS_S) == traefik.LATENCY_BUCKETS_S


def test_prometheus_scrapes_the_gateway_and_what_is_listed_every_second(folder: SiteFolder) -> None:
    made = prometheus.launch(folder, PROGRAM, {"main": 9090})
    config = yaml.safe_load(made.files[folder.part("prometheus") / "prometheus.yml"])
    assert config["global"]["scrape_interval"] == "1s"
    files = [job["file_sd_configs"][0]["files"][0] for job in config["scrape_configs"]]
    assert files == [str(traefik.targets(folder)), f"{prometheus.targets(folder)}/*.json"]
    told = traefik.launch(folder, PROGRAM, GATEWAY).files[traefik.targets(folder)]
    assert json.loads(told) == [{"targets": ["127.0.0.1:8082"]}]


def test_prometheus_tells_its_version() -> None:
    assert prometheus.version("prometheus, version 2.42.0+ds (branch: debian/sid)\n  build user: x") == "2.42.0+ds"


def test_mlflow_keeps_runs_in_sqlite_and_files_beside_it() -> None:
    told = mlflow.environment(Path("/site/mlflow"))
    assert (
        told["_MLFLOW_SERVER_FILE_STORE"] == told["_MLFLOW_SERVER_REGISTRY_STORE"] == "sqlite:////site/mlflow/mlflow.db"
    )
    assert told["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] == "/site/mlflow/artifacts"
    assert told["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_version_of_mlflow_is_the_locks() -> None:
    assert mlflow.version("mlflow-skinny==9\nmlflow==3.17.2 \\\n    --hash=sha256:0\n") == "3.17.2"


def test_every_tool_has_a_wheel_for_both_linux_machines() -> None:
    for tool in tools.known().values():
        for machine in ("linux-x86_64", "linux-aarch64"):
            assert re.fullmatch("[0-9a-f]{64}", tools.wheel_for(tool, machine).sha256)


def test_a_machine_without_a_wheel_is_told_which_there_are() -> None:
    with pytest.raises(ConfigError, match="no wheel for linux-s390x, only for linux-x86_64, linux-aarch64"):
        tools.wheel_for(tools.known()["weed"], "linux-s390x")


def test_an_unknown_tool_is_not_found() -> None:
    with pytest.raises(NotFound, match="unknown tool"):
        tools.ensure("caddy")


def named(name: str, *needs: str) -> Service:
    return Service(name, lambda _: PROGRAM, lambda *_: Launch((), {}), needs=needs)


def test_a_service_starts_after_those_that_it_needs() -> None:
    services = [named("supervisor", "store", "gateway"), named("gateway"), named("store")]
    assert [service.name for service in in_order(services)][-1] == "supervisor"


def test_what_is_already_up_is_not_waited_for() -> None:
    assert [service.name for service in in_order([named("supervisor", "store")])] == ["supervisor"]


def test_services_that_need_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="need each other"):
        in_order([named("a", "b"), named("b", "a")])


def test_the_last_lines_of_a_log_are_few(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"an earlier start\n" + b"\xff" * 5000 + b"\n" + b"".join(b"line %d\n" % n for n in range(100)))
    assert starting.last_lines(log).splitlines() == [f"line {n}" for n in range(88, 100)]


def test_the_lines_of_an_earlier_start_are_not_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("an earlier start\nthis one\n")
    assert starting.last_lines(log, len("an earlier start\n")) == "this one"
