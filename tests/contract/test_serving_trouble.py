"""What a serving adapter does when its parts are killed, stopped, damaged or never come up."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace

import pytest

from ropeway.adapters.local.endpoint_files import ServingFolder, write_atomically
from ropeway.adapters.local.serving import LocalServing
from ropeway.errors import Unavailable
from ropeway.interfaces.serving import EndpointSpec, RevisionSpec
from ropeway.names import Digest
from tests.contract.serving_load import load
from tests.contract.serving_site import (
    TOKEN,
    Site,
    answers,
    applied,
    endpoint,
    failed,
    infer,
    reached,
    revision,
    runs,
    state_of,
    until,
    weighted,
)

pytest_plugins = ["tests.contract.serving_fixtures"]

NOWHERE = Digest("sha256-" + "0" * 64)


def test_a_killed_replica_is_replaced_and_its_requests_are_answered(
    serving_site: Site, serving: LocalServing, own: str, old: RevisionSpec
) -> None:
    spec = applied(serving, endpoint(own, replace(old, minimum=2, maximum=2)))
    before = serving_site.pids(own)
    with load(f"{serving_site.gateway}/{own}", infer("toy")) as counted:
        time.sleep(0.5)
        os.kill(min(before.values()), signal.SIGKILL)
        until(lambda: min(before.values()) not in serving_site.pids(own).values() or None, "the death to be seen")
        reached(serving, spec)
    assert counted.lost == {}
    assert len(set(serving_site.pids(own).values()) & set(before.values())) == 1


def test_a_killed_supervisor_leaves_its_replicas_alone_and_the_next_one_takes_them_over(
    serving_site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    before = serving_site.pids("toy")
    with load(f"{serving_site.gateway}/toy", infer("toy")) as counted:
        serving_site.signal_supervisor(signal.SIGKILL)
        with pytest.raises(Unavailable, match="does not run") as caught:
            serving.state("toy")
        assert caught.value.hint == "ropeway up"
        serving_site.start_supervisor()
        reached(serving, toy)
    assert counted.lost == {}
    assert serving_site.pids("toy") == before


def test_a_replica_whose_start_was_not_yet_recorded_is_found_again(
    serving_site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    before = serving_site.pids("toy")
    (replica,) = before
    serving_site.signal_supervisor(signal.SIGKILL)
    record = ServingFolder(serving_site.serving_folder).replicas / f"{replica}.json"
    write_atomically(record, json.dumps({**json.loads(record.read_text()), "process": None}))
    serving_site.start_supervisor()
    reached(serving, toy)
    assert serving_site.pids("toy") == before


def test_a_second_supervisor_is_refused(serving_site: Site) -> None:
    assert "another supervisor does it" in serving_site.second_supervisor()


def test_a_wish_that_cannot_be_read_leaves_the_endpoint_as_it_is(
    serving_site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    wish = ServingFolder(serving_site.serving_folder).wish_file("toy")
    good, before = wish.read_text(), serving_site.pids("toy")
    write_atomically(wish, "{")
    time.sleep(1)
    serving_site.signal_supervisor(signal.SIGKILL)
    serving_site.start_supervisor()
    time.sleep(1)
    write_atomically(wish, good)
    reached(serving, toy)
    assert serving_site.pids("toy") == before


def test_a_gateway_that_stops_is_told_as_the_reason_and_goes_on_where_it_was(
    serving_site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    before = serving_site.pids("toy")
    serving_site.stop_service("gateway")
    try:
        failure = until(lambda: state_of(serving, toy).revisions[toy.revisions[0].id].failure, "the failure")
        assert not failure.final
        assert "does not run" in failure.reason
        assert not state_of(serving, toy).revisions[toy.revisions[0].id].ready
        with pytest.raises(Unavailable):
            serving.request("toy", infer("toy"))
    finally:
        serving_site.service("gateway")
    reached(serving, toy)
    assert {answer.status for answer in answers(serving, "toy", "toy", 3)} == {200}
    assert serving_site.pids("toy") == before


def test_a_model_that_is_not_in_the_store_fails_for_good_with_the_reason(serving: LocalServing, own: str) -> None:
    spec = endpoint(own, revision("toy", NOWHERE))
    serving.apply(spec, TOKEN)
    failure = failed(serving, spec).failure
    assert failure is not None
    assert "the store has no complete model" in failure.reason


def test_a_model_that_cannot_be_loaded_fails_for_good_with_the_servers_words(
    serving_site: Site, serving: LocalServing, own: str
) -> None:
    spec = endpoint(own, revision("toy", serving_site.publish("toy", "future")))
    serving.apply(spec, TOKEN)
    failure = failed(serving, spec).failure
    assert failure is not None
    assert "cannot load it" in failure.reason
    assert failure.hint is not None
    assert "opset" in failure.hint


def test_what_failed_is_tried_again_under_a_new_lease(serving_site: Site, serving: LocalServing, own: str) -> None:
    digest = serving_site.sealed_digest(words="late")
    spec = endpoint(own, revision("toy", digest))
    serving.apply(spec, TOKEN)
    failed(serving, spec)
    serving_site.publish("toy", words="late")
    serving.apply(spec, TOKEN + 1)
    reached(serving, spec)


def test_other_bytes_in_the_store_are_never_served(
    serving_site: Site, serving: LocalServing, own: str, old: RevisionSpec
) -> None:
    digest = serving_site.publish("toy", words="to be altered")
    serving_site.alter("toy", digest, "words.txt", b"to be Altered")
    spec = weighted(endpoint(own, revision("toy", digest, 3), old), 100, 0)
    serving.apply(spec, TOKEN)
    state = failed(serving, spec)
    assert state.failure is not None
    assert "is not what was sealed" in state.failure.reason
    assert (state.replicas, state.weight) == ((), 0)


def test_a_local_copy_that_was_altered_is_not_served_but_pulled_anew(
    serving_site: Site, serving: LocalServing, own: str
) -> None:
    digest = serving_site.publish("toy", words="altered here")
    spec = applied(serving, endpoint(own, revision("toy", digest)))
    words = serving_site.serving_folder / "models" / "toy" / digest / "words.txt"
    words.write_text("altered  now")
    (pid,) = serving_site.pids(own).values()
    os.kill(pid, signal.SIGKILL)
    until(lambda: (words.exists() and words.read_text() == "altered here") or None, "the sealed words")
    reached(serving, spec)
    assert pid not in serving_site.pids(own).values()


def test_a_store_that_is_down_is_waited_for(serving_site: Site, serving: LocalServing, own: str) -> None:
    spec = endpoint(own, revision("toy", serving_site.publish("toy", words="patience")))
    serving_site.stop_service("store")
    try:
        serving.apply(spec, TOKEN)
        time.sleep(2)
        failure = state_of(serving, spec).revisions[spec.revisions[0].id].failure
        assert failure is None or not failure.final
    finally:
        serving_site.service("store")
    reached(serving, spec)


def test_a_supervisor_that_is_told_to_stop_ends_its_replicas_and_brings_them_back(
    serving_site: Site, serving: LocalServing, toy: EndpointSpec
) -> None:
    (pid,) = serving_site.pids("toy").values()
    serving_site.signal_supervisor(signal.SIGTERM)
    assert not runs(pid)
    serving_site.start_supervisor()
    reached(serving, toy)
    assert {answer.status for answer in answers(serving, "toy", "toy", 3)} == {200}
