"""Takes away what piles up: local copies of models that nobody serves, logs of ended replicas, old counts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from ropeway.adapters.local.endpoint_files import ServingFolder

KEPT_MODELS = 3
"""Unused copies of each model: a rollback to one of them needs no transfer."""
KEPT_LOGS = 50
KEPT_COUNTS = 7 * 24 * 3600.0
"""Seconds since a revision was counted last."""


def tidy(folder: ServingFolder, models: Collection[Path], replicas: Collection[str]) -> None:
    """`models`: local copies in use. `replicas`: those that run."""
    for name in folder.models.glob("*"):
        unused = (path for path in name.glob("sha256-*") if path not in models)
        for path in oldest(unused, KEPT_MODELS):
            shutil.rmtree(path, ignore_errors=True)
    logs = (path for path in folder.logs.glob("*.log") if path.stem not in replicas)
    for path in oldest(logs, KEPT_LOGS):
        path.unlink()
    for path in folder.metrics.glob("*/*"):
        if path.stat().st_mtime < time.time() - KEPT_COUNTS:
            path.unlink()


def oldest(paths: Iterable[Path], kept: int) -> list[Path]:
    """All but the `kept` newest."""
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)[kept:]
