"""What answers: endpoints, their revisions, the replicas of those, and the shares of traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, Protocol

from ropeway.names import Digest

RevisionId = NewType("RevisionId", str)
"""`v<version>-<first 8 hex digits of the digest>`: the same model version is the same revision."""


@dataclass(frozen=True, slots=True)
class ServingFeatures:
    canary: bool
    mirror: bool = False
    scale_to_zero: bool = False


@dataclass(frozen=True, slots=True)
class RevisionSpec:
    """One deployed state. `minimum` and `maximum` count replicas."""

    id: RevisionId
    model: str
    version: int
    digest: Digest
    uri: str
    minimum: int = 1
    maximum: int = 1
    weight: int = 0
    """Percent of the endpoint's traffic."""
    retire_at: float | None = None
    """Seconds since 1970 after which a revision without traffic is taken away; None: it stays until it is left out."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """Everything an endpoint shall be. Weights add up to 100, or to 0 when nothing is to be served yet."""

    name: str
    owner: str
    """The pipeline that the endpoint belongs to; another one gets Conflict."""
    revisions: tuple[RevisionSpec, ...]


@dataclass(frozen=True, slots=True)
class ReplicaRef:
    endpoint: str
    revision: RevisionId
    replica: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a revision does not come up. `final`: it never will by waiting."""

    final: bool
    reason: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class RevisionState:
    spec: RevisionSpec
    replicas: tuple[ReplicaRef, ...]
    """Those that are ready."""
    ready: bool
    """As many replicas as asked for answer with the revision's digest."""
    weight: int
    """What the gateway does now, which may lag behind the spec."""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class EndpointState:
    name: str
    owner: str
    url: str
    token: int
    revisions: Mapping[RevisionId, RevisionState]
    at: datetime

    @property
    def serving(self) -> RevisionState | None:
        """The revision with the largest share of the traffic, if any has one."""
        weighted = [revision for revision in self.revisions.values() if revision.spec.weight > 0]
        return max(weighted, key=lambda revision: revision.spec.weight, default=None)


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """One request in the endpoint's protocol. `path` begins with `/`, such as `/v2/models/mnist/infer`."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    timeout: float = 30.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class InferenceAnswer:
    status: int
    body: bytes
    digest: Digest | None
    """What the replica says it serves."""
    replica: str | None
    latency: float
    """Seconds from request to last byte."""


class Serving(Protocol):
    def features(self) -> ServingFeatures: ...

    def apply(self, spec: EndpointSpec, token: int) -> None:
        """Make the endpoint so. Returns when the wish is recorded, not when it is reached. Twice changes nothing.

        Raises Conflict when the endpoint has another owner, or when it has seen a larger token.
        """
        ...

    def state(self, endpoint: str) -> EndpointState | None:
        """What is, beside what is wished; None when there is no such endpoint."""
        ...

    def ask(self, replica: ReplicaRef, request: InferenceRequest) -> InferenceAnswer:
        """One request to this replica, whatever its weight. Raises Unavailable when it does not answer."""
        ...

    def request(self, endpoint: str, request: InferenceRequest) -> InferenceAnswer:
        """One request as a customer sends it: through the gateway, by the weights."""
        ...

    def settle(self, endpoint: str, revision: RevisionId, token: int) -> None:
        """Make the revision, which has all the traffic, the stable one. May restart it: verify again afterwards."""
        ...

    def delete(self, endpoint: str, token: int) -> None:
        """Take the endpoint away with all its replicas. Quiet when it is gone."""
        ...
