"""The first words of the page: how the run ended, in a sentence and in a few large figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ropeway.report import words
from ropeway.report.facts import Report

TILES = 4
_MUCH = 0.2
"""Share of the hand-over from which on no stage at work is worth a word."""

_STATES = {
    "succeeded": "Succeeded",
    "failed": "Failed",
    "paused": "Paused",
    "running": "Running",
    "stopped": "Stopped",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure. `missed`: it does not reach what was required."""

    name: str
    value: str
    note: str
    missed: bool = False


def verdict(report: Report) -> str:
    """`Failed at evaluate`"""
    said = _STATES.get(report.run.state, report.run.state)
    return f"{said} at {report.run.stage}" if report.run.stage and report.run.state != "succeeded" else said


def title(report: Report) -> str:
    """The model's name when it has one, else the pipeline's."""
    return report.model.name if report.model and report.model.name else report.run.pipeline


def lead(report: Report) -> str:
    """What came of the run, in a sentence or two."""
    if report.rolled_back:
        return _rolled_back(report)
    if report.run.state != "succeeded":
        return _unfinished(report)
    checks = f"Passed all {len(report.checks)} checks. " if report.checks else ""
    model, endpoint = report.model, report.endpoint
    if not (model and model.alias and endpoint):
        return checks + f"Every stage is done: {words.listed([stage.name for stage in report.stages])}."
    replaced = f" It replaced version\u00a0{report.rollout.replaced}." if report.rollout.replaced else ""
    served = f"All traffic of the endpoint {endpoint.name} goes to it, and it is the {model.alias} version."
    return f"{checks}{served}{replaced}"


def tiles(report: Report) -> tuple[Tile, ...]:
    """The most telling figures that there are, at most TILES."""
    return tuple(islice(_tiles(report), TILES))


def bound(requirement: str) -> str:
    """`>= 0.95` as `≥ 0.95`"""
    return requirement.replace(">=", "≥").replace("<=", "≤")


def _tiles(report: Report) -> Iterator[Tile]:
    if report.rolled_back:
        yield Tile("Rolled back in", words.span(report.rolled_back.seconds), "from command to all traffic")
    for gate in report.quality.gates[:1]:
        yield Tile(_name(gate.metric), words.figure(gate.measured), f"required {bound(gate.required)}", not gate.passed)
    if not report.quality.gates:
        yield from _measured(report)
    if report.hand_over:
        idle = sum(part.seconds for part in report.hand_over.parts if part.stage is None)
        note = f", {words.span(idle)} of it with no stage at work" if idle > _MUCH * report.hand_over.seconds else ""
        yield Tile("Hand-over", words.span(report.hand_over.seconds), "from seal to first verified answer" + note)
    if report.latency:
        limit = report.latency.bound
        note = f"bound {words.milliseconds(limit)}" if limit is not None else f"{report.latency.count} requests"
        missed = limit is not None and report.latency.p95 > limit
        yield Tile("Latency P95", words.milliseconds(report.latency.p95), note, missed)
    done = sum(stage.state == "succeeded" for stage in report.stages)
    yield Tile("Whole run", words.span(report.run.seconds), f"{done} of {len(report.stages)} stages done")
    if report.model and report.model.size is not None:
        yield Tile("Model", words.size(report.model.size), words.counted(report.model.files or 0, "file", "files"))


def _measured(report: Report) -> Iterator[Tile]:
    for name, value in list(report.quality.evaluate.items())[:1]:
        yield Tile(_name(name), words.figure(value), "as evaluated")
        return
    points = [y for series in (report.curve.series[:1] if report.curve else ()) for _, y in series.points]
    last = next((value for value in reversed(points) if value is not None), None)
    if last is not None and report.curve:
        yield Tile(_name(report.curve.series[0].name), words.figure(last), "the last one written")


def _name(metric: str) -> str:
    return words.begun(metric.replace("_", " "))


def _rolled_back(report: Report) -> str:
    back = report.rolled_back
    endpoint = report.endpoint.name if report.endpoint else report.run.pipeline
    started = "" if back is None or back.kept else " Its revision was not kept any more and was started again."
    return f"All traffic of the endpoint {endpoint} is back at version {back.version if back else '?'}.{started}"


def _unfinished(report: Report) -> str:
    after = words.span(report.run.seconds)
    stage = f" in the stage {report.run.stage}" if report.run.stage else ""
    return {
        "failed": f"The run ended{stage}, {after} after it was created. What was reached before is below.",
        "paused": f"The run waits{stage}: something outside does not answer. Nothing is lost.",
        "running": f"The run is at work{stage}. This report shows what is known after {after}.",
        "stopped": "The run was stopped cleanly and can go on.",
        "cancelled": "The run was cancelled: its jobs were ended, and nothing of it is left running.",
        "interrupted": f"The controller has gone{stage}. The run can go on where it was.",
    }.get(report.run.state, "")
