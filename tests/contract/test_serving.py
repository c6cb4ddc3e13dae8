"""What every serving adapter promises, held against real replicas, gateway, store and supervisor."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from ropeway.adapters.local.endpoint_files import ServingFolder
from ropeway.adapters.local.serving import LocalServing
from ropeway.errors import ConfigError, Conflict, NotFound, Unavailable
from ropeway.interfaces.serving import EndpointSpec, ReplicaRef, RevisionId, RevisionSpec, RevisionState
from tests.contract.serving_load import load
from tests.contract.serving_site import (
    QUIET,
    TOKEN,
    Site,
    answers,
    applied,
    endpoint,
    infer,
    reached,
    revision,
    rows,
    runs,
    state_of,
    until,
    weighted,
)

pytest_plugins = ["tests.contract.serving_fixtures"]


def test_ready_means_that_every_replica_answers_with_this_digest(
    serving: LocalServing, own: str, new: RevisionSpec
) -> None:
    spec = endpoint(own, replace(new, minimum=2, maximum=2))
    serving.apply(spec, TOKEN)
    state = until(lambda: ready_of(serving, spec), "the revision to be ready")
    assert len(state.replicas) == 2
    for replica in state.replicas:
        answer = serving.ask(replica, infer("toy"))
        assert (answer.status, answer.digest) == (200, new.digest)


def ready_of(serving: LocalServing, spec: EndpointSpec) -> RevisionState | None:
    found = state_of(serving, spec).revisions[spec.revisions[0].id]
    return found if found.ready else None


def test_a_replica_without_traffic_can_be_asked(
    serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 100, 0))
    state = state_of(serving, spec)
    (waiting,) = state.revisions[new.id].replicas
    assert serving.ask(waiting, infer("toy")).digest == new.digest
    assert {answer.digest for answer in answers(serving, own, "toy", 20)} == {old.digest}


def test_applying_twice_changes_nothing(serving_site: Site, serving: LocalServing, toy: EndpointSpec) -> None:
    wish = ServingFolder(serving_site.serving_folder).wish_file("toy")
    before, replicas = wish.stat(), serving_site.pids("toy")
    serving.apply(toy, TOKEN)
    time.sleep(1)
    assert (wish.stat().st_ino, wish.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert serving_site.pids("toy") == replicas


def test_a_fresh_adapter_finds_what_another_one_has_made(serving_site: Site, toy: EndpointSpec) -> None:
    state = state_of(serving_site.serving(), toy)
    assert (state.owner, state.token, state.url) == ("tests", TOKEN, f"{serving_site.gateway}/toy")
    assert state.serving is not None
    assert state.serving.spec == toy.revisions[0]


def test_weights_are_what_customers_get(serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 70, 30))
    counted = Counter(answer.digest for answer in answers(serving, own, "toy", 100))
    assert set(counted) == {old.digest, new.digest}
    assert abs(counted[new.digest] - 30) <= 1
    applied(serving, weighted(spec, 100, 0))
    assert {answer.digest for answer in answers(serving, own, "toy", 50)} == {old.digest}


def test_weights_that_change_faster_than_the_gateway_end_as_wished_last(
    serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 100, 0))
    for weight in (100, 0, 100, 0):
        serving.apply(weighted(spec, 100 - weight, weight), TOKEN)
        time.sleep(0.3)
    reached(serving, spec)
    assert {answer.digest for answer in answers(serving, own, "toy", 20)} == {old.digest}
    without = endpoint(own, replace(old, weight=100))
    applied(serving, without)
    assert {answer.digest for answer in answers(serving, own, "toy", 20)} == {old.digest}


def test_twenty_weight_changes_and_a_rollback_lose_no_request(
    serving_site: Site, serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 100, 0))
    with load(f"{serving_site.gateway}/{own}", infer("toy")) as counted:
        for weight in [5 * step for step in range(1, 20)] + [0]:
            applied(serving, weighted(spec, 100 - weight, weight))
    assert counted.lost == {}
    assert counted.digests == {old.digest, new.digest}
    assert counted.total > 100


def test_a_replacement_in_one_step_loses_no_request(
    serving_site: Site, serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    applied(serving, endpoint(own, old))
    with load(f"{serving_site.gateway}/{own}", infer("toy")) as counted:
        applied(serving, endpoint(own, new))
        applied(serving, endpoint(own, old))
    assert counted.lost == {}
    assert counted.digests == {old.digest, new.digest}


def test_a_request_that_takes_long_survives_the_end_of_its_revision(
    serving_site: Site, serving: LocalServing, own: str, new: RevisionSpec
) -> None:
    slow = revision("slow", serving_site.publish("slow", "slow"), 1)
    applied(serving, endpoint(own, slow))
    given: list[int] = []
    customer = threading.Thread(target=lambda: given.append(serving.request(own, rows(15)).status))
    customer.start()
    time.sleep(0.3)
    applied(serving, endpoint(own, new))
    customer.join(30)
    assert given == [200]


def test_replicas_follow_the_load_and_lose_no_request(serving_site: Site, serving: LocalServing, own: str) -> None:
    slow = replace(revision("slow", serving_site.publish("slow", "slow"), 1), maximum=2)
    spec = applied(serving, endpoint(own, slow))
    with load(f"{serving_site.gateway}/{own}", rows(1)) as counted:
        started = time.monotonic()
        until(lambda: len(serving_site.pids(own)) == 2 or None, "a second replica")
        assert time.monotonic() - started < 5
        until(lambda: len(ready_replicas(serving, spec)) == 2 or None, "the second replica to be ready")
    with load(f"{serving_site.gateway}/{own}", rows(1), connections=1) as quiet:
        until(lambda: len(serving_site.pids(own)) == 1 or None, "one replica again", seconds=QUIET + 15)
    assert (counted.lost, quiet.lost) == ({}, {})


def ready_replicas(serving: LocalServing, spec: EndpointSpec) -> tuple[ReplicaRef, ...]:
    return state_of(serving, spec).revisions[spec.revisions[0].id].replicas


def test_a_revision_is_taken_away_when_its_time_is_over(
    serving_site: Site, serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 0, 100))
    keep = time.time() + 1.5
    kept = replace(spec, revisions=(replace(spec.revisions[0], retire_at=keep), spec.revisions[1]))
    applied(serving, kept)
    assert len(serving_site.pids(own)) == 2
    until(lambda: len(serving_site.pids(own)) == 1 or None, "the old revision to go")
    assert list(state_of(serving, spec).revisions) == [new.id]
    assert {answer.digest for answer in answers(serving, own, "toy", 5)} == {new.digest}


def test_settling_moves_nothing(serving: LocalServing, toy: EndpointSpec) -> None:
    before = state_of(serving, toy)
    serving.settle("toy", toy.revisions[0].id, TOKEN)
    assert state_of(serving, toy).revisions == before.revisions
    with pytest.raises(NotFound):
        serving.settle("toy", RevisionId("v9-00000000"), TOKEN)


def test_an_older_lease_changes_nothing(serving: LocalServing, toy: EndpointSpec) -> None:
    with pytest.raises(Conflict, match="lease 6 is older than 7"):
        serving.apply(weighted(toy, 0), TOKEN - 1)
    with pytest.raises(Conflict, match="lease 6 is older than 7"):
        serving.settle("toy", toy.revisions[0].id, TOKEN - 1)
    with pytest.raises(Conflict, match="lease 6 is older than 7"):
        serving.delete("toy", TOKEN - 1)
    assert {answer.status for answer in answers(serving, "toy", "toy", 3)} == {200}


def test_another_pipelines_endpoint_is_refused(serving: LocalServing, toy: EndpointSpec) -> None:
    with pytest.raises(Conflict, match="belongs to pipeline 'tests'"):
        serving.apply(replace(toy, owner="others"), TOKEN)


@pytest.mark.parametrize("name", ["../toy", "a b", "$HOME", "a\n", "", "é", "a`) || Path(`/"])
def test_a_hostile_name_is_refused_before_anything_happens(
    serving: LocalServing, serving_site: Site, name: str
) -> None:
    before = sorted(serving_site.serving_folder.rglob("*.lock"))
    with pytest.raises(ConfigError):
        serving.apply(EndpointSpec(name, "tests", ()), TOKEN)
    assert sorted(serving_site.serving_folder.rglob("*.lock")) == before


def test_what_is_not_there_is_said(serving: LocalServing, toy: EndpointSpec) -> None:
    assert serving.state("nobody") is None
    with pytest.raises(NotFound):
        serving.request("nobody", infer("toy"))
    with pytest.raises(Unavailable):
        serving.ask(ReplicaRef("toy", toy.revisions[0].id, "v1-00000000-9"), infer("toy"))


def test_a_deleted_endpoint_is_gone_and_deleting_it_again_is_quiet(
    serving_site: Site, serving: LocalServing, own: str, old: RevisionSpec
) -> None:
    spec = applied(serving, endpoint(own, old))
    (pid,) = serving_site.pids(own).values()
    serving.delete(own, TOKEN)
    until(lambda: serving.state(own) is None or None, "the endpoint to go")
    assert not runs(pid)
    serving.delete(own, TOKEN)
    with pytest.raises(NotFound):
        serving.request(own, infer("toy"))
    with pytest.raises(Conflict):
        serving.apply(spec, TOKEN - 1)
