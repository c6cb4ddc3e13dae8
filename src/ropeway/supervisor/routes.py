"""Which path goes to which replicas: what the supervisor wants of the gateway, as values."""

from __future__ import annotations

from dataclasses import dataclass

from ropeway.interfaces.serving import RevisionId


@dataclass(frozen=True, slots=True)
class Backend:
    replica: str
    port: int


@dataclass(frozen=True, slots=True)
class RevisionRoute:
    """Backends at weight 0 answer only those who ask for that very replica."""

    revision: RevisionId
    weight: int
    backends: tuple[Backend, ...]


@dataclass(frozen=True, slots=True)
class EndpointRoute:
    endpoint: str
    revisions: tuple[RevisionRoute, ...]

    @property
    def shares(self) -> dict[RevisionId, int]:
        """Revisions that get traffic, with their percent of it."""
        return {each.revision: each.weight for each in self.revisions if each.weight > 0}

    def replicas(self) -> frozenset[str]:
        """Replicas that can be reached by this route."""
        return frozenset(backend.replica for each in self.revisions for backend in each.backends)


@dataclass(frozen=True, slots=True)
class Routes:
    """Everything that the gateway does for one site. `number` grows with every change, so that no two are the same."""

    endpoints: tuple[EndpointRoute, ...] = ()
    number: int = 0

    def of(self, endpoint: str) -> EndpointRoute:
        """The endpoint's route, empty when it has none."""
        found = (route for route in self.endpoints if route.endpoint == endpoint)
        return next(found, EndpointRoute(endpoint, ()))

    def replicas(self) -> frozenset[str]:
        """Replicas that can be reached by any of these routes."""
        return frozenset().union(*(route.replicas() for route in self.endpoints))
