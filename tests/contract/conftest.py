"""The adapters and services that every contract is held against. One that is absent fails, it is never skipped."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from ropeway.journal import open_database

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def journal_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty journal on each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "journal.sqlite")
    import psycopg

    server: str = request.getfixturevalue("postgresql_server")
    name = f"journal_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def journal_lapses(journal_place: str) -> Callable[[str], None]:
    """Let the lease of a run lapse, as if its time had gone by."""

    def lapse(run: str) -> None:
        with open_database(journal_place).writing() as transaction:
            transaction.execute("UPDATE run SET lease_until = {now} - 1 WHERE id = ?", (run,))

    return lapse
