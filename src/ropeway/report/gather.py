"""From the journal and the run's folder to the facts of a report. Nothing outside is asked, nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import ropeway
from ropeway.errors import UnexpectedReply
from ropeway.journal import AttemptState, Journal, RunRow, RunState
from ropeway.records import Check
from ropeway.report import reading, stage_log
from ropeway.report.commands import commands
from ropeway.report.confusion import read_confusion
from ropeway.report.curve import read_curve
from ropeway.report.effects import effect_times
from ropeway.report.examples import read_examples
from ropeway.report.facts import SCHEMA, EndpointFacts, Failure, ModelFacts, Report, RolledBack, RunFacts
from ropeway.report.latency import read_latency
from ropeway.report.provenance import read_provenance
from ropeway.report.quality import NO_QUALITY, read_quality
from ropeway.report.rollout import read_rollout
from ropeway.report.source import Source, source
from ropeway.report.text import clean
from ropeway.report.timeline import hand_over, stage_times

T = TypeVar("T")


class Notes:
    """What could not be read: each problem becomes a sentence of the report instead of its end."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def attempt(self, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except UnexpectedReply as problem:
            self._told[clean(problem.message, 300)] = None
            return otherwise

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(self._told)


def gather(journal: Journal, run: RunRow) -> Report:
    """A result file that cannot be read becomes a note, never an error."""
    return report_of(source(journal, run))


def report_of(given: Source) -> Report:
    notes = Notes()
    stages = stage_times(given)
    return Report(
        schema=SCHEMA,
        written_at=given.now,
        written_by=ropeway.__version__,
        run=_run(given),
        model=_model(given),
        endpoint=_endpoint(given),
        failure=_failure(given),
        checks=notes.attempt(lambda: _checks(given), ()),
        rolled_back=_rolled_back(given),
        hand_over=hand_over(given, stages),
        stages=stages,
        curve=notes.attempt(lambda: read_curve(given.folder / "results" / "train" / "progress.jsonl"), None),
        quality=notes.attempt(lambda: read_quality(given), NO_QUALITY),
        confusion=notes.attempt(lambda: read_confusion(given.result("evaluate", "confusion.json")), None),
        latency=notes.attempt(lambda: read_latency(given), None),
        examples=notes.attempt(lambda: read_examples(given.result("evaluate", _examples_name(given))), ()),
        rollout=read_rollout(given),
        effects=effect_times(given),
        provenance=read_provenance(given),
        commands=commands(given),
        pipeline=reading.tree(reading.mapping(given.run.pinned.get("pipeline"))),
        site=reading.tree(reading.mapping(given.run.pinned.get("site"))),
        notes=notes.told,
    )


def _run(given: Source) -> RunFacts:
    row = given.run
    return RunFacts(
        id=row.id,
        pipeline=clean(row.pipeline, 100),
        site=clean(row.site, 100),
        state="interrupted" if row.abandoned else row.state.value,
        stage=_stage_at_work(given),
        created_at=row.created_at,
        ended_at=row.ended_at,
        seconds=max(0.0, (row.ended_at or given.now) - row.created_at),
    )


def _stage_at_work(given: Source) -> str | None:
    named = reading.text(reading.mapping(given.run.error).get("stage"))
    unfinished = [row.stage for row in given.attempts if row.state in (AttemptState.RUNNING, AttemptState.FAILED)]
    return named or (unfinished[-1] if unfinished and given.run.state is not RunState.SUCCEEDED else None)


def _model(given: Source) -> ModelFacts | None:
    trained, registered = given.record("train"), given.record("register")
    named = registered or given.record("rollback")
    digest = reading.text(trained.get("digest") or named.get("digest"))
    if digest is None:
        return None
    promoted = given.record("promote") or given.record("rollback")
    return ModelFacts(
        name=reading.text(named.get("model")),
        version=reading.whole(named.get("version")),
        digest=digest,
        size=reading.whole(trained.get("size")),
        files=reading.whole(trained.get("files")),
        alias=reading.text(promoted.get("alias")),
    )


def _endpoint(given: Source) -> EndpointFacts | None:
    revision = given.record("deploy") or given.record("rollback")
    name = reading.text(revision.get("endpoint"))
    if name is None:
        return None
    return EndpointFacts(
        name=name,
        url=reading.text(revision.get("url")),
        revision=reading.text(revision.get("id")),
        replaces=reading.text(revision.get("replaces")),
        ready_at=reading.number(revision.get("ready_at")),
    )


def _failure(given: Source) -> Failure | None:
    error = reading.mapping(given.run.error)
    if not error:
        return None
    stage = _stage_at_work(given)
    return Failure(
        stage=stage,
        kind=clean(error.get("kind") or "error", 100),
        message=clean(error.get("message") or "no reason was written down"),
        hint=reading.text(error.get("hint")),
        logs=stage_log.tails(given.folder, stage) if stage in given.stages else (),
    )


def _checks(given: Source) -> tuple[Check, ...]:
    """Of the verdict; also of one that did not pass, which verify leaves among its results."""
    verdict = given.record("verify") or reading.mapping(given.result("verify", "verdict.json"))
    listed = map(reading.mapping, reading.items(verdict.get("checks")))
    return tuple(
        Check(
            name=clean(check.get("name") or "", 100),
            passed=check.get("passed") is True,
            required=clean(check.get("required") or ""),
            seen=clean(check.get("seen") or ""),
        )
        for check in listed
    )


def _rolled_back(given: Source) -> RolledBack | None:
    record = given.record("rollback")
    if not record:
        return None
    return RolledBack(
        version=reading.whole(record.get("version")),
        replaced=reading.whole(record.get("replaced")),
        seconds=reading.number(record.get("seconds")),
        kept=record.get("kept") is True,
    )


def _examples_name(given: Source) -> str:
    return reading.text((given.section("verify") or {}).get("examples")) or "examples.json"
