"""One endpoint as the supervisor sees it, and what follows from it: its routes, its view for the plan, its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ropeway.adapters.local.endpoint_files import ReplicaStatus, RevisionStatus, Status, Wish
from ropeway.interfaces.serving import Failure, RevisionId, RevisionSpec
from ropeway.supervisor.plan import EndpointView, Phase, Replica, RevisionView
from ropeway.supervisor.pulls import Transfer
from ropeway.supervisor.routes import Backend, EndpointRoute, RevisionRoute
from ropeway.supervisor.shares import Carrier, Shares, shares
from ropeway.supervisor.trouble import NO_TROUBLE, Trouble

SERVING = frozenset({Phase.READY, Phase.UNREADY})
"""Phases in which a replica stands in the gateway's file."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`leaving`: specs of revisions that are not wished any more and still have replicas."""

    wish: Wish
    replicas: tuple[Replica, ...] = ()
    leaving: tuple[RevisionSpec, ...] = ()
    transfers: Mapping[RevisionId, Transfer] = field(default_factory=dict)
    troubles: Mapping[RevisionId, Trouble] = field(default_factory=dict)
    wanted: Mapping[RevisionId, int] = field(default_factory=dict)
    proven: frozenset[RevisionId] = frozenset()

    @property
    def gone(self) -> bool:
        return self.wish.deleted and not self.replicas


def route(scene: Scene, now: Shares) -> EndpointRoute:
    """Where the gateway shall send the endpoint's requests, given the shares that it was told last."""
    given = shares([_carrier(scene, spec) for spec in _specs(scene)], now)
    routes = [
        RevisionRoute(spec.id, given.get(spec.id, 0), _backends(scene, spec))
        for spec in _specs(scene)
        if spec in scene.wish.spec.revisions or spec.id in given
    ]
    return EndpointRoute(scene.wish.spec.name, tuple(each for each in routes if each.backends))


def view(scene: Scene, carrying: Shares, reachable: frozenset[str]) -> EndpointView:
    """What the plan looks at."""
    revisions = [
        RevisionView(
            spec,
            scene.transfers[spec.id].place,
            scene.wanted.get(spec.id, spec.minimum),
            scene.troubles.get(spec.id, NO_TROUBLE),
        )
        for spec in scene.wish.spec.revisions
    ]
    return EndpointView(tuple(revisions), scene.replicas, reachable, frozenset(carrying))


def status(scene: Scene, effective: EndpointRoute, problem: str | None = None) -> Status:
    """What the controller reads, with what the gateway really does by now, and what its problem is."""
    waits = Failure(final=False, reason=problem, hint="ropeway up") if problem else None
    revisions = tuple(_revision(scene, spec, effective, waits) for spec in _specs(scene))
    return Status(scene.wish.spec.name, scene.wish.generation, scene.wish.token, revisions)


def _specs(scene: Scene) -> tuple[RevisionSpec, ...]:
    return (*scene.wish.spec.revisions, *scene.leaving)


def _carrier(scene: Scene, spec: RevisionSpec) -> Carrier:
    phases = [replica.phase for replica in scene.replicas if replica.of(spec)]
    ready = phases.count(Phase.READY)
    weight = spec.weight if spec in scene.wish.spec.revisions else 0
    return Carrier(spec.id, weight, spec.minimum, ready, ready + phases.count(Phase.UNREADY))


def _backends(scene: Scene, spec: RevisionSpec) -> tuple[Backend, ...]:
    serving = (each for each in scene.replicas if each.of(spec) and each.phase in SERVING)
    return tuple(Backend(each.id, each.port) for each in sorted(serving, key=lambda each: each.id))


def _revision(scene: Scene, spec: RevisionSpec, effective: EndpointRoute, waits: Failure | None) -> RevisionStatus:
    transfer = scene.transfers.get(spec.id)
    trouble = scene.troubles.get(spec.id, NO_TROUBLE)
    return RevisionStatus(
        spec=spec,
        weight=effective.shares.get(spec.id, 0),
        wanted=scene.wanted.get(spec.id, 0),
        replicas=tuple(_replica(each, effective) for each in scene.replicas if each.of(spec)),
        proven=spec.id in scene.proven,
        failure=(transfer.failure if transfer else None) or trouble.failure or waits,
        note=transfer.note if transfer else "on its way out",
    )


def _replica(replica: Replica, effective: EndpointRoute) -> ReplicaStatus:
    return ReplicaStatus(
        id=replica.id,
        port=replica.port,
        pid=replica.pid,
        phase=str(replica.phase),
        since=replica.since,
        in_flight=replica.in_flight,
        reachable=replica.id in effective.replicas(),
    )
