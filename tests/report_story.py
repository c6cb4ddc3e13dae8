"""A run written down through the real journal, with a clock that the story moves on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import ropeway
from ropeway import places
from ropeway.bundled import bundled
from ropeway.config import load_pipeline, load_site
from ropeway.journal import Effect, Journal, Lease, NewRun, RunRow, RunState, open_database
from ropeway.journal.codec import to_json
from ropeway.journal.database import Database, Row, Transaction
from ropeway.names import Digest
from ropeway.runs.events import Event, EventKind
from ropeway.runs.log import logging_to
from ropeway.runs.pinned import Pinned

P = TypeVar("P")
R = TypeVar("R")

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC).timestamp()
RUN = "01k9n7c3q8v5d2mzt4hxw6rbye"
RECIPE_DIGEST = Digest("sha256-5b20c8e41f97ad3660fe8b12d4a975c03e6189fd27b4ca50e7f3196a8dc24b73")
COMMIT = "3f9c2e71b0a4d58e6c17f29b8d03a5e4c6b1f702"


class Clock:
    """Seconds since 1970, moved on by the story."""

    def __init__(self, now: float = BEGAN) -> None:
        self.now = now

    def pass_(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@dataclass(frozen=True)
class TimedTransaction:
    inner: Transaction
    clock: Clock

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        return self.inner.execute(sql.replace("{now}", f"{self.clock.now:.6f}"), values)


@dataclass(frozen=True)
class TimedDatabase:
    """A journal's database whose clock is the story's."""

    inner: Database
    clock: Clock

    @contextmanager
    def writing(self) -> Iterator[Any]:
        with self.inner.writing() as transaction:
            yield TimedTransaction(transaction, self.clock)

    @contextmanager
    def reading(self) -> Iterator[Any]:
        with self.inner.reading() as transaction:
            yield TimedTransaction(transaction, self.clock)


@dataclass
class Story:
    """A run that is written down as it happens."""

    journal: Journal
    lease: Lease
    clock: Clock
    run: str
    stage: str = "train"
    attempt: int = 1
    listen: Callable[[Event], None] = field(init=False)

    def __post_init__(self) -> None:
        self.listen = logging_to(places.run_folder(self.run), lambda _: None)

    def tell(self, kind: EventKind, text: str) -> None:
        self.listen(Event(self.run, kind, self.stage, text, self.clock.now))

    def begin(self, stage: str, attempt: int = 1) -> None:
        self.stage, self.attempt = stage, attempt
        self.lease.begin(stage, attempt)
        self.tell("started", "begun" if attempt == 1 else f"attempt {attempt}: the last one failed")

    def say(self, text: str, after: float = 0.0) -> None:
        self.clock.pass_(after)
        self.tell("progress", text)

    def finish(self, kind: type[R], record: R, after: float = 0.02) -> None:
        self.clock.pass_(after)
        self.lease.finish(self.stage, self.attempt, to_json(kind, record))
        self.tell("finished", "done")

    def fail(self, message: str, hint: str, state: RunState = RunState.FAILED) -> None:
        error = {"kind": "StageFailed", "message": message, "hint": hint, "stage": self.stage}
        if state is RunState.FAILED:
            self.lease.fail(self.stage, self.attempt, error)
        else:
            error["kind"] = "Unavailable"
        self.lease.state(state, error)
        self.tell("failed", message)

    def effect(self, name: str, plan: P, record: R, seconds: float) -> None:
        def do(_: P) -> R:
            self.clock.pass_(seconds)
            return record

        effect = Effect(
            name=name,
            plan=lambda: plan,
            find=lambda _: None,
            do=do,
            plan_kind=type(plan),
            record_kind=type(record),
        )
        self.lease.effect(self.stage, self.attempt, effect)

    def result(self, stage: str, name: str, content: object) -> None:
        folder = places.run_folder(self.run) / "results" / stage
        folder.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")

    def log(self, name: str, text: str) -> None:
        (places.run_folder(self.run) / "logs" / name).write_text(text, encoding="utf-8")

    def told(self) -> tuple[Journal, RunRow]:
        """The run let go, as a report finds it."""
        self.lease.release()
        return self.journal, self.journal.run(self.run)


def begun(pinned: Pinned | None = None, began: float = BEGAN) -> Story:
    """A new run in the journal of `$ROPEWAY_HOME`."""
    pinned = pinned or mnist()
    clock = Clock(began)
    journal = Journal(TimedDatabase(open_database(places.journal()), clock))
    journal.create(NewRun(RUN, pinned.pipeline.name, pinned.site.name, pinned.as_json()))
    lease = journal.acquire(RUN)
    lease.state(RunState.RUNNING)
    return Story(journal, lease, clock, RUN)


def mnist() -> Pinned:
    pipeline = load_pipeline(bundled("pipelines/mnist.yaml"))
    site = load_site(bundled("sites/one-machine.yaml"))
    return Pinned(pipeline, site, ropeway.__version__, bundle=RECIPE_DIGEST, commit=COMMIT)
