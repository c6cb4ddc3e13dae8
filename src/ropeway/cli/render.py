"""Runs as a person sees them: one line a stage, alive on a terminal, plain elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ropeway.cli.output import print_json
from ropeway.runs.events import Event

if TYPE_CHECKING:
    from rich.status import Status

    from ropeway.runs.status import RunStatus, StageStatus

MARKS = {"succeeded": "✔", "failed": "✘", "running": "▶", "waiting": "·", "superseded": "↻"}


class JsonLines:
    """Each event as one JSON line."""

    def __call__(self, event: Event) -> None:
        print_json({"event": event})

    def close(self) -> None:
        """Nothing is left open."""


class PlainLines:
    """One plain line when a stage begins, ends or fails: for logs and pipes."""

    def __call__(self, event: Event) -> None:
        if event.kind != "progress":
            took = f" in {event.seconds:.1f} s" if event.seconds is not None else ""
            sys.stdout.write(f"{_time(event.at)} {event.stage or 'run'}: {event.kind}{took}: {event.text}\n")
            sys.stdout.flush()

    def close(self) -> None:
        """Nothing is left open."""


class Terminal:
    """A line with a spinner for the stage at work, which becomes a finished line."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._status: Status | None = None

    def __call__(self, event: Event) -> None:
        name = event.stage or "run"
        if event.kind in ("started", "resumed", "progress"):
            self._show(f"{name:<9} {event.text if event.kind != 'started' else '…'}")
        else:
            self.close()
            took = f"[dim]{event.seconds:6.1f} s[/]" if event.seconds is not None else " " * 8
            style = {"finished": "green", "failed": "red", "reused": "dim"}.get(event.kind, "default")
            mark = {"finished": "✔", "failed": "✘", "reused": "="}.get(event.kind, "·")
            text = "" if event.kind == "failed" else event.text  # the error follows, once
            self._console.print(f"[{style}]{mark} {name:<9}[/] {took}  {text}")

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _show(self, text: str) -> None:
        from rich.markup import escape

        if self._status is None:
            self._status = self._console.status(escape(text))
            self._status.start()
        else:
            self._status.update(escape(text))


Renderer = JsonLines | PlainLines | Terminal


def renderer(*, as_json: bool) -> Renderer:
    if as_json:
        return JsonLines()
    return Terminal() if sys.stdout.isatty() else PlainLines()


def show_run(status: RunStatus) -> None:
    """The run with its stages, what came out of them, and where to look."""
    lines = [f"run {status.id}  {status.pipeline} on {status.site}: {status.state}"]
    lines += [f"  {MARKS.get(stage.state, '·')} {stage.name:<9} {_stage(stage)}" for stage in status.stages]
    if status.error:
        lines += [f"  Error: {status.error.get('message')}", f"  Try:   {status.error.get('hint')}"]
    lines += [f"  {name}: {value}" for name, value in summary(status)]
    sys.stdout.write("\n".join(lines) + "\n")


def summary(status: RunStatus) -> list[tuple[str, str]]:
    """What a user wants to know of a run that has come far enough: where it answers, which model, how it was judged."""
    found = []
    if status.url:
        found.append(("url", status.url))
    version, verdict = status.record("register"), status.record("verify")
    if version:
        found.append(("model", f"{version['model']} version {version['version']}, {version['digest']}"))
    checks = verdict.get("checks")
    if isinstance(checks, list):
        passed = sum(bool(check["passed"]) for check in checks)
        found.append(
            ("verdict", f"{'passed' if passed == len(checks) else 'failed'}: {passed} of {len(checks)} checks")
        )
    report = status.folder / "report.html"
    if report.is_file():
        found.append(("report", str(report)))
    return found


def show_runs(runs: Sequence[RunStatus]) -> None:
    if not runs:
        sys.stdout.write("no runs yet: ropeway run pipelines/mnist.yaml\n")
    for run in runs:
        done = sum(stage.state == "succeeded" for stage in run.stages)
        created = datetime.fromtimestamp(run.created_at, UTC).astimezone()
        place = f"{done}/{len(run.stages)} stages"
        sys.stdout.write(f"{run.id}  {created:%Y-%m-%d %H:%M}  {run.pipeline:<16} {run.state:<11} {place}\n")


def _stage(stage: StageStatus) -> str:
    if stage.started_at is None:
        return stage.state
    attempt = f" (attempt {stage.attempt})" if stage.attempt > 1 else ""
    took = f" {stage.ended_at - stage.started_at:.1f} s" if stage.ended_at else ""
    said = f": {stage.progress}" if stage.progress else ""
    return f"{stage.state}{took}{attempt}{said}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")
