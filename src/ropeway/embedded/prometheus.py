"""The site's metrics: Prometheus, where the system has it (`scripts/install-debian-packages`)."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ropeway.embedded import traefik
from ropeway.embedded.ports import WantedPort
from ropeway.embedded.service import Health, Launch, Ports, Program, Progress, Service
from ropeway.errors import NotFound

if TYPE_CHECKING:
    from ropeway.embedded.folder import SiteFolder

SCRAPE_INTERVAL = "1s"
"""Each hold of a rollout may be as short as 5 s: it is judged on the scrapes within it."""


def program() -> Path | None:
    """The installed Prometheus; None where there is none."""
    found = shutil.which("prometheus", path="/usr/bin:/usr/local/bin")
    return Path(found) if found else None


def service(folder: SiteFolder) -> Service:
    return Service(
        name="metrics",
        install=install,
        launch=functools.partial(launch, folder),
        ports={"main": WantedPort(9090)},
        health=Health("main", "/-/ready"),
    )


def targets(folder: SiteFolder) -> Path:
    """Where the supervisor writes what to scrape: *.json in Prometheus' file_sd form."""
    return folder.part("prometheus") / "targets"


def install(_: Progress) -> Program:
    """Raises NotFound where Prometheus is not installed."""
    path = program()
    if path is None:
        raise NotFound("starting metrics: Prometheus is not installed", "scripts/install-debian-packages")
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=20)
    return Program(path, version(told.stdout + told.stderr))


def version(text: str) -> str:
    """The version in the first line of `prometheus --version`."""
    found = re.search(r"version (\S+)", text)
    return found[1] if found else ""


def launch(folder: SiteFolder, program: Program, ports: Ports) -> Launch:
    home = folder.part("prometheus")
    settings = home / "prometheus.yml"
    scrape = configuration(traefik.targets(folder), targets(folder))
    command = (
        str(program.path), f"--config.file={settings}", f"--storage.tsdb.path={home / 'data'}",
        "--storage.tsdb.retention.time=15d", "--storage.tsdb.retention.size=1GB",
        f"--web.listen-address=127.0.0.1:{ports['main']}", "--log.level=warn",
    )  # fmt: skip
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    files = {settings: yaml.safe_dump(scrape)}
    return Launch(command, environment, files, folders=(targets(folder),), folder=home)


def configuration(gateway: Path, replicas: Path) -> dict[str, Any]:
    """Prometheus' configuration: scrape the gateway and whatever the supervisor lists, every second."""
    return {
        "global": {"scrape_interval": SCRAPE_INTERVAL, "scrape_timeout": SCRAPE_INTERVAL},
        "scrape_configs": [
            {"job_name": "gateway", "file_sd_configs": [_files(str(gateway))]},
            {"job_name": "replicas", "file_sd_configs": [_files(f"{replicas}/*.json")]},
        ],
    }


def _files(pattern: str) -> dict[str, Any]:
    # Changes are noticed at once by inotify; the interval is for file systems that have none.
    return {"files": [pattern], "refresh_interval": "5s"}
