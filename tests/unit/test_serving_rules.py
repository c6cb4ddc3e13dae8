"""Who may wish what of an endpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ropeway.adapters.local.endpoint_files import Wish, tombstone
from ropeway.adapters.local.endpoint_rules import accept, check, retired
from ropeway.errors import ConfigError, Conflict
from ropeway.interfaces.serving import EndpointSpec, RevisionId, RevisionSpec
from ropeway.names import Digest

DIGEST = Digest("sha256-" + "a" * 64)
REVISION = RevisionSpec(RevisionId("v1-aaaaaaaa"), "mnist", 1, DIGEST, "s3://models/mnist/", weight=100)
SPEC = EndpointSpec("mnist", "vision", (REVISION,))
WISH = Wish(SPEC, token=5, generation=2)


def test_the_first_wish_is_generation_one() -> None:
    assert accept(None, SPEC, 7) == Wish(SPEC, 7, 1)


def test_the_same_wish_again_changes_nothing() -> None:
    assert accept(WISH, SPEC, 5) is None


def test_a_larger_token_is_written_down_even_for_the_same_spec() -> None:
    assert accept(WISH, SPEC, 6) == Wish(SPEC, 6, 3)


def test_an_older_token_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="lease 4 is older than 5"):
        accept(WISH, SPEC, 4)


def test_another_owner_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="belongs to pipeline 'vision', not to 'speech'"):
        accept(WISH, replace(SPEC, owner="speech"), 5)


def test_a_deleted_endpoint_is_free_for_another_owner_but_not_for_an_old_token() -> None:
    gone = tombstone(WISH, 6)
    assert accept(gone, replace(SPEC, owner="speech"), 6) is not None
    with pytest.raises(Conflict):
        accept(gone, SPEC, 5)


def second(**changes: object) -> RevisionSpec:
    return replace(REVISION, id=RevisionId("v2-aaaaaaaa"), weight=0, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (replace(SPEC, name="../mnist"), "its name"),
        (replace(SPEC, name="a b"), "its name"),
        (replace(SPEC, owner=""), "its owner"),
        (replace(SPEC, owner="a\nb"), "its owner"),
        (replace(SPEC, revisions=(REVISION, REVISION)), "twice"),
        (replace(SPEC, revisions=(replace(REVISION, weight=60),)), "add up to 60"),
        (replace(SPEC, revisions=(REVISION, replace(second(), weight=-1))), "add up to 99"),
        (replace(SPEC, revisions=(replace(REVISION, weight=101), replace(second(), weight=-1))), "weight 101"),
        (replace(SPEC, revisions=(replace(REVISION, id=RevisionId("v1`)")),)), "its id"),
        (replace(SPEC, revisions=(replace(REVISION, model="m/../x"),)), "model 'm/../x'"),
        (replace(SPEC, revisions=(replace(REVISION, digest=Digest("sha256-x")),)), "reading a digest"),
        (replace(SPEC, revisions=(replace(REVISION, minimum=0),)), "replicas 0 to 1"),
        (replace(SPEC, revisions=(replace(REVISION, minimum=3),)), "replicas 3 to 1"),
        (replace(SPEC, revisions=(replace(REVISION, labels={"a": "b\0"}),)), "label"),
    ],
)
def test_what_cannot_be_is_refused_by_name(spec: EndpointSpec, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        check(spec)


def test_weights_of_nothing_are_allowed() -> None:
    check(replace(SPEC, revisions=(second(),)))


def test_a_revision_is_retired_after_its_time_and_without_weight() -> None:
    assert retired(second(retire_at=10.0), 10.0)
    assert not retired(second(retire_at=10.0), 9.9)
    assert not retired(replace(REVISION, retire_at=10.0), 11.0)
    assert not retired(second(), 11.0)
