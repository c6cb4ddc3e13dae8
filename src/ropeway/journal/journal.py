"""The journal as everybody may read it, and how one process comes to hold a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ropeway.errors import Conflict, NotFound
from ropeway.journal.database import Database, Row, Transaction
from ropeway.journal.lease import LEASE_SECONDS, Lease
from ropeway.journal.rows import AttemptRow, AttemptState, EffectRow, NewRun, RunRow, RunState
from ropeway_agent.identity import ProcessIdentity, mine


class Journal:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, run: NewRun) -> RunRow:
        """Write the run down; the one that already has its `once_key` is returned instead."""
        with self._database.writing() as transaction:
            if run.once_key:
                rows = transaction.execute("SELECT * FROM run WHERE once_key = ?", (run.once_key,))
                if rows:
                    return _run(rows[0])
            transaction.execute(
                "INSERT INTO run (id, pipeline, site, once_key, state, pinned, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, {now})",
                (
                    run.id,
                    run.pipeline,
                    run.site,
                    run.once_key,
                    RunState.STOPPED,
                    json.dumps(run.pinned),
                ),
            )
        return self.run(run.id)

    def run(self, name: str) -> RunRow:
        """The run of this id, of the only id that begins so, or `latest`. Raises NotFound."""
        with self._database.reading() as transaction:
            if name == "latest":
                rows = transaction.execute("SELECT * FROM run ORDER BY created_at DESC LIMIT 1")
            else:
                rows = transaction.execute("SELECT * FROM run WHERE substr(id, 1, ?) = ?", (len(name), name.lower()))
        if len(rows) != 1 or not name:
            problem = "there is none" if not rows else f"{len(rows)} ids begin so"
            raise NotFound(f"looking for the run {name!r}: {problem}", "ropeway runs")
        return _run(rows[0])

    def runs(self, limit: int = 50) -> Sequence[RunRow]:
        """Newest first."""
        with self._database.reading() as transaction:
            return [
                _run(row) for row in transaction.execute("SELECT * FROM run ORDER BY created_at DESC LIMIT ?", (limit,))
            ]

    def attempts(self, run: str) -> Sequence[AttemptRow]:
        """In the order they were begun."""
        with self._database.reading() as transaction:
            rows = transaction.execute("SELECT * FROM attempt WHERE run = ? ORDER BY started_at, number", (run,))
        return [_attempt(row) for row in rows]

    def effects(self, run: str) -> Sequence[EffectRow]:
        """In the order they were intended."""
        with self._database.reading() as transaction:
            rows = transaction.execute("SELECT * FROM effect WHERE run = ? ORDER BY intended_at", (run,))
        return [_effect(row) for row in rows]

    def acquire(self, run: str, owner: ProcessIdentity | None = None) -> Lease:
        """Hold the run. Taken over at once when its owner is known to be gone, else when its lease has lapsed.

        Raises Conflict naming the holder.
        """
        owner = owner or mine()
        with self._database.writing() as transaction:
            row = _row_for_update(transaction, run)
            _refuse_held(_run(row), lapsed=row["lease_until"] < row["clock"])
            transaction.execute(
                "UPDATE run SET owner = ?, token = token + 1, lease_until = {now} + ? WHERE id = ?",
                (json.dumps(owner.as_json()), LEASE_SECONDS, run),
            )
            token = row["token"] + 1
        return Lease(self._database, run, token)

    def request_cancel(self, run: str) -> None:
        """Ask the run's owner to stop; it looks with every heartbeat."""
        with self._database.writing() as transaction:
            transaction.execute("UPDATE run SET cancel_requested = 1 WHERE id = ?", (run,))


def _refuse_held(run: RunRow, *, lapsed: bool) -> None:
    if run.owner is None or lapsed or (run.owner.here and not run.owner.alive):
        return
    raise Conflict(
        f"taking the run {run.id}: it is held by process {run.owner.pid} on {run.owner.host}",
        f"ropeway status {run.id} --watch",
    )


def _row_for_update(transaction: Transaction, run: str) -> Row:
    rows = transaction.execute("SELECT *, {now} AS clock FROM run WHERE id = ? {for_update}", (run,))
    if not rows:
        raise NotFound(f"looking for the run {run!r}: there is none", "ropeway runs")
    return rows[0]


def _json(text: str | None) -> Mapping[str, object] | None:
    content: Mapping[str, object] | None = json.loads(text) if text else None
    return content


def _run(row: Row) -> RunRow:
    owner: dict[str, Any] | None = json.loads(row["owner"]) if row["owner"] else None
    return RunRow(
        id=row["id"],
        pipeline=row["pipeline"],
        site=row["site"],
        state=RunState(row["state"]),
        pinned=_json(row["pinned"]) or {},
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        error=_json(row["error"]),
        owner=ProcessIdentity(**owner) if owner else None,
        token=row["token"],
        cancel_requested=bool(row["cancel_requested"]),
    )


def _attempt(row: Row) -> AttemptRow:
    return AttemptRow(
        stage=row["stage"],
        number=row["number"],
        state=AttemptState(row["state"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        record=_json(row["record"]),
        error=_json(row["error"]),
    )


def _effect(row: Row) -> EffectRow:
    return EffectRow(
        stage=row["stage"],
        attempt=row["attempt"],
        name=row["name"],
        plan=_json(row["plan"]) or {},
        record=_json(row["record"]),
        intended_at=row["intended_at"],
        recorded_at=row["recorded_at"],
    )
