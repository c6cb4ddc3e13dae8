"""What follows from an endpoint as it is seen: its routes, and what the controller is told."""

from __future__ import annotations

from dataclasses import replace

from ropeway.adapters.local.endpoint_files import RevisionStatus, Status, Wish
from ropeway.interfaces.serving import EndpointSpec, Failure, RevisionId, RevisionSpec
from ropeway.names import Digest
from ropeway.supervisor.autoscale import ScalePolicy
from ropeway.supervisor.memory import Memory
from ropeway.supervisor.plan import ModelPlace, Phase, Replica
from ropeway.supervisor.pulls import Transfer
from ropeway.supervisor.routes import Backend, EndpointRoute, RevisionRoute
from ropeway.supervisor.scene import Scene, route, status, view
from ropeway.supervisor.trouble import Death, Trouble

OLD = RevisionSpec(RevisionId("v1-a"), "mnist", 1, Digest("sha256-" + "a" * 64), "s3://a/", maximum=4, weight=90)
NEW = replace(OLD, id=RevisionId("v2-b"), digest=Digest("sha256-" + "b" * 64), weight=10)
HERE = {OLD.id: Transfer(ModelPlace.HERE), NEW.id: Transfer(ModelPlace.HERE)}


def wish(*revisions: RevisionSpec, token: int = 1) -> Wish:
    return Wish(EndpointSpec("mnist", "vision", revisions), token, generation=4)


def replica(of: RevisionSpec, phase: Phase = Phase.READY, number: int = 1, in_flight: float = 0.0) -> Replica:
    port = 20000 + 10 * of.version + number
    return Replica(f"{of.id}-{number}", "mnist", of.id, of.model, of.digest, port, 7, 1.0, phase, 1.0, in_flight)


BOTH = Scene(wish(OLD, NEW), (replica(OLD), replica(NEW)), transfers=HERE)


def shares(scene: Scene, **now: int) -> dict[str, int]:
    before = {OLD.id: now.get("old", 0), NEW.id: now.get("new", 0)}
    return {str(id_): weight for id_, weight in route(scene, before).shares.items()}


def test_ready_revisions_are_routed_by_their_weights() -> None:
    assert shares(BOTH) == {"v1-a": 90, "v2-b": 10}


def test_a_revision_at_weight_zero_can_be_asked() -> None:
    scene = replace(BOTH, wish=wish(replace(OLD, weight=100), replace(NEW, weight=0)))
    assert route(scene, {}).replicas() == {"v1-a-1", "v2-b-1"}


def test_a_replica_that_starts_or_drains_is_not_routed() -> None:
    scene = replace(BOTH, replicas=(replica(OLD), replica(OLD, Phase.STARTING, 2), replica(NEW, Phase.DRAINING)))
    assert route(scene, {}).replicas() == {"v1-a-1"}


def test_a_replica_of_another_digest_is_not_routed() -> None:
    scene = replace(BOTH, wish=wish(replace(OLD, digest=NEW.digest, weight=100)), replicas=(replica(OLD),))
    assert route(scene, {OLD.id: 100}).replicas() == frozenset()


def test_a_revision_that_leaves_serves_until_the_next_one_can() -> None:
    scene = Scene(wish(replace(NEW, weight=100)), (replica(OLD), replica(NEW, Phase.STARTING)), (OLD,), HERE)
    assert shares(scene, old=100) == {"v1-a": 100}
    ready = replace(scene, replicas=(replica(OLD), replica(NEW)))
    assert shares(ready, old=100) == {"v2-b": 100}
    assert route(ready, {OLD.id: 100}).replicas() == {"v2-b-1"}


def test_the_status_tells_what_the_gateway_does_and_not_what_is_wished() -> None:
    effective = EndpointRoute("mnist", (RevisionRoute(OLD.id, 100, (Backend("v1-a-1", 20011),)),))
    old, new = status(BOTH, effective).revisions
    assert (old.weight, old.replicas[0].reachable) == (100, True)
    assert (new.weight, new.replicas[0].reachable) == (0, False)


def test_the_status_tells_the_first_of_what_is_wrong() -> None:
    failed = Transfer(ModelPlace.FAILED, failure=Failure(True, "no such model"))
    scene = replace(BOTH, transfers={**HERE, NEW.id: failed})
    old, new = status(scene, EndpointRoute("mnist", ()), "the gateway does not run").revisions
    assert old.failure == Failure(False, "the gateway does not run", "ropeway up")
    assert new.failure == Failure(True, "no such model")


def test_the_plan_sees_what_the_load_wants() -> None:
    seen = view(replace(BOTH, wanted={OLD.id: 3}), {OLD.id: 100}, frozenset())
    assert [revision.wanted for revision in seen.revisions] == [3, 1]


def remembered(*revisions: RevisionSpec) -> Memory:
    memory = Memory(wish())
    memory.wished(wish(*revisions))
    return memory


def test_a_revision_that_leaves_is_known_until_its_last_replica_is_gone() -> None:
    memory = remembered(OLD, NEW)
    memory.wished(wish(NEW))
    assert memory.scene(memory.wish, (replica(OLD),), HERE).leaving == (OLD,)
    assert memory.scene(memory.wish, (), HERE).leaving == ()


def test_a_revision_whose_time_is_over_is_no_longer_wished() -> None:
    memory = remembered(NEW, replace(OLD, weight=0, retire_at=100.0))
    assert [spec.id for spec in memory.standing(99.0).spec.revisions] == [NEW.id, OLD.id]
    assert [spec.id for spec in memory.standing(100.0).spec.revisions] == [NEW.id]


def test_a_new_lease_forgets_what_has_failed() -> None:
    memory = remembered(OLD)
    memory.failed(OLD.id, Failure(True, "it cannot load"))
    assert not memory.wished(wish(OLD, token=1))
    assert memory.troubles
    assert memory.wished(wish(OLD, token=2))
    assert not memory.troubles


def test_a_revision_that_was_ready_is_never_given_up() -> None:
    memory = remembered(OLD)
    memory.scene(memory.wish, (replica(OLD),), HERE)
    for _ in range(10):
        memory.died(replica(OLD), Death(1.0, 1.0, 1, "it crashed"))
    assert not memory.troubles[OLD.id].final


def test_what_an_earlier_supervisor_knew_is_known_again() -> None:
    memory = remembered(OLD, NEW)
    known = (
        RevisionStatus(OLD, 90, 2, (), proven=True),
        RevisionStatus(NEW, 0, 1, (), failure=Failure(True, "it cannot load")),
    )
    memory.recall(Status("mnist", 4, 1, known), (replica(OLD), replica(OLD, number=2)), now=50.0)
    scene = memory.scene(memory.wish, (replica(OLD),), HERE)
    assert scene.proven == {OLD.id}
    assert scene.troubles[NEW.id] == Trouble(failure=Failure(True, "it cannot load"))
    assert scene.wanted[OLD.id] == 2


def test_a_canary_gets_replicas_for_the_traffic_that_it_is_about_to_get() -> None:
    memory = remembered(replace(OLD, weight=50), replace(NEW, weight=50))
    memory.sample((replica(OLD, in_flight=16.0),), 1.0, ScalePolicy(target=4))
    assert memory.scene(memory.wish, (), HERE).wanted == {OLD.id: 4, NEW.id: 2}
