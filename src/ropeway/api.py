"""What Python users and the command line call: run a pipeline, take it up again, see it, stop it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal

from ropeway import places, sites
from ropeway.config import Pipeline, Site
from ropeway.errors import ConfigError, Conflict, NotFound, RopewayError
from ropeway.journal import Journal, Lease, RunRow, RunState, open_database
from ropeway.names import key
from ropeway.pipeline import HeldRun, let_go, proceed, redo, show
from ropeway.planning import PlannedEffect, planned
from ropeway.runs import creation
from ropeway.runs.events import Listener
from ropeway.runs.holding import Holding
from ropeway.runs.log import logging_to
from ropeway.runs.pinned import read_pinned
from ropeway.runs.status import RunStatus, run_status
from ropeway.stages.cancel import cancel as cancel_effects
from ropeway.waiting import SYSTEM

TAKE_OVER = timedelta(seconds=30)
"""How long `cancel` waits for the run's controller to let go: more than ten of its heartbeats."""


def _quiet(_: object) -> None:
    """Listens to nothing."""


def run(
    pipeline: Path | str | Pipeline,
    site: Path | str | Site | None = None,
    *,
    once: str | None = None,
    until: str | None = None,
    listener: Listener = _quiet,
) -> RunStatus:
    """Run a pipeline on a site, and return when it has ended.

    `pipeline` and `site` are files or models already read; the site may be a name that Ropeway brings, and is
    `one-machine` by default. `once`: a second call with this key goes on with the first one's run. `until`: stop after
    this stage. `listener` is told each event as it happens.

    Raises StageFailed when the work itself failed, Unavailable when the run is paused and `resume` may go on with it,
    and the other errors of `ropeway.errors`.
    """
    return resume(create(pipeline, site, once=once), until=until, listener=listener)


def create(pipeline: Path | str | Pipeline, site: Path | str | Site | None = None, *, once: str | None = None) -> str:
    """Write a run down without starting it; its id. `resume` starts it."""
    return creation.create(open_journal(), pipeline, sites.find_site(site), once)


def adopt(
    directory: Path | str,
    *,
    model: str | None = None,
    pipeline: Path | str | Pipeline | None = None,
    site: Path | str | Site | None = None,
    until: str | None = None,
    listener: Listener = _quiet,
) -> RunStatus:
    """Take a model folder that was trained elsewhere from seal to serving; as `run`, without its first two stages.

    Without a `pipeline` it is registered and served under the name `model`, the folder's own name by default.
    """
    run_id = creation.create_adoption(open_journal(), Path(directory), model, pipeline, sites.find_site(site))
    return resume(run_id, until=until, listener=listener)


def rollback(endpoint: str, site: Path | str | Site | None = None, *, listener: Listener = _quiet) -> RunStatus:
    """Give all traffic of the endpoint back to the revision before, and the alias with it.

    Raises NotFound when there is none.
    """
    return resume(creation.create_rollback(open_journal(), endpoint, sites.find_site(site)), listener=listener)


def resume(
    run: str, *, from_stage: str | None = None, until: str | None = None, listener: Listener = _quiet
) -> RunStatus:
    """Go on with a run: done stages are reused, a stage that was cut short is taken up, a failed one tried again.

    `from_stage`: this stage and those after it are done again. Raises Conflict naming the holder when another process
    works on the run, or when it was cancelled; otherwise as `run`.
    """
    journal = open_journal()
    row = journal.run(run)
    for stage in (from_stage, until):
        _check_stage(row, stage)
    with _held(journal, row, listener) as held:
        if journal.run(row.id).cancel_requested:
            raise Conflict(f"resuming the run {row.id}: it was cancelled", f"ropeway cancel {row.id}")
        if row.state is RunState.SUCCEEDED and from_stage is None:
            show(held, list(journal.attempts(row.id)))
            return run_status(journal, row)
        if from_stage is not None:
            redo(held, list(journal.attempts(row.id)), from_stage)
        try:
            proceed(held, list(journal.attempts(row.id)), until)
        finally:
            _report(journal, row.id)
    return run_status(journal, journal.run(row.id))


def cancel(run: str, *, listener: Listener = _quiet) -> RunStatus:
    """End a run: its jobs are ended, an unpromoted revision is taken away, nothing is left running. Twice is once.

    Raises Conflict when its controller, on another host, does not let go.
    """
    journal = open_journal()
    row = journal.run(run)
    if row.state is RunState.SUCCEEDED:
        raise Conflict(f"cancelling the run {row.id}: it has succeeded already", "ropeway rollback ENDPOINT")
    journal.request_cancel(row.id)
    with _held(journal, row, listener, patient=True) as held:
        if journal.run(row.id).state is RunState.SUCCEEDED:
            raise Conflict(f"cancelling the run {row.id}: it has just succeeded", "ropeway rollback ENDPOINT")
        attempts = journal.attempts(row.id)
        number = sum(attempt.stage == "cancel" for attempt in attempts) + 1
        held.lease.begin("cancel", number)
        cancel_effects(held.context("cancel", number), journal.effects(row.id))
        held.lease.finish("cancel", number, "{}")
        held.lease.state(RunState.CANCELLED)
        let_go(held)
    return run_status(journal, journal.run(row.id))


def status(run: str = "latest") -> RunStatus:
    """What the run is doing. `run` is an id, the beginning of one, or `latest`. Asks nothing outside the journal."""
    journal = open_journal()
    return run_status(journal, journal.run(run))


def runs(limit: int = 50) -> Sequence[RunStatus]:
    """The newest runs first."""
    journal = open_journal()
    return [run_status(journal, row) for row in journal.runs(limit)]


def job_output(run: str, stage: str, stream: Literal["stdout", "stderr"], offset: int = 0) -> bytes:
    """What the stage's newest job has written from byte `offset` on; empty before it was submitted."""
    journal = open_journal()
    row = journal.run(run)
    numbers = [attempt.number for attempt in journal.attempts(row.id) if attempt.stage == stage]
    submitted = {(effect.stage, effect.attempt) for effect in journal.effects(row.id) if effect.name == "submit-job"}
    if not numbers or (stage, max(numbers)) not in submitted:
        return b""
    scheduler = sites.connect(read_pinned(row.pinned, row.id).site).scheduler
    with suppress(NotFound):
        return b"".join(scheduler.log(key(row.id, stage, max(numbers)), stream, offset))
    return b""


def plan(pipeline: Path | str | Pipeline, site: Path | str | Site | None = None) -> Sequence[PlannedEffect]:
    """Every change that a run of this pipeline would make outside, in order. Changes nothing."""
    read, file = creation.read_pipeline(pipeline)
    return planned(read, file, sites.connect(sites.find_site(site)))


def open_journal() -> Journal:
    """The journal that all of these use: see `places.journal`."""
    return Journal(open_database(places.journal()))


def _check_stage(row: RunRow, stage: str | None) -> None:
    known = read_pinned(row.pinned, row.id).stages
    if stage is not None and stage not in known:
        raise ConfigError(f"looking for the stage {stage!r}: the run {row.id} has {', '.join(known)}")


@contextmanager
def _held(journal: Journal, row: RunRow, listener: Listener, *, patient: bool = False) -> Iterator[HeldRun]:
    pinned = read_pinned(row.pinned, row.id)
    connections = sites.connect(pinned.site)
    folder = places.run_folder(row.id)
    lease = _wait_for(journal, row.id) if patient else journal.acquire(row.id)
    with Holding(lease, listens=not patient) as holding:
        try:
            yield HeldRun(lease, pinned, connections, folder, logging_to(folder, listener))
        except KeyboardInterrupt:
            if holding.reason is not None:
                raise holding.reason from None
            raise


def _report(journal: Journal, run: str) -> None:
    """Every run leaves a report, however it ended; that it cannot be written changes nothing about the run."""
    from ropeway.report import write_report

    with suppress(OSError, RopewayError):
        write_report(journal, journal.run(run))


def _wait_for(journal: Journal, run: str) -> Lease:
    """The run's lease, once its controller has let go. Raises Conflict naming it when it does not within TAKE_OVER."""
    end = SYSTEM.monotonic() + TAKE_OVER.total_seconds()
    while True:
        try:
            return journal.acquire(run)
        except Conflict:
            if SYSTEM.monotonic() > end:
                raise
            SYSTEM.sleep(0.2)
