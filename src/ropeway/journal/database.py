"""Two databases behind one small face: SQLite in a local file, PostgreSQL for many operators."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from ropeway.errors import AccessError, ConfigError, Unavailable
from ropeway.journal.schema import STEPS, VERSION

Row = dict[str, Any]

_SHARED_FILE_SYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "lustre",
        "beegfs",
        "beegfs_nodev",
        "gpfs",
        "ceph",
        "glusterfs",
        "fuse.sshfs",
        "afs",
    }
)


class Transaction(Protocol):
    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of one statement. `?`: a value; `{now}`: the database's clock, in seconds since 1970."""
        ...


class Database(Protocol):
    def writing(self) -> AbstractContextManager[Transaction]:
        """All or nothing, alone among the writers of the rows that it touches. Raises Unavailable."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]: ...


def open_database(place: str) -> Database:
    """`postgresql://…`, or the path of a SQLite file that is made when absent. Brings an older journal up to date.

    Raises ConfigError for a journal of a newer release, and for SQLite on a network file system.
    """
    database: Database = (
        PostgresDatabase(place) if place.startswith(("postgresql://", "postgres://")) else SqliteDatabase(Path(place))
    )
    _migrate(database)
    return database


class SqliteDatabase:
    """One file on a local disk, WAL, every commit on the disk before it counts."""

    def __init__(self, path: Path) -> None:
        _refuse_shared(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise AccessError(f"opening the journal {path}: {error.strerror}", f"ls -ld {path.parent}") from error
        self._path = path
        self._local = threading.local()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        yield from self._transaction("BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        yield from self._transaction("BEGIN")

    def _transaction(self, begin: str) -> Iterator[Transaction]:
        try:
            connection = self._connection()
            connection.execute(begin)
            try:
                yield _Sqlite(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"using the journal {self._path}: {error}", f"df -h {self._path.parent}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"using the journal {self._path}: {error}", f"file {self._path}") from error

    def _connection(self) -> sqlite3.Connection:
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is None:
            held = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            held.row_factory = sqlite3.Row
            for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                held.execute(f"PRAGMA {setting}")
            self._local.connection = held
        return held


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        statement = sql.replace("{now}", "((julianday('now') - 2440587.5) * 86400.0)").replace("{for_update}", "")
        return [dict(row) for row in self._connection.execute(statement, values)]


class PostgresDatabase:
    """A database of a PostgreSQL server; the password comes from its own means (PGPASSFILE, service file)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        yield from self._transaction()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        yield from self._transaction()

    def _transaction(self) -> Iterator[Transaction]:
        psycopg = _psycopg()
        try:
            connection = self._connection(psycopg)
            with connection.transaction(), connection.cursor() as cursor:
                yield _Postgres(cursor)
        except psycopg.OperationalError as error:
            self._local.connection = None
            raise Unavailable(
                f"using the journal on PostgreSQL: {str(error).splitlines()[0]}", "ropeway doctor"
            ) from error

    def _connection(self, psycopg: Any) -> Any:
        held = getattr(self._local, "connection", None)
        if held is None or held.closed:
            held = psycopg.connect(self._url, autocommit=True, connect_timeout=10, row_factory=psycopg.rows.dict_row)
            self._local.connection = held
        return held


class _Postgres:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        clock = "extract(epoch from clock_timestamp())::double precision"
        statement = (
            sql.replace("%", "%%").replace("?", "%s").replace("{now}", clock).replace("{for_update}", "FOR UPDATE")
        )
        self._cursor.execute(statement, values or None)
        return [dict(row) for row in self._cursor] if self._cursor.description else []


def _psycopg() -> Any:
    try:
        import psycopg
        import psycopg.rows
    except ImportError as error:
        raise ConfigError(
            "opening the journal: PostgreSQL needs the psycopg package",
            "uv tool install 'ropeway[postgresql]'",
        ) from error
    return psycopg


def _migrate(database: Database) -> None:
    with database.writing() as transaction:
        transaction.execute("CREATE TABLE IF NOT EXISTS journal_version (version INTEGER NOT NULL)")
        rows = transaction.execute("SELECT version FROM journal_version")
        version = rows[0]["version"] if rows else 0
        if version > VERSION:
            raise ConfigError(
                f"opening the journal: a newer Ropeway wrote it (journal version {version}); this one knows {VERSION}",
                "uv tool upgrade ropeway",
            )
        _apply(transaction.execute, STEPS[version:])
        if version < VERSION:
            transaction.execute("DELETE FROM journal_version")
            transaction.execute("INSERT INTO journal_version VALUES (?)", (VERSION,))


def _apply(execute: Callable[[str], list[Row]], steps: Sequence[str]) -> None:
    for step in steps:
        for statement in step.split(";"):
            if statement.strip():
                execute(statement)


def _refuse_shared(path: Path) -> None:
    place = os.path.realpath(path.parent)
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    holding = [
        (len(mount[1]), mount[2])
        for mount in mounts
        if place == mount[1] or place.startswith(mount[1].rstrip("/") + "/")
    ]
    kind = max(holding, default=(0, ""))[1]
    if kind in _SHARED_FILE_SYSTEMS:
        raise ConfigError(
            f"opening the journal {path}: SQLite is not safe on a network file system ({kind})",
            "export ROPEWAY_JOURNAL=postgresql://…   (or a path on a local disk)",
        )
