"""Roll back: the previous revision has all the traffic again, and the alias follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ropeway.errors import NotFound
from ropeway.interfaces.serving import EndpointSpec, EndpointState, RevisionSpec
from ropeway.journal import Effect
from ropeway.names import Digest
from ropeway.records import Rollback
from ropeway.stages.aliases import mirror_stages, move_alias
from ropeway.stages.context import Context
from ropeway.stages.deploy import revision_id, wait_ready
from ropeway.stages.endpoints import change_endpoint, heaviest, present, with_revision, with_weights
from ropeway.stages.promote import PREVIOUS, wait_weight

KEEP = timedelta(minutes=10)
"""How long the revision that is rolled back stays ready, so that the rollback can itself be rolled back."""
READY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """`bad` has the traffic, `good` shall have it. `kept`: `good` is still deployed."""

    bad: RevisionSpec
    good: RevisionSpec
    alias: str
    kept: bool
    started_at: float


def rollback(context: Context, endpoint: str) -> Rollback:
    """Raises NotFound when there is nothing to go back to."""
    plan = context.perform(_decision(context, endpoint))
    if not plan.kept:
        context.say(f"{plan.good.id} is not kept any more: starting it again")
        change_endpoint(context, "add-revision", endpoint, lambda spec: with_revision(spec, plan.good))
        wait_ready(context, endpoint, plan.good.id, READY)
    change_endpoint(context, "weight-100", endpoint, lambda spec: _turned(spec, plan))
    wait_weight(context, endpoint, plan.good.id, 100)
    seconds = context.clock.now().timestamp() - plan.started_at
    move_alias(context, plan.good.model, plan.alias, plan.good.version)
    move_alias(context, plan.good.model, PREVIOUS, plan.bad.version)
    mirror_stages(context, plan.good.model, plan.good.version, plan.bad.version)
    return Rollback(
        endpoint=endpoint,
        model=plan.good.model,
        alias=plan.alias,
        version=plan.good.version,
        digest=plan.good.digest,
        replaced=plan.bad.version,
        seconds=round(seconds, 3),
        kept=plan.kept,
    )


def _decision(context: Context, endpoint: str) -> Effect[RollbackPlan, RollbackPlan]:
    """Which revision to go back to, decided once; changes nothing by itself."""

    def plan() -> RollbackPlan:
        started_at = context.clock.now().timestamp()
        state = context.site.serving.state(endpoint)
        spec = present(state)
        bad = heaviest(spec)
        if spec is None or bad is None:
            raise NotFound(f"rolling {endpoint} back: nothing is served there", "ropeway runs")
        alias = bad.labels.get("alias", "production")
        kept = _kept(spec, state, bad)
        good = kept or _earlier(context, bad)
        return RollbackPlan(bad, good, alias, kept is not None, started_at)

    return Effect(
        name="choose-revision",
        plan=plan,
        find=lambda chosen: chosen,
        do=lambda chosen: chosen,
        plan_kind=RollbackPlan,
        record_kind=RollbackPlan,
    )


def _kept(spec: EndpointSpec, state: EndpointState | None, bad: RevisionSpec) -> RevisionSpec | None:
    """The ready revision without traffic that was retired last."""
    ready = {id_ for id_, revision in state.revisions.items() if revision.ready} if state else set()
    kept = [r for r in spec.revisions if r.id != bad.id and r.id in ready and r.retire_at is not None]
    return max(kept, key=lambda r: r.retire_at or 0.0, default=None)


def _earlier(context: Context, bad: RevisionSpec) -> RevisionSpec:
    """The version that the alias `previous` names, as a revision like the one it replaces."""
    version = context.site.registry.aliases(bad.model).get(PREVIOUS)
    found = next((v for v in context.site.registry.find(bad.model) if v.version == version), None)
    if version is None or found is None or found.digest is None or version == bad.version:
        raise NotFound(
            f"rolling {bad.model} back: no revision is kept, and no other version has the alias {PREVIOUS!r}",
            "ropeway runs",
        )
    digest: Digest = found.digest
    return replace(
        bad, id=revision_id(version, digest), version=version, digest=digest, uri=found.source, weight=0, retire_at=None
    )


def _turned(spec: EndpointSpec, plan: RollbackPlan) -> EndpointSpec:
    weighted = with_weights(spec, {plan.good.id: 100})
    end = plan.started_at + KEEP.total_seconds()
    turned = [
        replace(r, retire_at=None if r.id == plan.good.id else end if r.id == plan.bad.id else r.retire_at)
        for r in weighted.revisions
    ]
    return replace(weighted, revisions=tuple(turned))
