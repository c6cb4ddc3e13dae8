"""The stages in order: each is reused when it is done, taken up where it was cut, begun otherwise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from ropeway.errors import ConfigError, Conflict, NotFound, RopewayError, Unavailable
from ropeway.journal import AttemptRow, AttemptState, Lease, RunState
from ropeway.journal.codec import from_mapping, to_json
from ropeway.names import HostPath, key
from ropeway.records import (
    Evaluation,
    ModelVersion,
    Promotion,
    Revision,
    Rollback,
    SyncedModel,
    TrainedModel,
    Verdict,
)
from ropeway.runs.events import Event, EventKind, Listener
from ropeway.runs.outcome import in_words
from ropeway.runs.pinned import Pinned
from ropeway.stages.adopt import adopt
from ropeway.stages.context import Connections, Context
from ropeway.stages.deploy import deploy
from ropeway.stages.endpoint_lease import release
from ropeway.stages.evaluate import evaluate
from ropeway.stages.promote import promote
from ropeway.stages.register import register
from ropeway.stages.rollback import rollback
from ropeway.stages.sync import sync
from ropeway.stages.train import train
from ropeway.stages.verify import verify
from ropeway.waiting import SYSTEM, Clock

R = TypeVar("R")


class Results:
    """What the stages have handed over so far, by the type of the record."""

    def __init__(self) -> None:
        self._records: dict[type, object] = {}

    def add(self, record: object) -> None:
        self._records[type(record)] = record

    def maybe(self, kind: type[R]) -> R | None:
        return cast("R | None", self._records.get(kind))

    def need(self, kind: type[R]) -> R:
        record = self.maybe(kind)
        if record is None:
            raise NotFound(f"looking for a {kind.__name__}: no earlier stage has left one", "ropeway status")
        return record


@dataclass(frozen=True)
class Stage(Generic[R]):
    record: type[R]
    work: Callable[[Context, Results, Pinned], R]


def _train_or_adopt(context: Context, _: Results, pinned: Pinned) -> TrainedModel:
    return adopt(context, HostPath(pinned.adopt)) if pinned.adopt else train(context)


def _rollback(context: Context, _: Results, pinned: Pinned) -> Rollback:
    if pinned.rollback is None:
        raise ConfigError("rolling back: no endpoint was named")
    return rollback(context, pinned.rollback)


_LEAVES_NOTHING_HALF = {"train", "evaluate", "register", "sync"}

STAGES: dict[str, Stage[Any]] = {
    "train": Stage(TrainedModel, _train_or_adopt),
    "evaluate": Stage(Evaluation, lambda c, r, _: evaluate(c, r.need(TrainedModel))),
    "register": Stage(ModelVersion, lambda c, r, _: register(c, r.need(TrainedModel), r.maybe(Evaluation))),
    "sync": Stage(SyncedModel, lambda c, r, _: sync(c, r.need(TrainedModel), r.need(ModelVersion))),
    "deploy": Stage(Revision, lambda c, r, _: deploy(c, r.need(SyncedModel))),
    "verify": Stage(Verdict, lambda c, r, _: verify(c, r.need(Revision))),
    "promote": Stage(Promotion, lambda c, r, _: promote(c, r.need(Revision))),
    "rollback": Stage(Rollback, _rollback),
}


@dataclass(frozen=True)
class HeldRun:
    """A run that this process holds, with everything that its stages need."""

    lease: Lease
    pinned: Pinned
    site: Connections
    folder: Path
    listener: Listener
    clock: Clock = SYSTEM

    def context(self, stage: str, number: int) -> Context:
        return Context(
            run=self.lease.run,
            stage=stage,
            attempt=number,
            pipeline=self.pinned.pipeline,
            site=self.site,
            folder=self.folder,
            bundle_digest=self.pinned.bundle,
            commit=self.pinned.commit,
            perform=partial(self.lease.effect, stage, number),
            say=partial(self.tell, "progress", stage),
            clock=self.clock,
        )

    def tell(self, kind: EventKind, stage: str | None, text: str, seconds: float | None = None) -> None:
        self.listener(Event(self.lease.run, kind, stage, text, self.clock.now().timestamp(), seconds))


def proceed(held: HeldRun, attempts: list[AttemptRow], until: str | None = None) -> None:
    """Go through the stages, up to and including `until`. The run's state is written whatever happens.

    Raises what the failing stage raised. Unavailable leaves the run paused, any other error failed.
    """
    held.lease.state(RunState.RUNNING)
    results = Results()
    for name in held.pinned.stages:
        try:
            _do_stage(held, name, _last(attempts, name), results)
        except KeyboardInterrupt:
            held.lease.state(RunState.STOPPED)
            raise
        if name == until and name != held.pinned.stages[-1]:
            held.lease.state(RunState.STOPPED)
            return
    held.lease.state(RunState.SUCCEEDED)
    let_go(held)


def redo(held: HeldRun, attempts: list[AttemptRow], stage: str) -> None:
    """Let this stage and those after it begin anew; a job that one of them left running is ended first.

    Raises Conflict when one that changes an endpoint was cut short: half of a rollout is no place to begin from.
    """
    again = held.pinned.stages[held.pinned.stages.index(stage) :]
    for row in attempts:
        if row.state is AttemptState.RUNNING and row.stage in again:
            if row.stage not in _LEAVES_NOTHING_HALF:
                raise Conflict(
                    f"redoing {stage}: the stage {row.stage} was cut short, and must come to its end first",
                    f"ropeway resume {held.lease.run}",
                )
            held.site.scheduler.cancel(key(held.lease.run, row.stage, row.number))
    held.lease.supersede(again)


def let_go(held: HeldRun) -> None:
    """Nobody has to wait for this run any more to change its endpoint."""
    endpoint = held.pinned.rollback or (held.pinned.pipeline.deploy.endpoint if held.pinned.pipeline.deploy else None)
    if endpoint is not None:
        with suppress(RopewayError):  # else it lapses by itself
            release(held.context("release", 0), endpoint)


def show(held: HeldRun, attempts: list[AttemptRow]) -> None:
    """Tell of each stage of a run that has ended well what it had achieved. Writes nothing."""
    for name in held.pinned.stages:
        _reused(held, name, _last(attempts, name))


def _do_stage(held: HeldRun, name: str, last: AttemptRow | None, results: Results) -> None:
    stage = STAGES[name]
    record = _reused(held, name, last)
    if record is not None:
        results.add(record)
        return
    number = _attempt(held, name, last)
    started = held.clock.monotonic()
    try:
        record = stage.work(held.context(name, number), results, held.pinned)
    except RopewayError as error:
        _note_failure(held, name, number, error)
        raise
    except OSError as error:
        raise _note_failure(held, name, number, _broken_machine(name, error)) from error
    held.lease.finish(name, number, to_json(stage.record, record))
    results.add(record)
    held.tell("finished", name, in_words(record), held.clock.monotonic() - started)


def _reused(held: HeldRun, name: str, last: AttemptRow | None) -> object | None:
    if last is None or last.state is not AttemptState.SUCCEEDED or last.record is None:
        return None
    record: object = from_mapping(STAGES[name].record, last.record)
    held.tell("reused", name, f"{in_words(record)}, attempt {last.number}")
    return record


def _attempt(held: HeldRun, name: str, last: AttemptRow | None) -> int:
    """The number of the attempt to work on: the one that was cut short, else a new one."""
    if last and last.state is AttemptState.FAILED and name == "rollback":
        held.lease.reopen(name, last.number)  # a new plan would take the good revision for the bad one
        held.tell("resumed", name, f"attempt {last.number} goes on: it failed")
        return last.number
    if last and last.state is AttemptState.RUNNING:
        held.tell("resumed", name, f"attempt {last.number} goes on: it was cut short")
        return last.number
    number = last.number + 1 if last else 1
    held.lease.begin(name, number)
    why = f"attempt {number}: the last one {last.state}" if last else "begun"
    held.tell("started", name, why)
    return number


def _note_failure(held: HeldRun, name: str, number: int, error: RopewayError) -> RopewayError:
    told = {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "stage": name}
    if isinstance(error, Unavailable):
        held.lease.state(RunState.PAUSED, told)
    else:
        held.lease.fail(name, number, told)
        held.lease.state(RunState.FAILED, told)
        let_go(held)
    held.tell("failed", name, error.message)
    return error


def _broken_machine(stage: str, error: OSError) -> RopewayError:
    place = f" {error.filename}" if error.filename else ""
    return Unavailable(f"{stage}: this machine says{place}: {error.strerror or error}", "df -h")


def _last(attempts: list[AttemptRow], stage: str) -> AttemptRow | None:
    return max((row for row in attempts if row.stage == stage), key=lambda row: row.number, default=None)
