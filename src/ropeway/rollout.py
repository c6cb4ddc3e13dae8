"""When a new revision gets more traffic, and when it is taken back: one pure function for every serving adapter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ropeway.interfaces.metrics import Window

LATENCY_NOISE = 0.010
"""Seconds by which P95 latencies may differ before their ratio counts: jitter on a shared machine."""

LATENCY_REQUESTS = 100
"""Requests from which a P95 is told: of fewer, it is one of the five slowest answers."""
METRICS_LAG = timedelta(seconds=60)
"""Requests that were sent show in the metrics by then, at the usual scrape intervals of 1 to 30 s."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the pipeline file says of a rollout; rates and ratios as fractions, see config.pipeline.Rollout."""

    steps: tuple[int, ...]
    hold: timedelta
    not_judged: str
    min_requests: int
    max_error_rate: float
    max_latency_ratio: float


@dataclass(frozen=True, slots=True)
class Step:
    """Where the rollout is: the weight that is in effect, since when, and when examples were sent for it."""

    weight: int
    since: datetime
    replayed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Look again in a while."""

    reason: str


@dataclass(frozen=True, slots=True)
class Replay:
    """Send verify's examples through the gateway, so that there is something to judge."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The step is passed; the next weight, or None when this was the last."""

    weight: int | None
    judged: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """The new revision is worse: take it back."""

    reason: str


Decision = Hold | Replay | Advance | Abort


def decide(plan: Plan, step: Step, stable: Window | None, canary: Window | None, now: datetime) -> Decision:
    """The next move of a rollout. Windows count from the beginning of the step; None is "nothing was measured".

    A canary that fails is taken back at once. One that is slow is taken back when `plan.hold` is over: the first
    answers of a new revision are slow for other reasons. One that is good advances then.
    """
    judged = canary if canary is not None and canary.requests >= plan.min_requests else None
    if judged and (failing := fails_more(plan, stable, judged)):
        return Abort(failing)
    if now - step.since < plan.hold:
        return Hold(f"{step.weight} % for {plan.hold.total_seconds():g} s")
    if judged and (slow := slower(plan, stable, judged)):
        return Abort(slow)
    if judged:
        return Advance(_following(plan, step), judged=True)
    if plan.not_judged == "pass":
        return Advance(_following(plan, step), judged=False)
    if plan.not_judged == "replay":
        if step.replayed_at is None:
            return Replay()
        if now - step.replayed_at > METRICS_LAG:
            return Abort(f"it could not be judged: metrics show {_seen(plan, canary)} after examples were sent")
    return Hold(f"{_seen(plan, canary)} to judge")


def _seen(plan: Plan, canary: Window | None) -> str:
    return f"{canary.requests if canary else 0} of {plan.min_requests} requests"


def fails_more(plan: Plan, stable: Window | None, canary: Window) -> str | None:
    """How much more often the canary fails than the plan allows; None when it does not."""
    rate = canary.errors / canary.requests
    usual = stable.errors / stable.requests if stable and stable.requests else 0.0
    if rate > usual + plan.max_error_rate:
        return f"{canary.errors} of {canary.requests} requests failed ({rate:.1%}; the stable revision: {usual:.1%})"
    return None


def slower(plan: Plan, stable: Window | None, canary: Window) -> str | None:
    """How much slower the canary is than the plan allows; None when it is not, or when too few requests can tell."""
    if stable is None or min(stable.requests, canary.requests) < max(plan.min_requests, LATENCY_REQUESTS):
        return None
    before, after = stable.latency_p95 or 0.0, canary.latency_p95 or 0.0
    if after - before > LATENCY_NOISE and after > before * plan.max_latency_ratio:
        return f"P95 is {after * 1000:.0f} ms, the stable revision's {before * 1000:.0f} ms"
    return None


def _following(plan: Plan, step: Step) -> int | None:
    return next((weight for weight in plan.steps if weight > step.weight), None)
