"""All endpoints of the site: their wishes as they change, and what is remembered of each."""

from __future__ import annotations

import logging
import time

from ropeway.adapters.local.endpoint_files import ServingFolder, Wish, read_status
from ropeway.errors import RopewayError
from ropeway.interfaces.serving import EndpointSpec, Failure, RevisionId
from ropeway.supervisor.autoscale import ScalePolicy
from ropeway.supervisor.memory import Memory
from ropeway.supervisor.pulls import Pulls
from ropeway.supervisor.replicas import Ended, Fleet
from ropeway.supervisor.scene import Scene
from ropeway.supervisor.trouble import DAMAGED
from ropeway.supervisor.wishes import Wishes

SAMPLE_EVERY = 1.0
"""Seconds from one look at the load to the next."""

_log = logging.getLogger("ropeway.supervisor")


class Endpoints:
    def __init__(self, folder: ServingFolder, fleet: Fleet, pulls: Pulls) -> None:
        self._folder = folder
        self._fleet = fleet
        self._pulls = pulls
        self._wishes = Wishes(folder)
        self._memories: dict[str, Memory] = {}
        self._sampled_at = 0.0

    @property
    def all_readable(self) -> bool:
        return not self._wishes.unreadable

    def untouchable(self, name: str) -> bool:
        """Whether its wish cannot be read: then everything of it stays as it is."""
        return name in self._wishes.unreadable

    def look(self) -> None:
        """Take wishes that have changed. An endpoint with a status or replicas and no wish is to go."""
        wishes = self._wishes.look()
        found = {*self._folder.reported(), *(replica.endpoint for replica in self._fleet.replicas.values())}
        for name in found - set(wishes):
            if not self.untouchable(name):
                wishes[name] = Wish(EndpointSpec(name, "nobody", ()), 0, 0, deleted=True)
        for name, wish in wishes.items():
            if wish.deleted and name not in found and name not in self._memories:
                continue  # a tombstone, and nothing left of the endpoint
            memory = self._memories.get(name) or self._remember(name, wish)
            if memory.wish != wish and memory.wished(wish):
                for spec in wish.spec.revisions:
                    self._pulls.forget(spec.model, spec.digest)

    def sample(self, policy: ScalePolicy) -> None:
        """Note the load, if it is time to."""
        now = time.time()
        if now >= self._sampled_at + SAMPLE_EVERY:
            self._sampled_at = now
            for name, memory in self._memories.items():
                memory.sample(self._fleet.of(name), now, policy)

    def died(self, ended: Ended) -> None:
        """One that could not start because its local copy is damaged, and served before, gets a new copy."""
        replica = ended.replica
        if (memory := self._memories.get(replica.endpoint)) is not None:
            memory.died(replica, ended.death)
            if ended.death.code == DAMAGED and replica.revision in memory.proven:
                self._pulls.discard(replica.model, replica.digest)

    def failed(self, endpoint: str, revision: RevisionId, failure: Failure) -> None:
        if (memory := self._memories.get(endpoint)) is not None:
            memory.failed(revision, failure)

    def scenes(self) -> dict[str, Scene]:
        """Those that may be touched, as they are now."""
        touchable = ((name, each) for name, each in self._memories.items() if not self.untouchable(name))
        return {name: self._scene(name, memory) for name, memory in touchable}

    def forget(self, name: str) -> None:
        """Its status goes; of a wish, the tombstone stays."""
        self._folder.status_file(name).unlink(missing_ok=True)
        self._memories.pop(name, None)

    def _scene(self, name: str, memory: Memory) -> Scene:
        wish = memory.standing(time.time())
        transfers = {spec.id: self._pulls.look(spec.model, spec.digest) for spec in wish.spec.revisions}
        return memory.scene(wish, self._fleet.of(name), transfers)

    def _remember(self, name: str, wish: Wish) -> Memory:
        memory = self._memories[name] = Memory(wish)
        memory.wished(wish)
        try:
            known = read_status(self._folder, name)
        except RopewayError as error:
            _log.warning("endpoint %s: its status is written anew: %s", name, error.message)
            known = None
        if known is not None:
            memory.recall(known, self._fleet.of(name), time.time())
        return memory
