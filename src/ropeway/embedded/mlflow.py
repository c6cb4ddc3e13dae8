"""The site's model registry: an MLflow server on SQLite, its ASGI app run directly."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ropeway import environments
from ropeway.embedded.folder import write
from ropeway.embedded.ports import WantedPort
from ropeway.embedded.service import Health, Launch, Ports, Program, Progress, Service, get
from ropeway.errors import Unavailable, brief

if TYPE_CHECKING:
    from ropeway.embedded.folder import SiteFolder

ENVIRONMENT = "mlflow-server"
APP = "mlflow.server.fastapi_app"


def service(folder: SiteFolder) -> Service:
    return Service(
        name="registry",
        install=install,
        prepare=functools.partial(upgrade, folder),
        launch=functools.partial(launch, folder),
        ports={"main": WantedPort(5000)},
        health=Health("main", "/health"),
        ready=ready,
    )


def install(progress: Progress) -> Program:
    lock = environments.lock_of(ENVIRONMENT)
    python = environments.ensure(ENVIRONMENT, lock=lock, progress=progress, imports=[APP])
    return Program(python, version(lock.read_text()))


def version(lock: str) -> str:
    """The MLflow that a lock file pins; empty when it pins none."""
    found = re.search(r"^mlflow==(\S+)", lock, re.MULTILINE)
    return found[1] if found else ""


def launch(folder: SiteFolder, program: Program, ports: Ports) -> Launch:
    home = folder.part("mlflow")
    # `mlflow server` would start the same app, but with a process manager and seven job workers around it:
    # 28 s and 1.3 GB where this takes 3 s and 250 MB.
    address = ("--host", "127.0.0.1", "--port", str(ports["main"]))
    quiet = ("--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "5")
    command = (str(program.path), "-W", "ignore", "-m", "uvicorn", f"{APP}:app", *address, *quiet)
    return Launch(command, environment(home), folders=(home / "artifacts",), folder=home)


def environment(home: Path) -> dict[str, str]:
    """What the app reads. The names that begin with _MLFLOW are MLflow's own and not promised: checked with 3.17.2."""
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "_MLFLOW_SERVER_FILE_STORE": database(home),
        "_MLFLOW_SERVER_REGISTRY_STORE": database(home),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        # numpy's threads cost memory and this server does no arithmetic.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def database(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


def ready(ports: Ports) -> bool:
    """Whether the database answers; the first question makes its tables, which takes seconds."""
    address = f"http://127.0.0.1:{ports['main']}/api/2.0/mlflow/experiments/search?max_results=1"
    return get(address, timeout_s=30)[0] == 200


def upgrade(folder: SiteFolder, program: Program, progress: Progress) -> None:
    """Bring a database that another version of MLflow wrote to this one's tables; the old file is kept beside it.

    Raises Unavailable with what MLflow said; the database is then as it was.
    """
    home = folder.part("mlflow")
    written_by, data = home / "version", home / "mlflow.db"
    if data.exists() and written_by.exists() and written_by.read_text() != program.version:
        kept = home / f"mlflow.db.before-{program.version}"
        progress(f"registry: bringing its database to MLflow {program.version}, the old one stays in {kept.name}")
        shutil.copy2(data, kept)
        _migrate(home, program.path, kept)
    write(written_by, program.version)


def _migrate(home: Path, python: Path, kept: Path) -> None:
    command = [str(python), "-W", "ignore", "-m", "mlflow", "db", "upgrade", database(home)]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        shutil.copy2(kept, home / "mlflow.db")
        raise Unavailable(
            f"bringing the registry's database up to date: {brief(done.stderr[-250:])}",
            f"install the release of Ropeway that wrote it; the data is untouched in {home / 'mlflow.db'}",
        )
