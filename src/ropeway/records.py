"""What one stage hands to the next.

TrainedModel -> Evaluation -> ModelVersion -> SyncedModel -> Revision -> Verdict -> Promotion
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ropeway.names import Digest, HostPath


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A sealed model on the scheduler's host. `size` in bytes, `sealed_at` in seconds since 1970."""

    digest: Digest
    output: HostPath
    size: int
    files: int
    sealed_at: float
    job: str | None
    """The scheduler's job id; None for a model that was trained elsewhere."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    wall_seconds: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """One requirement with what was measured."""

    metric: str
    required: str
    measured: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    digest: Digest
    metrics: Mapping[str, float]
    gates: tuple[Gate, ...]
    job: str | None


@dataclass(frozen=True, slots=True)
class ModelVersion:
    model: str
    version: int
    digest: Digest
    source: str
    tracking_run: str | None
    tracking_url: str | None = None


@dataclass(frozen=True, slots=True)
class SyncedModel:
    """A model that is complete in the store. `sent` counts the bytes that this run had to send."""

    model: str
    version: int
    digest: Digest
    uri: str
    size: int
    sent: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A deployed model, ready, with whatever share of the traffic."""

    endpoint: str
    url: str
    id: str
    model: str
    version: int
    digest: Digest
    replaces: str | None
    """The revision that had the traffic when this one came; its own id when it is the same model again."""
    ready_at: float | None = None
    """Seconds since 1970; None while it is not ready."""


@dataclass(frozen=True, slots=True)
class Check:
    """One verification: what was required, what was seen."""

    name: str
    passed: bool
    required: str
    seen: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one revision together. Latencies in seconds, in the order they were measured."""

    digest: Digest
    checks: tuple[Check, ...]
    latencies: tuple[float, ...]
    first_answer_at: float

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of a rollout. `judged` is False where too few requests came; `worse` tells why it was taken back."""

    weight: int
    judged: bool
    requests: int
    errors: int
    latency_p95: float | None
    stable_requests: int
    stable_errors: int
    stable_latency_p95: float | None
    worse: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    endpoint: str
    model: str
    alias: str
    version: int
    digest: Digest
    replaced: int | None
    steps: tuple[StepResult, ...]


@dataclass(frozen=True, slots=True)
class Rollback:
    """`seconds` from the command to the gateway giving all traffic to the old revision."""

    endpoint: str
    model: str
    alias: str
    version: int
    digest: Digest
    replaced: int
    seconds: float
    kept: bool
    """Whether the old revision was still there; else it had to be started again."""
