"""What the controller sees of an endpoint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ropeway.adapters.local.endpoint_files import ReplicaStatus, RevisionStatus, Status, Wish
from ropeway.adapters.local.endpoint_state import merge
from ropeway.interfaces.serving import EndpointSpec, EndpointState, Failure, ReplicaRef, RevisionId, RevisionSpec
from ropeway.names import Digest

OLD = RevisionSpec(RevisionId("v1-aaaaaaaa"), "mnist", 1, Digest("sha256-" + "a" * 64), "s3://a/", weight=100)
NEW = RevisionSpec(RevisionId("v2-bbbbbbbb"), "mnist", 2, Digest("sha256-" + "b" * 64), "s3://b/")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def replica(spec: RevisionSpec, number: int = 1, phase: str = "ready", reachable: bool = True) -> ReplicaStatus:
    return ReplicaStatus(f"{spec.id}-{number}", 20000 + number, 77, phase, 1.0, reachable=reachable)


def seen(spec: RevisionSpec, weight: int, *replicas: ReplicaStatus, failure: Failure | None = None) -> RevisionStatus:
    return RevisionStatus(spec, weight, 1, replicas, failure=failure)


def merged(wished: tuple[RevisionSpec, ...], *revisions: RevisionStatus, generation: int = 2) -> EndpointState:
    wish = Wish(EndpointSpec("mnist", "vision", wished), token=4, generation=generation)
    return merge(wish, Status("mnist", 2, 4, revisions), "http://x/mnist", NOW)


def test_a_ready_revision_has_its_replicas_and_its_real_weight() -> None:
    state = merged((OLD, NEW), seen(OLD, 70, replica(OLD)), seen(NEW, 30, replica(NEW, phase="starting")))
    assert state.revisions[OLD.id].replicas == (ReplicaRef("mnist", OLD.id, "v1-aaaaaaaa-1"),)
    assert (state.revisions[OLD.id].ready, state.revisions[OLD.id].weight) == (True, 70)
    assert (state.revisions[NEW.id].ready, state.revisions[NEW.id].weight) == (False, 30)
    assert (state.owner, state.token, state.url, state.at) == ("vision", 4, "http://x/mnist", NOW)


def test_without_a_status_nothing_is_ready() -> None:
    state = merge(Wish(EndpointSpec("mnist", "vision", (OLD,)), 1, 1), None, "", NOW)
    assert not state.revisions[OLD.id].ready


def test_ready_counts_against_the_newest_wish() -> None:
    state = merged((replace(OLD, minimum=2, maximum=2),), seen(OLD, 100, replica(OLD)), generation=3)
    assert not state.revisions[OLD.id].ready


def test_replicas_of_another_digest_do_not_count() -> None:
    state = merged((replace(OLD, digest=NEW.digest),), seen(OLD, 100, replica(OLD)))
    assert not state.revisions[OLD.id].ready


def test_a_replica_that_the_gateway_has_no_way_to_yet_is_not_ready() -> None:
    state = merged((NEW,), seen(NEW, 0, replica(NEW, reachable=False)))
    assert not state.revisions[NEW.id].ready


def test_a_failure_is_told_once_it_was_looked_at_anew() -> None:
    failure = Failure(True, "no such model")
    assert merged((NEW,), seen(NEW, 0, failure=failure)).revisions[NEW.id].failure == failure
    assert merged((NEW,), seen(NEW, 0, failure=failure), generation=3).revisions[NEW.id].failure is None


def test_a_revision_on_its_way_out_is_no_part_of_the_state() -> None:
    assert list(merged((NEW,), seen(NEW, 0), seen(OLD, 100, replica(OLD))).revisions) == [NEW.id]


def test_a_retired_revision_is_no_part_of_the_state() -> None:
    past, future = NOW.timestamp() - 1, NOW.timestamp() + 1
    assert list(merged((OLD, replace(NEW, retire_at=past))).revisions) == [OLD.id]
    assert list(merged((OLD, replace(NEW, retire_at=future))).revisions) == [OLD.id, NEW.id]
