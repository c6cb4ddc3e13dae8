"""Cancel: no job of the run goes on or ever starts, and a revision that it brought and did not promote goes away."""

from __future__ import annotations

from collections.abc import Sequence

from ropeway.interfaces.serving import RevisionSpec
from ropeway.journal import EffectRow
from ropeway.journal.codec import from_mapping
from ropeway.records import Revision
from ropeway.stages.aliases import AliasMove
from ropeway.stages.context import Context
from ropeway.stages.endpoints import EndpointChange, heaviest
from ropeway.stages.jobs import JobPlan
from ropeway.stages.withdraw import withdraw


def cancel(context: Context, effects: Sequence[EffectRow]) -> None:
    """Twice is once. What was registered and stored stays: it is a record, and serves nobody.

    A promotion whose alias has moved is not undone: that is what rolling back is for.
    """
    for effect in effects:
        if effect.name == "submit-job":
            context.site.scheduler.cancel(from_mapping(JobPlan, effect.plan).key)
    added = next((e for e in reversed(effects) if e.name == "add-revision" and e.stage == "deploy"), None)
    promoted = _promoted(effects)
    for revision in _brought(from_mapping(EndpointChange, added.plan)) if added else []:
        if revision.version not in promoted:
            withdraw(context, revision)


def _promoted(effects: Sequence[EffectRow]) -> set[int | None]:
    """The versions that an alias was to name at the end of a rollout: from there on the traffic is theirs."""
    moves = [e for e in effects if e.stage == "promote" and e.name.startswith("alias-")]
    return {from_mapping(AliasMove, move.plan).after for move in moves}


def _brought(change: EndpointChange) -> list[Revision]:
    known = {revision.id for revision in change.before.revisions} if change.before else set()
    stable = heaviest(change.before)
    return [_revision(change.after.name, spec, stable) for spec in change.after.revisions if spec.id not in known]


def _revision(endpoint: str, spec: RevisionSpec, stable: RevisionSpec | None) -> Revision:
    return Revision(
        endpoint=endpoint,
        url="",
        id=spec.id,
        model=spec.model,
        version=spec.version,
        digest=spec.digest,
        replaces=stable.id if stable else None,
    )
