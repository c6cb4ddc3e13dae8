"""Promote: traffic moves step by step, each step judged; then the aliases; the old revision is kept for a while."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from ropeway.config.pipeline import Rollout
from ropeway.errors import ConfigError, Conflict, StageFailed
from ropeway.interfaces.metrics import RevisionRef, Window
from ropeway.interfaces.serving import EndpointSpec, RevisionId
from ropeway.journal import Effect
from ropeway.records import Promotion, Revision, StepResult
from ropeway.rollout import Abort, Advance, Plan, Replay, Step, decide
from ropeway.stages.aliases import drop_alias, keep_alias, mirror_stages, move_alias
from ropeway.stages.answers import Example, read_examples
from ropeway.stages.context import Context
from ropeway.stages.endpoint_lease import take
from ropeway.stages.endpoints import change_endpoint, heaviest, retiring, with_weights
from ropeway.stages.sync import CANDIDATE
from ropeway.stages.withdraw import withdraw
from ropeway.waiting import poll

PREVIOUS = "previous"
LOOK = timedelta(milliseconds=500)
"""Between two looks at the metrics of a step: a canary that fails is taken back within a few of them."""
GATEWAY = timedelta(seconds=60)
"""By then a gateway has taken over new weights."""


@dataclass(frozen=True, slots=True)
class Judgement:
    revision: str
    weight: int


@dataclass(frozen=True, slots=True)
class Settlement:
    endpoint: str
    revision: RevisionId


def promote(context: Context, revision: Revision) -> Promotion:
    """Raises StageFailed, with everything as it was before, when the new revision is worse than the old one."""
    section = context.pipeline.promote
    if section is None:
        raise ConfigError("promoting: the pipeline has no stage promote")
    steps = _roll_out(context, section.rollout, revision)
    _settle(context, revision)
    replaced = keep_alias(context, revision.model, PREVIOUS, section.alias, revision.version)
    move_alias(context, revision.model, section.alias, revision.version)
    drop_alias(context, revision.model, CANDIDATE, revision.version)
    mirror_stages(context, revision.model, revision.version, replaced)
    _keep_old(context, section.rollout, revision)
    return Promotion(
        endpoint=revision.endpoint,
        model=revision.model,
        alias=section.alias,
        version=revision.version,
        digest=revision.digest,
        replaced=replaced,
        steps=steps,
    )


def _roll_out(context: Context, section: Rollout, revision: Revision) -> tuple[StepResult, ...]:
    if revision.replaces == revision.id:
        return ()
    weights = section.steps if revision.replaces else (100,)
    plan = Plan(
        steps=weights,
        hold=section.hold,
        not_judged=section.not_judged if section.not_judged != "replay" or _examples(context) else "pass",
        min_requests=section.min_requests,
        max_error_rate=section.max_error_rate,
        max_latency_ratio=section.max_latency_ratio,
    )
    results = []
    for weight in weights:
        _shift(context, revision, weight)
        result = context.perform(_judgement(context, plan, revision, weight))
        if result.worse is not None:
            withdraw(context, revision)
            raise StageFailed(
                f"promoting {revision.endpoint} {revision.id} at {weight} %: {result.worse}; it was taken back",
                f"ropeway report {context.run}",
            )
        results.append(result)
    return tuple(results)


def _shift(context: Context, revision: Revision, weight: int) -> None:
    shares = {RevisionId(revision.id): weight}
    if revision.replaces:
        shares[RevisionId(revision.replaces)] = 100 - weight

    def edit(spec: EndpointSpec) -> EndpointSpec:
        _refuse_strangers(context, revision, spec)
        return with_weights(spec, shares)

    change_endpoint(context, f"weight-{weight}", revision.endpoint, edit)


def _refuse_strangers(context: Context, revision: Revision, spec: EndpointSpec) -> None:
    """Traffic is moved between the two that were verified and replaced, and taken from nobody else."""
    serving = heaviest(spec)
    again = f"ropeway resume {context.run} --from deploy"
    if all(r.id != revision.id for r in spec.revisions):
        raise StageFailed(f"promoting {revision.endpoint} {revision.id}: it is not deployed any more", again)
    if serving is not None and serving.id not in (revision.id, revision.replaces):
        raise Conflict(f"promoting {revision.endpoint} {revision.id}: {serving.id} serves there meanwhile", again)


def wait_weight(context: Context, endpoint: str, revision: RevisionId, weight: int) -> None:
    """Until the gateway really gives the revision this share. Raises Unavailable when it does not within a minute."""

    def look() -> bool | None:
        state = context.site.serving.state(endpoint)
        found = state.revisions.get(revision) if state else None
        return True if found and found.weight == weight else None

    poll(look, deadline=GATEWAY, what=f"{weight} % of {endpoint} at {revision}", clock=context.clock)


def _judgement(context: Context, plan: Plan, revision: Revision, weight: int) -> Effect[Judgement, StepResult]:
    """Changes nothing, but is recorded: a resumed run must not judge again a step that it has left or taken back."""
    return Effect(
        name=f"judge-{weight}",
        plan=lambda: Judgement(revision.id, weight),
        find=lambda _: None,
        do=lambda _: _judge(context, plan, revision, weight),
        plan_kind=Judgement,
        record_kind=StepResult,
    )


def _judge(context: Context, plan: Plan, revision: Revision, weight: int) -> StepResult:
    """Watch one step until it is passed, or the new revision is worse."""
    wait_weight(context, revision.endpoint, RevisionId(revision.id), weight)
    context.say(f"{revision.id} has {weight} % of the traffic")
    step = Step(weight, context.clock.now())
    while True:
        now = context.clock.now()
        stable = _window(context, revision, revision.replaces, step.since, now) if revision.replaces else None
        canary = _window(context, revision, revision.id, step.since, now)
        decision = decide(plan, step, stable, canary, now)
        if isinstance(decision, Advance | Abort):
            return _result(weight, decision, stable, canary)
        if isinstance(decision, Replay):
            _replay(context, plan, revision, weight)
            step = dataclasses.replace(step, replayed_at=context.clock.now())
        context.clock.sleep(LOOK.total_seconds())


def _window(context: Context, revision: Revision, id_: str, start: datetime, end: datetime) -> Window | None:
    state = context.site.serving.state(revision.endpoint)
    found = state.revisions.get(RevisionId(id_)) if state else None
    if found is None:
        return None
    reference = RevisionRef(revision.endpoint, found.spec.id, found.spec.model, found.spec.digest)
    return context.site.metrics.window(reference, start, end)


def _replay(context: Context, plan: Plan, revision: Revision, weight: int) -> None:
    """Send verify's examples as a customer would, until the new revision has had enough of them to be judged."""
    requests = [example.request(revision.model) for example in _examples(context)]
    count = math.ceil(plan.min_requests * 150 / weight)
    context.say(f"too few requests to judge {weight} %: sending {count} recorded ones")
    for request in itertools.islice(itertools.cycle(requests), count):
        context.site.serving.request(revision.endpoint, request)


def _examples(context: Context) -> tuple[Example, ...]:
    section = context.pipeline.verify
    found = read_examples(context.folder / "results" / "evaluate" / section.examples) if section else None
    return found.examples if found else ()


def _result(weight: int, decision: Advance | Abort, stable: Window | None, canary: Window | None) -> StepResult:
    return StepResult(
        weight=weight,
        judged=isinstance(decision, Abort) or decision.judged,
        worse=decision.reason if isinstance(decision, Abort) else None,
        requests=canary.requests if canary else 0,
        errors=canary.errors if canary else 0,
        latency_p95=canary.latency_p95 if canary else None,
        stable_requests=stable.requests if stable else 0,
        stable_errors=stable.errors if stable else 0,
        stable_latency_p95=stable.latency_p95 if stable else None,
    )


def _settle(context: Context, revision: Revision) -> None:
    def do(plan: Settlement) -> Settlement:
        context.site.serving.settle(plan.endpoint, plan.revision, take(context, plan.endpoint))
        return plan

    context.perform(
        Effect(
            name="settle",
            plan=lambda: Settlement(revision.endpoint, RevisionId(revision.id)),
            find=lambda _: None,
            do=do,
            plan_kind=Settlement,
            record_kind=Settlement,
        )
    )


def _keep_old(context: Context, section: Rollout, revision: Revision) -> None:
    def edit(spec: EndpointSpec) -> EndpointSpec:
        end = (context.clock.now() + section.keep).timestamp()
        return retiring(spec, end, RevisionId(revision.id))

    change_endpoint(context, "keep-old", revision.endpoint, edit)
