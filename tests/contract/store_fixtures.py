"""The store that every store adapter is held against, and the adapter for it. To be moved to conftest.py."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ropeway.adapters.s3 import S3Store
from ropeway.embedded import ports, seaweedfs, starting
from ropeway.embedded.folder import SiteFolder
from tests.contract.store_tools import StoreService, connect


@pytest.fixture(scope="session", params=["seaweedfs"])
def store_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreService]:
    home = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROPEWAY_HOME", str(home))
        folder = SiteFolder.named("contract")
        folder.create()
        service = seaweedfs.service(folder)
        start = starting.Start(folder, ports.allot(folder, [service], new_ports=False), print)
        record = starting.bring_up(start, service)
    keys = (folder.secret(name).read_text() for name in (seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY))
    try:
        yield StoreService(str(record.url), seaweedfs.BUCKET, *keys)
    finally:
        replace(record, grace_s=1).stop()  # nobody needs its data: it need not end cleanly


@pytest.fixture(scope="session")
def store(store_service: StoreService) -> S3Store:
    return connect(store_service)


@pytest.fixture(scope="session")
def raw(store_service: StoreService) -> Any:
    """The store as somebody else who has the keys sees it."""
    return connect(store_service)._connection.client()


_numbers = itertools.count(1)


@pytest.fixture
def model() -> str:
    return f"model-{os.getpid()}-{next(_numbers)}"
