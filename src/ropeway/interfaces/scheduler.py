"""What runs jobs: exactly one job per key, every ending told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal, NewType, Protocol

from ropeway.interfaces.host import Host
from ropeway.names import Digest, HostPath, Key

JobId = NewType("JobId", str)
LogStream = Literal["stdout", "stderr"]


class JobState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    NODE_FAIL = "node-fail"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        return self not in (JobState.PENDING, JobState.RUNNING, JobState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a job asks for. `memory` in bytes, whole job; `time` is the limit after which it is ended."""

    cpus: int = 1
    memory: int | None = None
    gpus: int = 0
    time: timedelta | None = None


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job: a recipe's folder, a command in it, and what becomes of its output."""

    command: str
    """A line for bash, run in the recipe's folder. It sees the variables of docs/recipes.md."""
    bundle: Path
    """The recipe as a tar file, on this machine."""
    bundle_digest: Digest
    resources: Resources = field(default_factory=Resources)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the command. No secrets: these stand in the script."""
    path: tuple[HostPath, ...] = ()
    """Folders that go before PATH, such as the `bin` of a Python environment."""
    model: HostPath | None = None
    """The sealed model that the command reads as $MODEL."""
    seal: bool = False
    """Seal $OUTPUT when the command succeeds; a job that leaves nothing to seal has failed."""

    def sealing(self) -> JobSpec:
        return replace(self, seal=True)


@dataclass(frozen=True, slots=True)
class JobStatus:
    key: Key
    job_id: JobId
    state: JobState
    incarnation: int = 0
    exit_code: int | None = None
    signal: int | None = None
    reason: str | None = None
    expected_start: datetime | None = None

    @property
    def final(self) -> bool:
        return self.state.final


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Where a job's files lie on the host."""

    root: HostPath
    output: HostPath
    results: HostPath
    script: HostPath


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job took: seconds of wall clock and CPU, bytes of memory at its peak. None where nobody measured."""

    wall: float | None
    cpu: float | None
    memory: int | None


class Scheduler(Protocol):
    @property
    def host(self) -> Host: ...

    def submit(self, key: Key, job: JobSpec) -> JobId:
        """Start the job, or return the id of the one that has this key. Raises Conflict when the key was cancelled."""
        ...

    def script(self, key: Key, job: JobSpec) -> str:
        """The batch script that `submit` would send. Changes nothing."""
        ...

    def find(self, key: Key) -> JobId | None:
        """None only when every source answered that there is no such job; one that does not answer is Unavailable."""
        ...

    def query(self, keys: Collection[Key]) -> Mapping[Key, JobStatus]:
        """The state of each job, in one call. Raises NotFound when a key was never submitted."""
        ...

    def watch(self, keys: Collection[Key]) -> Iterator[JobStatus]:
        """The present state of each job, then every change, until all are final."""
        ...

    def cancel(self, key: Key) -> None:
        """End the job, and see to it that none ever starts under this key. Quiet twice, and when it has ended."""
        ...

    def log(self, key: Key, stream: LogStream, offset: int = 0, follow: bool = False) -> Iterator[bytes]:
        """The job's output from byte `offset`; with `follow`, until the job has ended. Empty when there is none."""
        ...

    def folder(self, key: Key) -> JobFolder: ...

    def usage(self, key: Key) -> Usage | None: ...
