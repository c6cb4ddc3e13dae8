"""Changing an endpoint: pure edits of its specification, and the one effect that applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ropeway.errors import Conflict
from ropeway.interfaces.serving import EndpointSpec, EndpointState, RevisionId, RevisionSpec
from ropeway.journal import Effect
from ropeway.stages.context import Context
from ropeway.stages.endpoint_lease import take


@dataclass(frozen=True, slots=True)
class EndpointChange:
    before: EndpointSpec | None
    after: EndpointSpec


def present(state: EndpointState | None) -> EndpointSpec | None:
    """The specification that the endpoint has now."""
    if state is None:
        return None
    return EndpointSpec(state.name, state.owner, tuple(revision.spec for revision in state.revisions.values()))


def heaviest(spec: EndpointSpec | None) -> RevisionSpec | None:
    """The revision with the largest share of the traffic; None when none has any."""
    weighted = [revision for revision in spec.revisions if revision.weight > 0] if spec else []
    return max(weighted, key=lambda revision: revision.weight, default=None)


def with_revision(spec: EndpointSpec, revision: RevisionSpec) -> EndpointSpec:
    """The revision added, or replaced where one of its id is there; that one's weight stays."""
    others = tuple(r for r in spec.revisions if r.id != revision.id)
    same = next((r for r in spec.revisions if r.id == revision.id), None)
    kept = replace(revision, weight=same.weight) if same else revision
    return replace(spec, revisions=(*others, kept))


def without_revision(spec: EndpointSpec, revision: RevisionId) -> EndpointSpec:
    return replace(spec, revisions=tuple(r for r in spec.revisions if r.id != revision))


def with_weights(spec: EndpointSpec, weights: Mapping[RevisionId, int]) -> EndpointSpec:
    """These weights, all others 0."""
    return replace(spec, revisions=tuple(replace(r, weight=weights.get(r.id, 0)) for r in spec.revisions))


def retiring(spec: EndpointSpec, retire_at: float | None, stable: RevisionId) -> EndpointSpec:
    """Every revision but the stable one is to be taken away after `retire_at`, in seconds since 1970."""
    return replace(
        spec, revisions=tuple(replace(r, retire_at=None if r.id == stable else retire_at) for r in spec.revisions)
    )


def _staying(spec: EndpointSpec | None) -> frozenset[tuple[object, ...]]:
    """Whose it is, and the revisions that are not about to retire: the others may go at any time."""
    if spec is None or not spec.revisions:
        return frozenset()
    kept = [r for r in spec.revisions if r.retire_at is None]
    return frozenset([(spec.owner,), *((r.id, r.model, r.weight, r.minimum, r.maximum) for r in kept)])


def change_endpoint(
    context: Context, name: str, endpoint: str, edit: Callable[[EndpointSpec], EndpointSpec]
) -> EndpointChange:
    """Apply the edited specification once, under the name of this effect.

    Raises Conflict when another run or pipeline holds the endpoint.
    """
    serving = context.site.serving

    def plan() -> EndpointChange:
        before = present(serving.state(endpoint))
        start = before or EndpointSpec(endpoint, context.pipeline.name, ())
        owner = context.pipeline.name if context.pipeline.deploy else start.owner
        return EndpointChange(before, replace(edit(start), owner=owner))

    def find(change: EndpointChange) -> EndpointChange | None:
        return change if _staying(present(serving.state(endpoint))) == _staying(change.after) else None

    def do(change: EndpointChange) -> EndpointChange:
        if _staying(present(serving.state(endpoint))) != _staying(change.before):
            raise Conflict(
                f"changing the endpoint {endpoint}: somebody else has changed it since this was planned",
                f"ropeway resume {context.run} --from deploy",
            )
        serving.apply(change.after, take(context, endpoint))
        return change

    return context.perform(
        Effect(name=name, plan=plan, find=find, do=do, plan_kind=EndpointChange, record_kind=EndpointChange)
    )
