"""Taking a revision back never takes anything from those that serve."""

from __future__ import annotations

from ropeway.interfaces.serving import EndpointSpec, RevisionId, RevisionSpec
from ropeway.names import Digest
from ropeway.records import Revision
from ropeway.stages.withdraw import _without

DIGEST = Digest("sha256-" + "0" * 64)


def endpoint(**weights: int) -> EndpointSpec:
    revisions = [
        RevisionSpec(RevisionId(id_), "m", 1, DIGEST, "s3://m/", weight=weight) for id_, weight in weights.items()
    ]
    return EndpointSpec("m", "m", tuple(revisions))


def shares(spec: EndpointSpec) -> dict[str, int]:
    return {revision.id: revision.weight for revision in spec.revisions}


def brought(id_: str, replaces: str | None) -> Revision:
    return Revision("m", "", id_, "m", 1, DIGEST, replaces)


def test_its_share_goes_back_to_the_one_that_it_came_to_replace() -> None:
    assert shares(_without(endpoint(v1=50, v2=50), brought("v2", "v1"))) == {"v1": 100}


def test_one_that_has_gone_already_changes_nothing() -> None:
    later = endpoint(v1=0, v3=100)
    assert _without(later, brought("v2", "v1")) == later


def test_one_without_traffic_leaves_a_later_one_alone() -> None:
    assert shares(_without(endpoint(v1=0, v2=0, v3=100), brought("v2", "v1"))) == {"v1": 0, "v3": 100}


def test_when_the_one_before_has_gone_the_heaviest_inherits() -> None:
    assert shares(_without(endpoint(v2=40, v3=60), brought("v2", "v1"))) == {"v3": 100}


def test_the_only_one_leaves_nothing() -> None:
    assert shares(_without(endpoint(v2=100), brought("v2", None))) == {}
