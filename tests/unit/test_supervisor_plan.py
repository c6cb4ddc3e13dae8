"""What the supervisor does next."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ropeway.interfaces.serving import Failure, RevisionId, RevisionSpec
from ropeway.names import Digest
from ropeway.supervisor.plan import (
    LIVE,
    Action,
    Drain,
    EndpointView,
    Kill,
    Limits,
    ModelPlace,
    Phase,
    Pull,
    Replica,
    RevisionView,
    Start,
    Terminate,
    plan,
)
from ropeway.supervisor.trouble import Trouble

DIGEST = Digest("sha256-" + "a" * 64)
SPEC = RevisionSpec(RevisionId("v1-a"), "mnist", 1, DIGEST, "s3://a/", maximum=5, weight=100)
OTHER = replace(SPEC, id=RevisionId("v2-b"), digest=Digest("sha256-" + "b" * 64))
NOW = 1000.0
LIMITS = Limits(start=100, unready=30, grace=40)


def replica(number: int = 1, phase: Phase = Phase.READY, since: float = NOW, of: RevisionSpec = SPEC) -> Replica:
    id_ = f"{of.id}-{number}"
    return Replica(id_, "mnist", of.id, of.model, of.digest, 20000 + number, 7, float(number), phase, since)


def wanted(count: int = 1, place: ModelPlace = ModelPlace.HERE, trouble: Trouble | None = None) -> RevisionView:
    return RevisionView(SPEC, place, count, trouble or Trouble())


def planned(
    revisions: tuple[RevisionView, ...], *replicas: Replica, routed: tuple[str, ...] = (), carrying: str = ""
) -> tuple[Action, ...]:
    carriers = frozenset({RevisionId(carrying)}) if carrying else frozenset()
    return plan(EndpointView(revisions, replicas, frozenset(routed), carriers), NOW, LIMITS)


def test_a_model_that_is_not_here_is_pulled_before_anything_starts() -> None:
    assert planned((wanted(place=ModelPlace.ABSENT),)) == (Pull(SPEC),)
    assert planned((wanted(place=ModelPlace.PULLING),)) == ()


def test_as_many_replicas_are_started_as_are_missing() -> None:
    assert planned((wanted(3),), replica(1, Phase.STARTING)) == (Start(SPEC), Start(SPEC))


def test_with_all_replicas_there_nothing_is_done() -> None:
    assert planned((wanted(2),), replica(1), replica(2, Phase.UNREADY)) == ()


def test_after_a_death_one_is_started_when_its_time_has_come() -> None:
    assert planned((wanted(3, trouble=Trouble(deaths=1, again_at=NOW)),)) == (Start(SPEC),)
    assert planned((wanted(3, trouble=Trouble(deaths=1, again_at=NOW + 0.1)),)) == ()


def test_a_final_failure_starts_and_pulls_nothing() -> None:
    hopeless = Trouble(failure=Failure(True, "it cannot load"))
    assert planned((wanted(trouble=hopeless),)) == ()
    assert planned((wanted(place=ModelPlace.ABSENT, trouble=hopeless),)) == ()


def test_the_youngest_and_the_unready_go_first() -> None:
    replicas = (replica(1), replica(2, Phase.UNREADY), replica(3))
    assert planned((wanted(1),), *replicas) == (Drain("v1-a-3"), Drain("v1-a-2"))


def test_a_revision_that_is_not_wished_is_drained() -> None:
    assert planned((), replica()) == (Drain("v1-a-1"),)
    assert planned((wanted(),), replica(), replica(of=OTHER)) == (Drain("v2-b-1"),)


def test_a_revision_that_still_carries_the_traffic_stays() -> None:
    assert planned((), replica(), carrying="v1-a") == ()


def test_a_drained_replica_is_stopped_when_the_gateway_cannot_reach_it() -> None:
    draining = replica(phase=Phase.DRAINING)
    assert planned((), draining, routed=("v1-a-1",)) == ()
    assert planned((), draining) == (Terminate("v1-a-1"),)


def test_one_that_does_not_stop_is_killed_after_the_grace() -> None:
    assert planned((), replica(phase=Phase.STOPPING, since=NOW - 39)) == ()
    assert planned((), replica(phase=Phase.STOPPING, since=NOW - 41)) == (Kill("v1-a-1"),)


def test_one_that_does_not_get_ready_is_given_up_with_the_reason() -> None:
    late = replica(phase=Phase.STARTING, since=NOW - 101)
    assert planned((wanted(),), late) == (Terminate("v1-a-1", "not ready after 100 s"),)


def test_one_that_hangs_is_replaced() -> None:
    assert planned((wanted(),), replica(phase=Phase.UNREADY, since=NOW - 31)) == (Drain("v1-a-1"),)


REPLICAS = st.builds(
    replica,
    st.integers(1, 6),
    st.sampled_from(list(Phase)),
    st.floats(0, NOW),
    st.sampled_from([SPEC, OTHER]),
)
VIEWS = st.builds(
    EndpointView,
    st.sampled_from([(), (wanted(0),), (wanted(2),), (wanted(5, ModelPlace.PULLING),)]),
    st.lists(REPLICAS, max_size=8, unique_by=lambda each: each.id).map(tuple),
    st.frozensets(st.sampled_from([f"{spec.id}-{n}" for spec in (SPEC, OTHER) for n in range(1, 7)])),
    st.frozensets(st.sampled_from([SPEC.id, OTHER.id])),
)


@given(VIEWS)
def test_a_replica_that_the_gateway_can_reach_is_never_signalled(view: EndpointView) -> None:
    phases = {each.id: each.phase for each in view.replicas}
    for action in plan(view, NOW, LIMITS):
        if isinstance(action, (Terminate, Kill)) and phases[action.replica] is not Phase.STARTING:
            assert action.replica not in view.routed


@given(VIEWS)
def test_nothing_is_drained_or_killed_twice(view: EndpointView) -> None:
    done = view
    for action in plan(view, NOW, LIMITS):
        done = carried_out(done, action)
    assert not any(isinstance(action, (Drain, Kill)) for action in plan(done, NOW, LIMITS))


def carried_out(view: EndpointView, action: Action) -> EndpointView:
    match action:
        case Drain(id_):
            return moved(view, id_, Phase.DRAINING)
        case Terminate(id_, _):
            return moved(view, id_, Phase.STOPPING)
        case Kill(id_):
            return replace(view, replicas=tuple(each for each in view.replicas if each.id != id_))
        case Start(spec):
            born = replica(10 + len(view.replicas), Phase.STARTING, of=spec)
            return replace(view, replicas=(*view.replicas, born))
        case Pull():
            return view


def moved(view: EndpointView, id_: str, phase: Phase) -> EndpointView:
    replicas = (replace(each, phase=phase, since=NOW) if each.id == id_ else each for each in view.replicas)
    return replace(view, replicas=tuple(replicas))


@given(VIEWS)
def test_never_more_live_replicas_than_wanted(view: EndpointView) -> None:
    done = view
    for action in plan(view, NOW, LIMITS):
        done = carried_out(done, action)
    for revision in view.revisions:
        live = [each for each in done.replicas if each.of(revision.spec) and each.phase in LIVE]
        assert len(live) <= revision.wanted
