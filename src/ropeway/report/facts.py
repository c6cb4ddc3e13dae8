"""All that a report says of a run, as values: the page and report.json show the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ropeway.records import Check
from ropeway.report.commands import Command
from ropeway.report.confusion import Confusion
from ropeway.report.curve import Curve
from ropeway.report.effects import EffectTimes
from ropeway.report.examples import Example
from ropeway.report.latency import Latency
from ropeway.report.provenance import Provenance
from ropeway.report.quality import Quality
from ropeway.report.rollout import Rollout
from ropeway.report.stage_log import Tail
from ropeway.report.timeline import HandOver, StageTime

SCHEMA = "ropeway.report/1"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """`state` as in `ropeway status`. `stage`: the one that failed, or is worked on. Times in seconds since 1970."""

    id: str
    pipeline: str
    site: str
    state: str
    stage: str | None
    created_at: float
    ended_at: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`size` in bytes. `alias`: the name that it was promoted to."""

    name: str | None
    version: int | None
    digest: str
    size: int | None
    files: int | None
    alias: str | None


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """`replaces`: the revision that had the traffic before."""

    name: str
    url: str | None
    revision: str | None
    replaces: str | None
    ready_at: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the run is not going on. `logs`: the last lines of the stage's logs."""

    stage: str | None
    kind: str
    message: str
    hint: str | None
    logs: tuple[Tail, ...]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """`seconds` from the command to the gateway giving all traffic to the old revision."""

    version: int | None
    replaced: int | None
    seconds: float | None
    kept: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A part is None or empty where the run has no data for it. `notes`: files that could not be read, and why."""

    schema: str
    written_at: float
    written_by: str
    """The release of Ropeway that wrote the report."""
    run: RunFacts
    model: ModelFacts | None
    endpoint: EndpointFacts | None
    failure: Failure | None
    checks: tuple[Check, ...]
    rolled_back: RolledBack | None
    hand_over: HandOver | None
    stages: tuple[StageTime, ...]
    curve: Curve | None
    quality: Quality
    confusion: Confusion | None
    latency: Latency | None
    examples: tuple[Example, ...]
    rollout: Rollout
    effects: tuple[EffectTimes, ...]
    provenance: Provenance
    commands: tuple[Command, ...]
    pipeline: Mapping[str, Any]
    """As it was pinned when the run began."""
    site: Mapping[str, Any]
    """As it was pinned; secrets are references."""
    notes: tuple[str, ...]
