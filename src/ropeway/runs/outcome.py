"""What a stage achieved, in a few words: the line that a person reads when it is done."""

from __future__ import annotations

from functools import singledispatch

from ropeway.records import (
    Evaluation,
    ModelVersion,
    Promotion,
    Revision,
    Rollback,
    SyncedModel,
    TrainedModel,
    Verdict,
)

SHORT = 15
"""Characters of a digest that tell models apart: `sha256-` and eight hex digits."""


@singledispatch
def in_words(_: object) -> str:
    return "done"


@in_words.register
def _(trained: TrainedModel) -> str:
    return f"sealed {trained.digest[:SHORT]}: files {trained.files}, {_size(trained.size)}"


@in_words.register
def _(evaluation: Evaluation) -> str:
    gates = [f"{gate.metric} {gate.measured:g} ({gate.required})" for gate in evaluation.gates]
    return ", ".join(gates) or ", ".join(f"{name} {value:g}" for name, value in evaluation.metrics.items()) or "done"


@in_words.register
def _(version: ModelVersion) -> str:
    return f"{version.model} version {version.version}"


@in_words.register
def _(synced: SyncedModel) -> str:
    return f"complete in the store, {_size(synced.sent)} of {_size(synced.size)} sent"


@in_words.register
def _(revision: Revision) -> str:
    return f"{revision.id} is ready"


@in_words.register
def _(verdict: Verdict) -> str:
    return f"{sum(check.passed for check in verdict.checks)} of {len(verdict.checks)} checks passed"


@in_words.register
def _(promotion: Promotion) -> str:
    before = f", before it {promotion.replaced}" if promotion.replaced is not None else ""
    return f"{promotion.alias} is version {promotion.version}{before}"


@in_words.register
def _(rollback: Rollback) -> str:
    return f"version {rollback.version} has all the traffic after {rollback.seconds:g} s"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
