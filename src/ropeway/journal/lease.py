"""A held run: the only way to write about it. A writer that has lost the run fails on its token."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TypeVar

from ropeway.errors import Conflict
from ropeway.journal.codec import from_mapping, to_json
from ropeway.journal.database import Database, Transaction
from ropeway.journal.rows import AttemptState, Effect, RunState

LEASE_SECONDS = 30
"""How long a run stays held without a heartbeat. A heartbeat comes every HEARTBEAT_SECONDS."""
HEARTBEAT_SECONDS = 2

P = TypeVar("P")
R = TypeVar("R")


class Lease:
    """Every write is one transaction that first checks the token; Conflict when another process has taken the run."""

    def __init__(self, database: Database, run: str, token: int) -> None:
        self._database = database
        self.run = run
        self.token = token

    def begin(self, stage: str, number: int) -> None:
        self._write(
            "INSERT INTO attempt (run, stage, number, state, started_at) VALUES (?, ?, ?, ?, {now})",
            (self.run, stage, number, AttemptState.RUNNING),
        )

    def finish(self, stage: str, number: int, record: str) -> None:
        """`record`: the stage's result as JSON."""
        self._end_attempt(stage, number, AttemptState.SUCCEEDED, record, None)

    def reopen(self, stage: str, number: int) -> None:
        """A failed attempt goes on with the effects that it has, instead of a new one with new plans."""
        self._end_attempt(stage, number, AttemptState.RUNNING, None, None)

    def fail(self, stage: str, number: int, error: Mapping[str, object]) -> None:
        self._end_attempt(stage, number, AttemptState.FAILED, None, json.dumps(error))

    def supersede(self, stages: Collection[str]) -> None:
        """The attempts of these stages that succeeded or were cut short no longer count: new ones are begun."""
        marks = ", ".join("?" for _ in stages)
        self._write(
            f"UPDATE attempt SET state = ? WHERE run = ? AND state IN (?, ?) AND stage IN ({marks})",  # noqa: S608 - only marks
            (AttemptState.SUPERSEDED, self.run, AttemptState.SUCCEEDED, AttemptState.RUNNING, *stages),
        )

    def state(self, state: RunState, error: Mapping[str, object] | None = None) -> None:
        ended = state not in (RunState.RUNNING, RunState.STOPPED, RunState.PAUSED)
        self._write(
            f"UPDATE run SET state = ?, error = ?, ended_at = {'{now}' if ended else 'NULL'} WHERE id = ?",  # noqa: S608
            (state, json.dumps(error) if error else None, self.run),
        )

    def effect(self, stage: str, attempt: int, effect: Effect[P, R]) -> R:
        """The effect's record: from the journal, else from the outside world, else by making the effect now."""
        place = (self.run, stage, attempt, effect.name)
        row = self._effect_row(place)
        if row and row["record"]:
            return from_mapping(effect.record_kind, json.loads(row["record"]))
        if row:
            plan = from_mapping(effect.plan_kind, json.loads(row["plan"]))
        else:
            plan = effect.plan()
            self._intend(place, to_json(effect.plan_kind, plan))
        record = effect.find(plan)
        if record is None:
            record = effect.do(plan)
        self._record(place, to_json(effect.record_kind, record))
        return record

    def heartbeat(self) -> bool:
        """Go on holding the run. True when somebody asked to cancel it."""
        with self._database.writing() as transaction:
            self._check(transaction)
            transaction.execute("UPDATE run SET lease_until = {now} + ? WHERE id = ?", (LEASE_SECONDS, self.run))
            return bool(
                transaction.execute("SELECT cancel_requested FROM run WHERE id = ?", (self.run,))[0]["cancel_requested"]
            )

    def release(self) -> None:
        """Let the run go; nothing happens when another process has taken it already."""
        with self._database.writing() as transaction:
            transaction.execute(
                "UPDATE run SET owner = NULL, lease_until = 0 WHERE id = ? AND token = ?",
                (self.run, self.token),
            )

    def _end_attempt(self, stage: str, number: int, state: AttemptState, record: str | None, error: str | None) -> None:
        self._write(
            "UPDATE attempt SET state = ?, ended_at = {now}, record = ?, error = ?"
            " WHERE run = ? AND stage = ? AND number = ?",
            (state, record, error, self.run, stage, number),
        )

    def _effect_row(self, place: tuple[object, ...]) -> dict[str, str] | None:
        with self._database.reading() as transaction:
            rows = transaction.execute(
                "SELECT plan, record FROM effect WHERE run = ? AND stage = ? AND attempt = ? AND name = ?",
                place,
            )
        return rows[0] if rows else None

    def _intend(self, place: tuple[object, ...], plan: str) -> None:
        self._write(
            "INSERT INTO effect (run, stage, attempt, name, plan, intended_at) VALUES (?, ?, ?, ?, ?, {now})",
            (*place, plan),
        )

    def _record(self, place: tuple[object, ...], record: str) -> None:
        self._write(
            "UPDATE effect SET record = ?, recorded_at = {now}"
            " WHERE run = ? AND stage = ? AND attempt = ? AND name = ?",
            (record, *place),
        )

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        with self._database.writing() as transaction:
            self._check(transaction)
            transaction.execute(sql, values)

    def _check(self, transaction: Transaction) -> None:
        rows = transaction.execute("SELECT token, owner FROM run WHERE id = ? {for_update}", (self.run,))
        if not rows or rows[0]["token"] != self.token:
            holder = json.loads(rows[0]["owner"] or "{}") if rows else {}
            now = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
            raise Conflict(
                f"writing about the run {self.run}: it was taken over by {now}", f"ropeway status {self.run}"
            )
