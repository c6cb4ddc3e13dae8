"""What the contract tests register, and what the server itself tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ropeway.adapters.mlflow import MlflowRegistry
from ropeway.interfaces.registry import TrackingRunId, VersionSpec
from ropeway.names import Digest

DIGEST = Digest("sha256-" + "a" * 64)
OTHER = Digest("sha256-" + "b" * 64)
HOSTILE = 'a\'; echo "$HOME"\n`id` %s {} \\ ünï 日本 \U0001f680'


@dataclass(frozen=True)
class RegistryService:
    url: str
    python: Path
    """An interpreter that has the server's own client."""


def spec(model: str, **changes: Any) -> VersionSpec:
    return replace(VersionSpec(model, DIGEST, f"s3://models/{model}/{DIGEST}/", None, {}), **changes)


def stored(registry: MlflowRegistry, run: TrackingRunId) -> Mapping[str, Any]:
    """The run as the server tells it."""
    found: Mapping[str, Any] = registry._rest.call("reading", "GET", "runs/get", {"run_id": run})["run"]
    return found


def history(registry: MlflowRegistry, run: TrackingRunId, name: str) -> list[tuple[float, int, int]]:
    pages = registry._rest.pages("reading", "metrics/get-history", {"run_id": run, "metric_key": name})
    found = [metric for page in pages for metric in page.get("metrics", [])]
    return [(float(metric["value"]), metric.get("step", 0), metric["timestamp"]) for metric in found]
