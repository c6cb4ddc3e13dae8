"""Take a revision back that must not serve: what served before serves alone again, and the candidate alias goes."""

from __future__ import annotations

from ropeway.interfaces.serving import EndpointSpec, RevisionId
from ropeway.records import Revision
from ropeway.stages.aliases import drop_alias
from ropeway.stages.context import Context
from ropeway.stages.endpoint_lease import release
from ropeway.stages.endpoints import change_endpoint, with_weights, without_revision
from ropeway.stages.sync import CANDIDATE


def withdraw(context: Context, revision: Revision) -> None:
    """Twice is once. A revision that served before this run began is left alone: only what we brought is taken away."""
    if revision.replaces != revision.id:
        change_endpoint(context, "withdraw-revision", revision.endpoint, lambda spec: _without(spec, revision))
    drop_alias(context, revision.model, CANDIDATE, revision.version)
    release(context, revision.endpoint)


def _without(spec: EndpointSpec, revision: Revision) -> EndpointSpec:
    rest = without_revision(spec, RevisionId(revision.id))
    return with_weights(rest, {RevisionId(revision.replaces): 100}) if revision.replaces else rest
