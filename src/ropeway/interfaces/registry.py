"""Where models get a number and a name: a model registry with its tracking runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NewType, Protocol

from ropeway.names import Digest, Key

TrackingRunId = NewType("TrackingRunId", str)
Stage = Literal["Production", "Archived"]
"""What some servers still have beside aliases; never read by us."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric: `step` counts batches, `time` is seconds since 1970."""

    name: str
    value: float
    step: int
    time: float


@dataclass(frozen=True, slots=True)
class RunValues:
    parameters: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[Point] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    finished: bool = False
    """Whether the tracking run is over with this."""


@dataclass(frozen=True, slots=True)
class VersionSpec:
    model: str
    digest: Digest
    source: str
    """The URI of the sealed prefix; ends in `/`."""
    run: TrackingRunId | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    model: str
    version: int
    digest: Digest | None
    source: str
    run: TrackingRunId | None
    tags: Mapping[str, str]


class Registry(Protocol):
    @property
    def address(self) -> str: ...

    def open_run(self, key: Key, experiment: str, tags: Mapping[str, str]) -> TrackingRunId:
        """The tracking run of this key, made when it is not there.

        Two calls at the same instant may make two, as no registry compares and sets here: a run has one owner.
        """
        ...

    def log(self, run: TrackingRunId, values: RunValues) -> None:
        """Add values. Sending the same ones twice leaves one of each."""
        ...

    def stand_in(self, spec: VersionSpec) -> Mapping[str, bytes]:
        """Files that make loading the version fail, saying that it is not complete, while they lie at its source.

        Asks nobody. `Store.reserve` puts them there before the version is registered.
        """
        ...

    def register(self, key: Key, spec: VersionSpec) -> int:
        """The model version of this key, made when it is not there, with its tags from its first visible moment."""
        ...

    def find(self, model: str, digest: Digest | None = None) -> Sequence[RegisteredVersion]:
        """Versions of the model, newest first; of the digest when one is given. Empty when there is no such model."""
        ...

    def aliases(self, model: str) -> Mapping[str, int]:
        """Each alias with its version. Empty when there is no such model."""
        ...

    def set_alias(self, model: str, alias: str, version: int | None, expected: int | None) -> None:
        """Move the alias from `expected` to `version` (None: it does not exist, or shall not). Quiet when it is there.

        Raises Conflict when it points to neither. Where the server has no compare-and-set a race remains between the
        look and the move.
        """
        ...

    def remove(self, model: str, version: int) -> None:
        """Take a version away that no alias names (Conflict when one does). Quiet when it is gone."""
        ...

    def mirror_stage(self, model: str, version: int, stage: Stage) -> None:
        """Set the version's old-style stage where the server has stages; nothing where it has none. Twice is once."""
        ...
