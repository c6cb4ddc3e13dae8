"""Configuration to adapters: the only module that knows them all."""

from __future__ import annotations

from pathlib import Path

from ropeway import environments
from ropeway.adapters import mlflow, s3
from ropeway.adapters.local.metrics import LocalMetrics
from ropeway.adapters.local.scheduler import LocalScheduler
from ropeway.adapters.local.serving import LocalServing
from ropeway.adapters.prometheus import PrometheusMetrics
from ropeway.config import Site
from ropeway.errors import ConfigError
from ropeway.interfaces.metrics import Metrics
from ropeway.interfaces.registry import Registry
from ropeway.interfaces.scheduler import Scheduler
from ropeway.interfaces.serving import Serving
from ropeway.interfaces.store import Store
from ropeway.names import HostPath, host_path
from ropeway.remote import local_host
from ropeway.stages.context import Connections, Say


def connect(site: Site, folder: Path) -> Connections:
    """The parts of a site whose addresses are known. Asks none of them yet.

    `folder`: where the site keeps its own files on this machine.
    """
    return Connections(
        scheduler=_scheduler(site, folder),
        registry=_registry(site),
        store=store(site),
        serving=_serving(site, folder),
        metrics=_metrics(site, folder),
        environment=_environment,
        tracking_address=site.registry.uri.cluster,
    )


def store(site: Site) -> Store:
    """The store alone: all that a supervisor needs. Secrets are resolved here, and nowhere earlier."""
    section = site.store
    credentials = None
    if section.access_key is not None and section.secret_key is not None:
        credentials = s3.Credentials(section.access_key.resolve(), section.secret_key.resolve())
    return s3.S3Store(section.endpoint.model_dump(), section.bucket, section.region, credentials)


def _scheduler(site: Site, folder: Path) -> Scheduler:
    root = site.scheduler.directory or str(folder / "cluster")
    return LocalScheduler(local_host(folder / "agent"), host_path(root))


def _registry(site: Site) -> Registry:
    section = site.registry
    credentials = None
    if section.username is not None and section.password is not None:
        credentials = mlflow.Credentials(section.username.resolve(), section.password.resolve())
    return mlflow.MlflowRegistry(section.uri.controller, credentials)


def _serving(site: Site, folder: Path) -> Serving:
    gateway = site.serving.gateway
    return LocalServing(folder / "serving", gateway if "://" in gateway else f"http://{gateway}")


def _metrics(site: Site, folder: Path) -> Metrics:
    if site.metrics.kind == "prometheus":
        return PrometheusMetrics(site.metrics.uri)
    return LocalMetrics(folder / "serving")


def _environment(name: str, say: Say) -> tuple[HostPath, ...]:
    """The `bin` of a virtual environment: of one that exists, by its path, or of one that Ropeway brings."""
    if name.startswith("/"):
        if not Path(name, "bin", "python").exists():
            raise ConfigError(f"looking for the environment {name}: it has no bin/python", f"ls {name}/bin")
        return (host_path(f"{name}/bin"),)
    python = environments.ensure(name, lock=environments.lock_of(name), progress=say)
    return (host_path(str(python.parent)),)
