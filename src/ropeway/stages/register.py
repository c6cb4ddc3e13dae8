"""Register: the model gets a version, with its tags from the first moment, whose source is the sealed prefix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ropeway.errors import ConfigError
from ropeway.interfaces.registry import Point, RunValues, TrackingRunId, VersionSpec
from ropeway.journal import Effect
from ropeway.names import Key
from ropeway.records import Evaluation, ModelVersion, TrainedModel
from ropeway.stages.context import Context
from ropeway.stages.tracking import open_tracking_run


@dataclass(frozen=True, slots=True)
class LogPlan:
    run: TrackingRunId
    values: RunValues


@dataclass(frozen=True, slots=True)
class Logged:
    points: int


@dataclass(frozen=True, slots=True)
class Reserved:
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionPlan:
    key: Key
    spec: VersionSpec


@dataclass(frozen=True, slots=True)
class Registered:
    version: int


def register(context: Context, trained: TrainedModel, evaluation: Evaluation | None) -> ModelVersion:
    """Raises Unavailable when the registry is down: the run can be resumed, nothing is lost."""
    section = context.pipeline.register_
    if section is None:
        raise ConfigError("registering: the pipeline has no stage register")
    tracking = open_tracking_run(context)
    if tracking is not None:
        context.perform(_log(context, tracking, _values(context, trained, evaluation)))
    spec = VersionSpec(
        model=section.model,
        digest=trained.digest,
        source=context.site.store.uri(section.model, trained.digest),
        run=tracking,
        tags={**section.tags, **_origin(context, trained)},
    )
    context.perform(_reservation(context, spec))
    version = context.perform(_version(context, spec)).version
    context.say(f"{section.model} version {version}")
    return ModelVersion(section.model, version, trained.digest, spec.source, tracking, context.site.registry.address)


def _log(context: Context, tracking: TrackingRunId, values: RunValues) -> Effect[LogPlan, Logged]:
    def do(plan: LogPlan) -> Logged:
        context.site.registry.log(plan.run, plan.values)
        return Logged(len(plan.values.points))

    return Effect(
        name="log-values",
        plan=lambda: LogPlan(tracking, values),
        find=lambda _: None,
        do=do,
        plan_kind=LogPlan,
        record_kind=Logged,
    )


def _reservation(context: Context, spec: VersionSpec) -> Effect[VersionSpec, Reserved]:
    """Whoever loads the version before its sync has ended is told so."""

    def do(plan: VersionSpec) -> Reserved:
        files = context.site.registry.stand_in(plan)
        context.site.store.reserve(plan.model, plan.digest, files)
        return Reserved(tuple(files))

    return Effect(
        name="reserve-prefix",
        plan=lambda: spec,
        find=lambda _: None,
        do=do,
        plan_kind=VersionSpec,
        record_kind=Reserved,
    )


def _version(context: Context, spec: VersionSpec) -> Effect[VersionPlan, Registered]:
    registry = context.site.registry

    def find(plan: VersionPlan) -> Registered | None:
        found = registry.find(plan.spec.model, plan.spec.digest)
        return next((Registered(v.version) for v in found if v.tags.get("ropeway.key") == plan.key), None)

    return Effect(
        name="create-version",
        plan=lambda: VersionPlan(context.key, spec),
        find=find,
        do=lambda plan: Registered(registry.register(plan.key, plan.spec)),
        plan_kind=VersionPlan,
        record_kind=Registered,
    )


def _origin(context: Context, trained: TrainedModel) -> Mapping[str, str]:
    tags = {
        "ropeway.run": context.run,
        "ropeway.pipeline": context.pipeline.name,
        "ropeway.digest": trained.digest,
        "ropeway.job": trained.job,
        "ropeway.commit": context.commit,
    }
    return {name: value for name, value in tags.items() if value}


def _values(context: Context, trained: TrainedModel, evaluation: Evaluation | None) -> RunValues:
    numbers = [(name, value) for name, value in trained.metrics.items()]
    numbers += [(f"evaluate_{name}", value) for name, value in evaluation.metrics.items()] if evaluation else []
    final = [Point(name, value, 0, trained.sealed_at) for name, value in numbers]
    return RunValues(
        parameters={name: str(value) for name, value in trained.parameters.items()},
        points=[*_curve(context, trained.sealed_at), *final],
        tags=_origin(context, trained),
        finished=True,
    )


def _curve(context: Context, fallback: float) -> Iterator[Point]:
    """Every number of `progress.jsonl` but the step itself, at its step."""
    path = context.folder / "results" / "train" / "progress.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        try:
            entry = json.loads(line)
            step, time = int(entry.pop("step")), float(entry.pop("time", fallback))
        except (ValueError, KeyError, AttributeError):
            continue
        for name, value in entry.items():
            if isinstance(value, int | float) and name != "steps":
                yield Point(name, float(value), step, time)
