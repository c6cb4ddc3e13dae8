"""The site's supervisor as one more of its services: how `up` starts it, and what it then runs."""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta
from pathlib import Path

import ropeway
from ropeway import environments, sites, wiring
from ropeway.adapters.local.endpoint_files import ServingFolder
from ropeway.adapters.local.serving import supervised
from ropeway.embedded import prometheus, traefik
from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.service import Launch, Ports, Program, Progress, Service
from ropeway.runtime_code import runtime_code
from ropeway.supervisor.runtime_command import RuntimeCommand
from ropeway.supervisor.supervisor import SupervisorSettings, run

NAME = "supervisor"
RUNTIME_IMPORTS = ("onnxruntime", "uvicorn", "uvloop", "prometheus_client", "orjson", "yaml")
"""Compiled when the environment is made, not when the first replica starts."""


def supervisor_service(folder: SiteFolder) -> Service:
    return Service(
        name=NAME,
        install=_install,
        launch=lambda program, ports: _launch(folder, program, ports),
        needs=("store", "gateway"),
        grace=timedelta(seconds=60),  # replicas answer what they have accepted
        ready=lambda _: _looks(folder),
    )


def _install(progress: Progress) -> Program:
    """The supervisor is part of us; what it starts needs the runtime's environment."""
    _runtime_python(progress)
    return Program(Path(sys.executable), ropeway.__version__)


def _runtime_python(progress: Progress) -> Path:
    lock = environments.lock_of("runtime")
    return environments.ensure("runtime", lock=lock, progress=progress, imports=RUNTIME_IMPORTS)


def _launch(folder: SiteFolder, program: Program, _: Ports) -> Launch:
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "ROPEWAY_HOME", "ROPEWAY_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    command = (str(program.path), "-m", "ropeway.supervise", folder.path.name)
    return Launch(command=command, environment=environment, folders=(folder.path / "serving",))


def _looks(folder: SiteFolder) -> bool:
    """Whether the supervisor has taken its place."""
    try:
        return supervised(ServingFolder(folder.path / "serving")) is not None
    except FileNotFoundError:
        return False


def supervise(name: str) -> None:
    """Keep the endpoints of the site of this name, until SIGTERM."""
    site = sites.resolved(sites.find_site(name))
    folder = SiteFolder.named(name)
    program = (str(_runtime_python(_silent)), "-m", "ropeway_runtime")
    runtime = RuntimeCommand(program, variables={"PYTHONPATH": str(runtime_code())})
    settings = SupervisorSettings(
        folder=folder.path / "serving",
        routes=traefik.routes(folder) / "endpoints.yml",
        gateway=site.serving.gateway.removeprefix("http://"),
        targets=prometheus.targets(folder) / "replicas.json",
        runtime=runtime,
    )
    run(settings, wiring.store(site))


def _silent(_: str) -> None:
    """The environment was made by `up`."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    supervise(sys.argv[1])
