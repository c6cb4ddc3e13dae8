"""The run's tracking run in the registry: opened when training starts, or later when the registry was down then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ropeway.interfaces.registry import TrackingRunId
from ropeway.journal import Effect
from ropeway.names import Key, key
from ropeway.stages.context import Context


@dataclass(frozen=True, slots=True)
class TrackingPlan:
    key: Key
    experiment: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    run: TrackingRunId


def open_tracking_run(context: Context) -> TrackingRunId | None:
    """The id of this run's tracking run; None when the pipeline registers nothing. Raises Unavailable."""
    section = context.pipeline.register_
    if section is None:
        return None
    registry = context.site.registry
    effect = Effect(
        name="open-tracking-run",
        plan=lambda: TrackingPlan(
            key=key(context.run),
            experiment=section.experiment or section.model,
            tags={"ropeway.run": context.run, "ropeway.pipeline": context.pipeline.name},
        ),
        find=lambda _: None,
        do=lambda plan: Opened(registry.open_run(plan.key, plan.experiment, plan.tags)),
        plan_kind=TrackingPlan,
        record_kind=Opened,
    )
    return context.perform(effect).run
