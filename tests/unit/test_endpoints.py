"""Pure edits of an endpoint's specification."""

from __future__ import annotations

from ropeway.interfaces.serving import EndpointSpec, RevisionId, RevisionSpec
from ropeway.names import Digest
from ropeway.stages.endpoints import heaviest, retiring, with_revision, with_weights, without_revision

ONE, TWO = RevisionId("v1-11111111"), RevisionId("v2-22222222")


def revision(id_: RevisionId, weight: int = 0) -> RevisionSpec:
    digest = Digest("sha256-" + id_[-1] * 64)
    return RevisionSpec(id_, "mnist", int(id_[1]), digest, f"s3://models/mnist/{digest}/", weight=weight)


EMPTY = EndpointSpec("mnist", "mnist", ())
SERVING = EndpointSpec("mnist", "mnist", (revision(ONE, 100),))


def test_a_new_revision_comes_without_traffic() -> None:
    spec = with_revision(SERVING, revision(TWO))
    assert {r.id: r.weight for r in spec.revisions} == {ONE: 100, TWO: 0}


def test_the_same_revision_again_keeps_its_traffic() -> None:
    assert with_revision(SERVING, revision(ONE)) == SERVING


def test_weights_that_are_not_named_become_none() -> None:
    spec = with_weights(with_revision(SERVING, revision(TWO)), {TWO: 100})
    assert {r.id: r.weight for r in spec.revisions} == {ONE: 0, TWO: 100}


def test_the_heaviest_revision_serves() -> None:
    assert heaviest(None) is heaviest(EMPTY) is None
    both = with_weights(with_revision(SERVING, revision(TWO)), {ONE: 10, TWO: 90})
    serving = heaviest(both)
    assert serving is not None
    assert serving.id == TWO


def test_taking_a_revision_away_leaves_the_others() -> None:
    assert without_revision(with_revision(SERVING, revision(TWO)), TWO) == SERVING


def test_all_but_the_stable_one_retire() -> None:
    spec = retiring(with_revision(SERVING, revision(TWO)), 99.0, TWO)
    assert {r.id: r.retire_at for r in spec.revisions} == {ONE: 99.0, TWO: None}
