"""Take a revision back that must not serve: what served before serves alone again, and the candidate alias goes."""

from __future__ import annotations

from ropeway.interfaces.serving import EndpointSpec
from ropeway.records import Revision
from ropeway.stages.aliases import drop_alias
from ropeway.stages.context import Context
from ropeway.stages.endpoints import change_endpoint, heaviest, with_weights, without_revision
from ropeway.stages.sync import CANDIDATE


def withdraw(context: Context, revision: Revision) -> None:
    """Twice is once. A revision that served before this run began is left alone: only what we brought is taken away."""
    if revision.replaces != revision.id:
        change_endpoint(context, "withdraw-revision", revision.endpoint, lambda spec: _without(spec, revision))
    drop_alias(context, revision.model, CANDIDATE, revision.version)


def _without(spec: EndpointSpec, revision: Revision) -> EndpointSpec:
    """Its share goes to the one that it came to replace, else to the heaviest; where it has gone nothing changes."""
    gone = next((r for r in spec.revisions if r.id == revision.id), None)
    if gone is None:
        return spec
    rest = without_revision(spec, gone.id)
    heirs = [r for r in rest.revisions if r.id == revision.replaces] or [r for r in (heaviest(rest),) if r]
    if not gone.weight or not heirs:
        return rest
    shares = {r.id: r.weight for r in rest.revisions}
    return with_weights(rest, shares | {heirs[0].id: heirs[0].weight + gone.weight})
