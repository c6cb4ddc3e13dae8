"""What a stage is given: the pipeline, the site's parts, and the one way to change the outside world."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from ropeway.config import Pipeline
from ropeway.errors import StageFailed
from ropeway.interfaces.metrics import Metrics
from ropeway.interfaces.registry import Registry
from ropeway.interfaces.scheduler import Scheduler
from ropeway.interfaces.serving import Serving
from ropeway.interfaces.store import Store
from ropeway.journal import Effect
from ropeway.names import Digest, HostPath, Key, key
from ropeway.waiting import Clock

P = TypeVar("P")
R = TypeVar("R")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Connections:
    """The site's parts, ready to be called."""

    scheduler: Scheduler
    registry: Registry
    store: Store
    serving: Serving
    metrics: Metrics
    environment: Callable[[str, Say], tuple[HostPath, ...]]
    """(name, progress) -> the folders that put this Python environment first on a job's PATH; made when absent."""
    tracking_address: str
    """The registry as jobs see it."""


class Perform(Protocol):
    """Do an effect exactly once: recorded, else found, else done."""

    def __call__(self, effect: Effect[P, R]) -> R: ...


@dataclass(frozen=True)
class Context:
    """One attempt of one stage of one run."""

    run: str
    stage: str
    attempt: int
    pipeline: Pipeline
    site: Connections
    folder: Path
    """The run's own folder on this machine: `bundle.tar`, `results/STAGE/`, `logs/`."""
    bundle_digest: Digest | None
    commit: str | None
    """The git commit that the recipe was taken from, with `-dirty` when its folder differed."""
    perform: Perform
    say: Say
    """Tell the user how far it is; short, many times."""
    clock: Clock

    @property
    def key(self) -> Key:
        """The name of this attempt everywhere outside."""
        return key(self.run, self.stage, self.attempt)

    def results(self, stage: str) -> Path:
        """Where a stage's results lie on this machine."""
        place = self.folder / "results" / stage
        place.mkdir(parents=True, exist_ok=True)
        return place

    def result(self, stage: str, name: str) -> Mapping[str, object] | None:
        """A JSON object among a stage's results; None when it was not written. Raises StageFailed when it is broken."""
        path = self.folder / "results" / stage / name
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StageFailed(f"reading {name} of {stage}: {error}", f"ropeway logs {self.run} {stage}") from error
        return content if isinstance(content, dict) else None
