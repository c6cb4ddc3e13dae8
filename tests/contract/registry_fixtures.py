"""The server that every registry adapter is held against, and the adapter for it. To be moved to conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ropeway.adapters.mlflow import MlflowRegistry
from ropeway.embedded import mlflow, ports, starting
from ropeway.embedded.folder import SiteFolder
from ropeway.interfaces.registry import Registry, TrackingRunId
from ropeway.names import Key
from tests.contract.registry_tools import RegistryService


@pytest.fixture(scope="session", params=["mlflow"])
def registry_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryService]:
    home = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROPEWAY_HOME", str(home))
        folder = SiteFolder.named("contract")
        folder.create()
        service = mlflow.service(folder)
        start = starting.Start(folder, ports.allot(folder, [service], new_ports=False), print)
        record = starting.bring_up(start, service)
    try:
        yield RegistryService(str(record.url), mlflow.install(print).path)
    finally:
        replace(record, grace_s=1).stop()  # nobody needs its data: it need not end cleanly


@pytest.fixture(scope="session")
def registry(registry_service: RegistryService) -> MlflowRegistry:
    return MlflowRegistry(registry_service.url)


@pytest.fixture
def run(registry: Registry, model: str) -> TrackingRunId:
    return registry.open_run(Key(model), model, {})
