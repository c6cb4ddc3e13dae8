"""Deploy: the new revision comes up beside what serves, at weight 0, until every replica answers with its digest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ropeway.config.pipeline import Deploy
from ropeway.errors import ConfigError, Overdue, RopewayError, StageFailed
from ropeway.interfaces.serving import RevisionId, RevisionSpec, RevisionState
from ropeway.journal import Effect
from ropeway.names import Digest
from ropeway.records import Revision, SyncedModel
from ropeway.stages.context import Context
from ropeway.stages.endpoints import change_endpoint, heaviest, with_revision
from ropeway.stages.withdraw import withdraw
from ropeway.waiting import poll


@dataclass(frozen=True, slots=True)
class Readiness:
    """When it was known, in seconds since 1970; `reason` why the revision did not come up, None when it did."""

    at: float
    reason: str | None = None
    hint: str | None = None


def revision_id(version: int, digest: Digest) -> RevisionId:
    return RevisionId(f"v{version}-{digest.removeprefix('sha256-')[:8]}")


def deploy(context: Context, synced: SyncedModel) -> Revision:
    """Raises StageFailed, with the new revision taken away again, when it does not come up."""
    section = context.pipeline.deploy
    if section is None:
        raise ConfigError("deploying: the pipeline has no stage deploy")
    spec = _revision(context, section, synced)
    change = change_endpoint(context, "add-revision", section.endpoint, lambda endpoint: with_revision(endpoint, spec))
    stable = heaviest(change.before)
    revision = Revision(
        endpoint=section.endpoint,
        url=_url(context, section.endpoint),
        id=spec.id,
        model=synced.model,
        version=synced.version,
        digest=synced.digest,
        replaces=stable.id if stable else None,
    )
    readiness = context.perform(_readiness(context, section, spec.id))
    if readiness.reason is not None:
        withdraw(context, revision)
        raise StageFailed(f"{readiness.reason}; the new revision was taken away", readiness.hint)
    return replace(revision, ready_at=readiness.at)


def _readiness(context: Context, section: Deploy, revision: RevisionId) -> Effect[RevisionId, Readiness]:
    """Changes nothing, but is recorded before anything is taken away for it: a resumed run does not wait for ruins."""

    def do(plan: RevisionId) -> Readiness:
        try:
            wait_ready(context, section.endpoint, plan, section.ready_within)
        except StageFailed as error:
            return Readiness(context.clock.now().timestamp(), error.message, error.hint)
        return Readiness(context.clock.now().timestamp())

    return Effect(
        name="readiness",
        plan=lambda: revision,
        find=lambda _: None,
        do=do,
        plan_kind=RevisionId,
        record_kind=Readiness,
    )


def wait_ready(context: Context, endpoint: str, revision: RevisionId, within: timedelta) -> RevisionState:
    """The revision with all its replicas ready. Raises StageFailed with the reason when it is not, `within` that."""
    last: list[str] = []

    def look() -> RevisionState | None:
        state = context.site.serving.state(endpoint)
        found = state.revisions.get(revision) if state else None
        if found is None or found.ready:
            return found
        if found.failure and found.failure.final:
            raise StageFailed(f"starting {endpoint} {revision}: {found.failure.reason}", found.failure.hint)
        said = (
            found.failure.reason if found.failure else f"{len(found.replicas)} of {found.spec.minimum} replicas ready"
        )
        if last[-1:] != [said]:
            last.append(said)
            context.say(said)
        return None

    try:
        return poll(look, deadline=within, what=f"{endpoint} {revision}", clock=context.clock)
    except Overdue as error:
        reason = f" ({last[-1]})" if last else ""
        raise StageFailed(f"{error}{reason}", f"ropeway status {context.run}") from error


def _revision(context: Context, section: Deploy, synced: SyncedModel) -> RevisionSpec:
    alias = context.pipeline.promote.alias if context.pipeline.promote else ""
    return RevisionSpec(
        id=revision_id(synced.version, synced.digest),
        model=synced.model,
        version=synced.version,
        digest=synced.digest,
        uri=synced.uri,
        minimum=section.replicas.min,
        maximum=section.replicas.max,
        labels={"run": context.run, "pipeline": context.pipeline.name, "alias": alias},
    )


def _url(context: Context, endpoint: str) -> str:
    state = context.site.serving.state(endpoint)
    if state is None:
        raise RopewayError(f"looking at the endpoint {endpoint}: it has gone", f"ropeway resume {context.run}")
    return state.url
