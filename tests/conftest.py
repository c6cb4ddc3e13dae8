"""What all tests share: one real one-machine site for the whole session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.postgresql import postgresql
from tests.testsite import TestSite, pipeline_text


@pytest.fixture(scope="session")
def site() -> Iterator[TestSite]:
    """Up with all its services. Its folder is short: socket paths are limited to 108 bytes."""
    home = Path(tempfile.mkdtemp(prefix="rw-"))
    running = TestSite(home)
    try:
        running.ask("up")
        yield running
    finally:
        running.ask("down", expect=None)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a private PostgreSQL server."""
    with postgresql() as url:
        yield url


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[..., Path]:
    """Writes a pipeline of the tiny recipe: see `pipeline_text`."""

    def write(name: str, **changes: str | int) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(pipeline_text(name, **changes))  # type: ignore[arg-type]
        return path

    return write
