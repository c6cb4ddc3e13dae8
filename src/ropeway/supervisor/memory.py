"""What the supervisor remembers of an endpoint from one look to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ropeway.adapters.local.endpoint_files import Status, Wish
from ropeway.adapters.local.endpoint_rules import retired
from ropeway.interfaces.serving import Failure, RevisionId, RevisionSpec
from ropeway.supervisor import trouble
from ropeway.supervisor.autoscale import Load, ScalePolicy, demand, desired, observe
from ropeway.supervisor.plan import LIVE, Phase, Replica
from ropeway.supervisor.pulls import Transfer
from ropeway.supervisor.scene import Scene
from ropeway.supervisor.trouble import NO_TROUBLE, Death, Trouble


@dataclass
class Memory:
    """Specs include those of revisions that are not wished any more, while they have replicas."""

    wish: Wish
    specs: dict[RevisionId, RevisionSpec] = field(default_factory=dict)
    troubles: dict[RevisionId, Trouble] = field(default_factory=dict)
    loads: dict[RevisionId, tuple[Load, ...]] = field(default_factory=dict)
    proven: set[RevisionId] = field(default_factory=set)

    def recall(self, status: Status, replicas: Iterable[Replica], now: float) -> None:
        """What an earlier supervisor knew. Its replicas count as needed, so that none goes before a quiet time."""
        for revision in status.revisions:
            id_ = revision.spec.id
            self.specs.setdefault(id_, revision.spec)
            if revision.proven:
                self.proven.add(id_)
            if revision.failure is not None and status.token == self.wish.token:
                self.troubles[id_] = Trouble(failure=revision.failure)
            running = sum(replica.revision == id_ for replica in replicas)
            self.loads[id_] = (Load(now, 0.0, running),)

    def wished(self, wish: Wish) -> bool:
        """Take the new wish; whether it comes from a new lease, with which what failed is tried again."""
        anew = wish.token > self.wish.token
        self.wish = wish
        self.specs.update({spec.id: spec for spec in wish.spec.revisions})
        if anew:
            self.troubles.clear()
        return anew

    def died(self, replica: Replica, death: Death) -> None:
        before = self.troubles.get(replica.revision, NO_TROUBLE)
        self.troubles[replica.revision] = trouble.after(before, death, replica.revision in self.proven)

    def failed(self, revision: RevisionId, failure: Failure) -> None:
        self.troubles[revision] = Trouble(failure=failure)

    def sample(self, replicas: Iterable[Replica], now: float, policy: ScalePolicy) -> None:
        """Note what is in flight, once a second."""
        live = [replica for replica in replicas if replica.phase in LIVE]
        total = sum(replica.in_flight for replica in live)
        for spec in self.wish.spec.revisions:
            own = sum(replica.in_flight for replica in live if replica.of(spec))
            history = self.loads.get(spec.id, ())
            self.loads[spec.id] = observe(history, now, demand(own, total, spec.weight), policy)

    def standing(self, now: float) -> Wish:
        """The wish without the revisions whose time is over."""
        revisions = tuple(spec for spec in self.wish.spec.revisions if not retired(spec, now))
        return replace(self.wish, spec=replace(self.wish.spec, revisions=revisions))

    def scene(self, wish: Wish, replicas: tuple[Replica, ...], transfers: Mapping[RevisionId, Transfer]) -> Scene:
        """Everything together for the standing wish, with what no longer has a replica forgotten."""
        self._settle(wish, replicas)
        wished = {spec.id for spec in wish.spec.revisions}
        return Scene(
            wish=wish,
            replicas=replicas,
            leaving=tuple(spec for id_, spec in self.specs.items() if id_ not in wished),
            transfers=transfers,
            troubles=dict(self.troubles),
            wanted={spec.id: self._wanted(spec) for spec in wish.spec.revisions},
            proven=frozenset(self.proven),
        )

    def _wanted(self, spec: RevisionSpec) -> int:
        return desired(self.loads.get(spec.id, ()), spec.minimum, spec.maximum)

    def _settle(self, wish: Wish, replicas: tuple[Replica, ...]) -> None:
        for spec in wish.spec.revisions:
            ready = sum(replica.of(spec) and replica.phase is Phase.READY for replica in replicas)
            if ready:
                self.proven.add(spec.id)
            if ready >= spec.minimum and spec.id in self.troubles:
                self.troubles[spec.id] = trouble.recovered(self.troubles[spec.id])
        needed = {spec.id for spec in wish.spec.revisions} | {replica.revision for replica in replicas}
        for id_ in set(self.specs) - needed:
            del self.specs[id_]
            self.troubles.pop(id_, None)
            self.loads.pop(id_, None)
            self.proven.discard(id_)
