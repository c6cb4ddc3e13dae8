"""Commands that only look: status, runs, logs, report."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from ropeway.cli.logs import LogLine, LogReader
from ropeway.cli.options import Debug, Json, OptionalRun
from ropeway.cli.output import ending, print_json
from ropeway.cli.render import show_run, show_runs
from ropeway.errors import NotFound
from ropeway.journal import Journal, open_database
from ropeway.runs.status import RunStatus, run_status

ENDED = {"stopped", "paused", "failed", "succeeded", "cancelled", "interrupted"}
LOOK_SECONDS = 0.5


def status(
    run: OptionalRun = "latest",
    watch: Annotated[bool, typer.Option("--watch", help="Look again until the run has ended.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What a run is doing, stage by stage."""
    with ending(as_json=as_json, debug=debug):
        seen = _status(run)
        _show(seen, as_json=as_json)
        while watch and seen.state not in ENDED:
            time.sleep(LOOK_SECONDS)
            before, seen = seen, _status(seen.id)
            if seen != before:
                _show(seen, as_json=as_json)


def runs(
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 20,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """All runs, newest first."""
    with ending(as_json=as_json, debug=debug):
        journal = _journal()
        found = [run_status(journal, row) for row in journal.runs(limit)]
        if as_json:
            print_json({"runs": found})
        else:
            show_runs(found)


def logs(
    run: OptionalRun = "latest",
    stage: Annotated[str | None, typer.Argument(help="A stage; all of them when left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What a run's stages wrote: their jobs' output, and what was done about it."""
    with ending(as_json=as_json, debug=debug):
        seen = _status(run)
        names = [s.name for s in seen.stages if stage in (None, s.name)]
        if not names:
            raise NotFound(f"looking for the log of {stage!r}: the run {seen.id} has no such stage", "ropeway status")
        reader = LogReader(names)
        while True:
            for line in reader.new(seen):
                _show_line(line, as_json=as_json)
            sys.stdout.flush()
            if not follow or seen.state in ENDED:
                return
            time.sleep(LOOK_SECONDS)
            seen = _status(seen.id)


def report(
    run: OptionalRun = "latest",
    open_it: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write report.html and report.json of a run, and print where they are."""
    with ending(as_json=as_json, debug=debug):
        from ropeway.report import write_report

        journal = _journal()
        written = write_report(journal, journal.run(run))
        if as_json:
            print_json({"run": written.run, "html": written.html, "json": written.json})
        else:
            sys.stdout.write(f"{written.html}\n")
        if open_it:
            typer.launch(written.html.as_uri())


def _journal() -> Journal:
    from ropeway import places

    return Journal(open_database(places.journal()))


def _status(run: str) -> RunStatus:
    journal = _journal()
    return run_status(journal, journal.run(run))


def _show(seen: RunStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(seen)
    else:
        show_run(seen)


def _show_line(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        print_json(line)
    else:
        sys.stdout.write(f"{line.stage:<9} {line.text}\n")
