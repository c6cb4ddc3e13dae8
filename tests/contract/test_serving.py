"""What every serving adapter promises, held against real replicas, gateway, store and supervisor."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ropeway.adapters.local.endpoint_files import ServingFolder, write_atomically
from ropeway.adapters.local.serving import LocalServing
from ropeway.embedded import processes
from ropeway.embedded.folder import SiteFolder
from ropeway.errors import ConfigError, Conflict, NotFound, Unavailable
from ropeway.interfaces.serving import (
    EndpointSpec,
    InferenceRequest,
    ReplicaRef,
    RevisionId,
    RevisionSpec,
    RevisionState,
)
from ropeway.names import Digest
from tests.contract.serving_load import load
from tests.contract.serving_site import (
    QUIET,
    Site,
    answers,
    endpoint,
    failed,
    infer,
    reached,
    revision,
    state_of,
    until,
)

NOWHERE = Digest("sha256-" + "0" * 64)
TOKEN = 7


def rows(count: int) -> InferenceRequest:
    """The slow model needs 0.1 s a row."""
    inputs = [{"name": "rows", "datatype": "FP32", "shape": [count], "data": [0.0] * count}]
    return infer("slow", json.dumps({"inputs": inputs}).encode())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROPEWAY_HOME", str(home))
        folder = SiteFolder.named("serving")
        folder.create()
        started = Site(folder)
        try:
            started.start_supervisor()
            yield started
        finally:
            started.stop()


@pytest.fixture(scope="module")
def serving(site: Site) -> LocalServing:
    return site.serving()


@pytest.fixture(scope="module")
def old(site: Site) -> RevisionSpec:
    return revision("toy", site.publish("toy", words="old"), 1)


@pytest.fixture(scope="module")
def new(site: Site) -> RevisionSpec:
    return revision("toy", site.publish("toy", words="new"), 2)


@pytest.fixture(scope="module")
def toy(serving: LocalServing, old: RevisionSpec) -> EndpointSpec:
    """An endpoint that is there for all tests that leave it as it is."""
    spec = endpoint("toy", old)
    serving.apply(spec, TOKEN)
    reached(serving, spec)
    return spec


@pytest.fixture
def own(serving: LocalServing, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an endpoint for one test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    yield name
    serving.delete(name, 1000)


def applied(serving: LocalServing, spec: EndpointSpec) -> EndpointSpec:
    serving.apply(spec, TOKEN)
    reached(serving, spec)
    return spec


def weighted(spec: EndpointSpec, *weights: int) -> EndpointSpec:
    pairs = zip(spec.revisions, weights, strict=True)
    return replace(spec, revisions=tuple(replace(each, weight=weight) for each, weight in pairs))


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


def test_applying_twice_changes_nothing(site: Site, serving: LocalServing, toy: EndpointSpec) -> None:
    wish = ServingFolder(site.serving_folder).wish_file("toy")
    before, replicas = wish.stat(), site.pids("toy")
    serving.apply(toy, TOKEN)
    time.sleep(1)
    assert (wish.stat().st_ino, wish.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert site.pids("toy") == replicas


def test_a_fresh_adapter_finds_what_another_one_has_made(site: Site, toy: EndpointSpec) -> None:
    state = state_of(site.serving(), toy)
    assert (state.owner, state.token, state.url) == ("tests", TOKEN, f"{site.gateway}/toy")
    assert state.serving is not None
    assert state.serving.spec == toy.revisions[0]


def test_weights_are_what_customers_get(serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 70, 30))
    counted = Counter(answer.digest for answer in answers(serving, own, "toy", 100))
    assert set(counted) == {old.digest, new.digest}
    assert abs(counted[new.digest] - 30) <= 1
    applied(serving, weighted(spec, 100, 0))
    assert {answer.digest for answer in answers(serving, own, "toy", 50)} == {old.digest}


def test_twenty_weight_changes_and_a_rollback_lose_no_request(
    site: Site, serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 100, 0))
    with load(f"{site.gateway}/{own}", infer("toy")) as counted:
        for weight in [5 * step for step in range(1, 20)] + [0]:
            applied(serving, weighted(spec, 100 - weight, weight))
    assert counted.lost == {}
    assert counted.digests == {old.digest, new.digest}
    assert counted.total > 100


def test_a_replacement_in_one_step_loses_no_request(
    site: Site, serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    applied(serving, endpoint(own, old))
    with load(f"{site.gateway}/{own}", infer("toy")) as counted:
        applied(serving, endpoint(own, new))
        applied(serving, endpoint(own, old))
    assert counted.lost == {}
    assert counted.digests == {old.digest, new.digest}


def test_a_request_that_takes_long_survives_the_end_of_its_revision(
    site: Site, serving: LocalServing, own: str, new: RevisionSpec
) -> None:
    slow = revision("slow", site.publish("slow", "slow"), 1)
    applied(serving, endpoint(own, slow))
    given: list[int] = []
    customer = threading.Thread(target=lambda: given.append(serving.request(own, rows(25)).status))
    customer.start()
    time.sleep(0.3)
    applied(serving, endpoint(own, new))
    customer.join(30)
    assert given == [200]


def test_replicas_follow_the_load_and_lose_no_request(site: Site, serving: LocalServing, own: str) -> None:
    slow = replace(revision("slow", site.publish("slow", "slow"), 1), maximum=2)
    spec = applied(serving, endpoint(own, slow))
    with load(f"{site.gateway}/{own}", rows(1)) as counted:
        started = time.monotonic()
        until(lambda: len(site.pids(own)) == 2 or None, "a second replica")
        assert time.monotonic() - started < 5
        until(lambda: len(ready_replicas(serving, spec)) == 2 or None, "the second replica to be ready")
    with load(f"{site.gateway}/{own}", rows(1), connections=1) as quiet:
        until(lambda: len(site.pids(own)) == 1 or None, "one replica again", seconds=QUIET + 15)
    assert (counted.lost, quiet.lost) == ({}, {})


def ready_replicas(serving: LocalServing, spec: EndpointSpec) -> tuple[ReplicaRef, ...]:
    return state_of(serving, spec).revisions[spec.revisions[0].id].replicas


def test_a_killed_replica_is_replaced_and_its_requests_are_answered(
    site: Site, serving: LocalServing, own: str, old: RevisionSpec
) -> None:
    spec = applied(serving, endpoint(own, replace(old, minimum=2, maximum=2)))
    before = site.pids(own)
    with load(f"{site.gateway}/{own}", infer("toy")) as counted:
        time.sleep(0.5)
        os.kill(min(before.values()), signal.SIGKILL)
        until(lambda: min(before.values()) not in site.pids(own).values() or None, "the death to be seen")
        reached(serving, spec)
    assert counted.lost == {}
    assert len(set(site.pids(own).values()) & set(before.values())) == 1


def test_a_killed_supervisor_leaves_its_replicas_alone_and_the_next_one_takes_them_over(
    site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    before = site.pids("toy")
    with load(f"{site.gateway}/toy", infer("toy")) as counted:
        site.signal_supervisor(signal.SIGKILL)
        with pytest.raises(Unavailable, match="does not run") as caught:
            serving.state("toy")
        assert caught.value.hint == "ropeway up"
        site.start_supervisor()
        reached(serving, toy)
    assert counted.lost == {}
    assert site.pids("toy") == before


def test_a_replica_whose_start_was_not_yet_recorded_is_found_again(
    site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    before = site.pids("toy")
    (replica,) = before
    site.signal_supervisor(signal.SIGKILL)
    record = ServingFolder(site.serving_folder).replicas / f"{replica}.json"
    write_atomically(record, json.dumps({**json.loads(record.read_text()), "process": None}))
    site.start_supervisor()
    reached(serving, toy)
    assert site.pids("toy") == before


def test_a_second_supervisor_is_refused(site: Site) -> None:
    assert "another supervisor does it" in site.second_supervisor()


def test_a_wish_that_cannot_be_read_leaves_the_endpoint_as_it_is(
    site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    wish = ServingFolder(site.serving_folder).wish_file("toy")
    good, before = wish.read_text(), site.pids("toy")
    write_atomically(wish, "{")
    time.sleep(1)
    site.signal_supervisor(signal.SIGKILL)
    site.start_supervisor()
    time.sleep(1)
    write_atomically(wish, good)
    reached(serving, toy)
    assert site.pids("toy") == before


def test_a_model_that_is_not_in_the_store_fails_for_good_with_the_reason(serving: LocalServing, own: str) -> None:
    spec = endpoint(own, revision("toy", NOWHERE))
    serving.apply(spec, TOKEN)
    failure = failed(serving, spec).failure
    assert failure is not None
    assert "the store has no complete model" in failure.reason


def test_a_model_that_cannot_be_loaded_fails_for_good_with_the_servers_words(
    site: Site, serving: LocalServing, own: str
) -> None:
    spec = endpoint(own, revision("toy", site.publish("toy", "future")))
    serving.apply(spec, TOKEN)
    failure = failed(serving, spec).failure
    assert failure is not None
    assert "cannot load it" in failure.reason
    assert failure.hint is not None
    assert "opset" in failure.hint


def test_what_failed_is_tried_again_under_a_new_lease(site: Site, serving: LocalServing, own: str) -> None:
    digest = site.sealed_digest(words="late")
    spec = endpoint(own, revision("toy", digest))
    serving.apply(spec, TOKEN)
    failed(serving, spec)
    site.publish("toy", words="late")
    serving.apply(spec, TOKEN + 1)
    reached(serving, spec)


def test_other_bytes_in_the_store_are_never_served(
    site: Site, serving: LocalServing, own: str, old: RevisionSpec
) -> None:
    digest = site.publish("toy", words="to be altered")
    site.alter("toy", digest, "words.txt", b"to be Altered")
    spec = weighted(endpoint(own, revision("toy", digest, 3), old), 100, 0)
    serving.apply(spec, TOKEN)
    state = failed(serving, spec)
    assert state.failure is not None
    assert "is not what was sealed" in state.failure.reason
    assert (state.replicas, state.weight) == ((), 0)


def test_a_local_copy_that_was_altered_is_not_served_but_pulled_anew(
    site: Site, serving: LocalServing, own: str
) -> None:
    digest = site.publish("toy", words="altered here")
    spec = applied(serving, endpoint(own, revision("toy", digest)))
    words = site.serving_folder / "models" / "toy" / digest / "words.txt"
    words.write_text("altered  now")
    (pid,) = site.pids(own).values()
    os.kill(pid, signal.SIGKILL)
    until(lambda: (words.exists() and words.read_text() == "altered here") or None, "the sealed words")
    reached(serving, spec)
    assert pid not in site.pids(own).values()


def test_a_store_that_is_down_is_waited_for(site: Site, serving: LocalServing, own: str) -> None:
    spec = endpoint(own, revision("toy", site.publish("toy", words="patience")))
    site.stop_service("store")
    try:
        serving.apply(spec, TOKEN)
        time.sleep(2)
        failure = state_of(serving, spec).revisions[spec.revisions[0].id].failure
        assert failure is None or not failure.final
    finally:
        site.service("store")
    reached(serving, spec)


def test_a_revision_is_taken_away_when_its_time_is_over(
    site: Site, serving: LocalServing, own: str, old: RevisionSpec, new: RevisionSpec
) -> None:
    spec = applied(serving, weighted(endpoint(own, old, new), 0, 100))
    keep = time.time() + 1.5
    kept = replace(spec, revisions=(replace(spec.revisions[0], retire_at=keep), spec.revisions[1]))
    applied(serving, kept)
    assert len(site.pids(own)) == 2
    until(lambda: len(site.pids(own)) == 1 or None, "the old revision to go")
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
def test_a_hostile_name_is_refused_before_anything_happens(serving: LocalServing, site: Site, name: str) -> None:
    before = sorted(site.serving_folder.rglob("*.lock"))
    with pytest.raises(ConfigError):
        serving.apply(EndpointSpec(name, "tests", ()), TOKEN)
    assert sorted(site.serving_folder.rglob("*.lock")) == before


def test_what_is_not_there_is_said(serving: LocalServing, toy: EndpointSpec) -> None:
    assert serving.state("nobody") is None
    with pytest.raises(NotFound):
        serving.request("nobody", infer("toy"))
    with pytest.raises(Unavailable):
        serving.ask(ReplicaRef("toy", toy.revisions[0].id, "v1-00000000-9"), infer("toy"))


def test_a_deleted_endpoint_is_gone_and_deleting_it_again_is_quiet(
    site: Site, serving: LocalServing, own: str, old: RevisionSpec
) -> None:
    spec = applied(serving, endpoint(own, old))
    (pid,) = site.pids(own).values()
    serving.delete(own, TOKEN)
    until(lambda: serving.state(own) is None or None, "the endpoint to go")
    assert not runs(pid)
    serving.delete(own, TOKEN)
    with pytest.raises(NotFound):
        serving.request(own, infer("toy"))
    with pytest.raises(Conflict):
        serving.apply(spec, TOKEN - 1)


def runs(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and found.state not in "ZX"


def test_a_supervisor_that_is_told_to_stop_ends_its_replicas_and_brings_them_back(
    site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    (pid,) = site.pids("toy").values()
    site.signal_supervisor(signal.SIGTERM)
    assert not runs(pid)
    site.start_supervisor()
    reached(serving, toy)
    assert {answer.status for answer in answers(serving, "toy", "toy", 3)} == {200}
