"""One look after the other: what has changed, what the gateway shall do, what is to be done, what is written down."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ropeway.adapters.local.endpoint_files import ServingFolder, Status, write_status
from ropeway.errors import ConfigError
from ropeway.interfaces.serving import Failure, RevisionSpec
from ropeway.interfaces.store import Store
from ropeway.supervisor import targets
from ropeway.supervisor.counting import record
from ropeway.supervisor.endpoints import Endpoints
from ropeway.supervisor.gateway import Gateway
from ropeway.supervisor.plan import Action, Drain, Kill, Phase, Pull, Start, Terminate, plan
from ropeway.supervisor.probes import Look, Prober
from ropeway.supervisor.pulls import Pulls
from ropeway.supervisor.replicas import Ended, Fleet
from ropeway.supervisor.routes import EndpointRoute
from ropeway.supervisor.scene import SERVING, Scene, route, status, view
from ropeway.supervisor.tidying import tidy

if TYPE_CHECKING:
    from ropeway.supervisor.supervisor import SupervisorSettings

GATEWAY_WITHIN = 3.0
"""Seconds that the gateway gets to let go of all replicas before they are told to stop."""
TIDY_EVERY = 60.0

_log = logging.getLogger("ropeway.supervisor")


class Reconciler:
    """Holds what is known from look to look. Only one thread may use it."""

    def __init__(self, settings: SupervisorSettings, store: Store) -> None:
        self._settings = settings
        self._folder = ServingFolder(settings.folder)
        self._gateway = Gateway(settings.routes, settings.gateway)
        self._fleet = Fleet(self._folder, settings.runtime)
        self._fleet.adopt(self._gateway.wished.replicas())
        self._prober = Prober()
        self._pulls = Pulls(store, self._folder.models)
        self._pulls.connect()
        self._endpoints = Endpoints(self._folder, self._fleet, self._pulls)
        self._written: dict[str, Status] = {}
        self._tidied_at = time.monotonic()

    def wait(self, seconds: float) -> None:
        """Until a replica ends, at most so long."""
        self._fleet.wait(seconds)

    def reconcile(self) -> bool:
        """One look. True while something is under way that the next look should not be late for."""
        self._see()
        scenes = self._endpoints.scenes()
        self._gateway.look()
        self._gateway.publish(self._routes(scenes))
        actions = [(name, action) for name, scene in scenes.items() for action in self._plan(scene)]
        for name, action in actions:
            self._act(name, action)
        self._write(scenes)
        self._tidy(scenes)
        return bool(actions) or not self._gateway.settled or self._moving()

    def close(self, replicas: bool) -> None:
        """Let go of everything; with `replicas`, end them: out of the gateway first, then SIGTERM, then SIGKILL."""
        self._pulls.close()
        self._prober.close()
        if not replicas:
            return
        self._empty_gateway()
        for replica in list(self._fleet.replicas):
            self._fleet.terminate(replica)
        deadline = time.monotonic() + self._settings.limits.grace
        while self._fleet.replicas and time.monotonic() < deadline:
            self._fleet.wait(0.2)
            list(self._fleet.reap())
        for replica in list(self._fleet.replicas):
            self._fleet.kill(replica)
        self._write(self._endpoints.scenes())

    def _see(self) -> None:
        self._endpoints.look()
        for look in self._prober.finished():
            self._take_look(look)
        for ended in self._fleet.reap():
            self._take_end(ended)
        self._endpoints.sample(self._settings.scale)
        self._prober.begin(tuple(self._fleet.replicas.values()))

    def _take_look(self, look: Look) -> None:
        replica = self._fleet.replicas.get(look.replica)
        if replica is None:
            return
        if look.samples:
            record(self._folder.metrics, replica, look)
            self._fleet.loaded(replica.id, look.in_flight)
        if look.ready and look.digest != replica.digest:
            reason = f"the replica serves {look.digest or 'it does not say what'}, not {replica.digest}"
            self._endpoints.failed(replica.endpoint, replica.revision, Failure(final=True, reason=reason))
            self._fleet.enter(replica.id, Phase.DRAINING)
        elif look.ready and replica.phase in (Phase.STARTING, Phase.UNREADY):
            self._fleet.enter(replica.id, Phase.READY)
        elif not look.ready and replica.phase is Phase.READY:
            self._fleet.enter(replica.id, Phase.UNREADY)

    def _take_end(self, ended: Ended) -> None:
        self._prober.forget(ended.replica.id)
        if ended.expected:
            _log.info("replica %s has stopped", ended.replica.id)
        else:
            _log.warning("replica %s died: %s", ended.replica.id, ended.death.reason)
            self._endpoints.died(ended)

    def _routes(self, scenes: dict[str, Scene]) -> tuple[EndpointRoute, ...]:
        """An endpoint that must not be touched keeps the routes that it has."""
        wished = self._gateway.wished
        kept = [each for each in wished.endpoints if self._endpoints.untouchable(each.endpoint)]
        made = [route(scene, wished.of(name).shares) for name, scene in scenes.items() if not scene.wish.deleted]
        return tuple(sorted((*kept, *made), key=lambda each: each.endpoint))

    def _plan(self, scene: Scene) -> tuple[Action, ...]:
        carrying = self._gateway.wished.of(scene.wish.spec.name).shares
        return plan(view(scene, carrying, self._gateway.reachable), time.time(), self._settings.limits)

    def _act(self, endpoint: str, action: Action) -> None:
        match action:
            case Pull(spec):
                _log.info("endpoint %s: pulling the model of %s", endpoint, spec.id)
                self._pulls.begin(spec.model, spec.digest)
            case Start(spec):
                self._start(endpoint, spec)
            case Drain(replica):
                _log.info("endpoint %s: draining %s", endpoint, replica)
                self._fleet.enter(replica, Phase.DRAINING)
            case Terminate(replica, reason):
                _log.info("endpoint %s: stopping %s %s", endpoint, replica, reason)
                self._fleet.terminate(replica, reason)
            case Kill(replica):
                _log.warning("endpoint %s: killing %s, which does not stop", endpoint, replica)
                self._fleet.kill(replica)

    def _start(self, endpoint: str, spec: RevisionSpec) -> None:
        try:
            replica = self._fleet.start(endpoint, spec, self._pulls.path(spec.model, spec.digest))
            _log.info("endpoint %s: started %s at port %d", endpoint, replica.id, replica.port)
        except ConfigError as error:
            self._endpoints.failed(endpoint, spec.id, Failure(True, error.message, error.hint))

    def _moving(self) -> bool:
        return any(replica.phase not in SERVING for replica in self._fleet.replicas.values())

    def _write(self, scenes: dict[str, Scene]) -> None:
        routed = {each.endpoint for each in self._gateway.effective.endpoints}
        for name, scene in scenes.items():
            if scene.gone and name not in routed:
                self._endpoints.forget(name)
                self._written.pop(name, None)
                continue
            found = status(scene, self._gateway.effective.of(name), self._gateway.problem)
            if found != self._written.get(name):
                write_status(self._folder, found)
                self._written[name] = found
        targets.write(self._settings.targets, self._fleet.replicas.values())

    def _tidy(self, scenes: dict[str, Scene]) -> None:
        if time.monotonic() < self._tidied_at + TIDY_EVERY or not self._endpoints.all_readable:
            return
        self._tidied_at = time.monotonic()
        used = {(spec.model, spec.digest) for scene in scenes.values() for spec in scene.wish.spec.revisions}
        used |= {(replica.model, replica.digest) for replica in self._fleet.replicas.values()}
        tidy(self._folder, {self._pulls.path(*model) for model in used}, set(self._fleet.replicas))

    def _empty_gateway(self) -> None:
        empty = tuple(replace(each, revisions=()) for each in self._gateway.wished.endpoints)
        self._gateway.publish(empty)
        deadline = time.monotonic() + GATEWAY_WITHIN
        while not self._gateway.settled and time.monotonic() < deadline:
            time.sleep(0.05)
            self._gateway.look()
