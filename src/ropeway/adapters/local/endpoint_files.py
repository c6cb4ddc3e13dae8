"""The files between the controller, which writes what shall be, and the supervisor, which writes what is."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ropeway.adapters.local.strict_json import from_json, to_json
from ropeway.errors import ConfigError, UnexpectedReply
from ropeway.interfaces.serving import EndpointSpec, Failure, RevisionSpec
from ropeway.names import is_name

FORMAT = 1
"""Of both files. A reader refuses another number: it belongs to another release."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an endpoint shall be. The generation counts the changes, the token fences out stale controllers."""

    spec: EndpointSpec
    token: int
    generation: int
    deleted: bool = False
    """A tombstone: it keeps the token, so that an old controller cannot bring the endpoint back."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One process. `since`: seconds since 1970 at which it came into this phase."""

    id: str
    port: int
    pid: int
    phase: str
    since: float
    in_flight: float = 0.0
    reachable: bool = False
    """Whether the gateway, as it works now, has a way to it."""


@dataclass(frozen=True, slots=True)
class RevisionStatus:
    """What the supervisor made of one revision. `weight`: percent that the gateway gives it now."""

    spec: RevisionSpec
    weight: int
    wanted: int
    """Replicas that the supervisor wants now, between the spec's minimum and maximum."""
    replicas: tuple[ReplicaStatus, ...]
    proven: bool = False
    """It has been ready once: deaths from then on are restarted, however many."""
    failure: Failure | None = None
    note: str = ""
    """What it waits for, for people."""


@dataclass(frozen=True, slots=True)
class Status:
    """What an endpoint is. `generation` and `token` are those of the wish that it was made from."""

    endpoint: str
    generation: int
    token: int
    revisions: tuple[RevisionStatus, ...]


@dataclass(frozen=True, slots=True)
class ServingFolder:
    """Where everything lies that serving on one machine keeps."""

    path: Path

    def wish_file(self, endpoint: str) -> Path:
        return self.path / "endpoints" / f"{_checked(endpoint)}.json"

    def status_file(self, endpoint: str) -> Path:
        return self.path / "status" / f"{_checked(endpoint)}.json"

    @property
    def supervisor(self) -> Path:
        """Locked for as long as the supervisor lives, touched whenever it has looked."""
        return self.path / "supervisor.lock"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def replicas(self) -> Path:
        return self.path / "replicas"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics"

    def wished(self) -> list[str]:
        """Endpoints that have a wish, tombstones included."""
        return sorted(path.stem for path in (self.path / "endpoints").glob("*.json"))

    def reported(self) -> list[str]:
        """Endpoints that have a status."""
        return sorted(path.stem for path in (self.path / "status").glob("*.json"))


def read_wish(folder: ServingFolder, endpoint: str) -> Wish | None:
    """None when nobody ever wished it. Raises UnexpectedReply for a damaged file or one of another release."""
    return _read(Wish, folder.wish_file(endpoint))


def write_wish(folder: ServingFolder, wish: Wish) -> None:
    """Under `changing`, so that no other controller writes between the look and the write."""
    write_atomically(folder.wish_file(wish.spec.name), _text(wish), durable=True)


def read_status(folder: ServingFolder, endpoint: str) -> Status | None:
    return _read(Status, folder.status_file(endpoint))


def write_status(folder: ServingFolder, status: Status) -> None:
    """Only the supervisor does so."""
    write_atomically(folder.status_file(status.endpoint), _text(status))


@contextmanager
def changing(folder: ServingFolder, endpoint: str) -> Iterator[Wish | None]:
    """The wish as it is, while no other process of this machine can change it."""
    path = folder.wish_file(endpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_wish(folder, endpoint)


def tombstone(wish: Wish, token: int) -> Wish:
    spec = replace(wish.spec, revisions=())
    return Wish(spec, token, wish.generation + 1, deleted=True)


def write_atomically(path: Path, text: str, durable: bool = False) -> None:
    """The path holds the old text or the new one; `durable`: also after the machine lost its power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _text(value: object) -> str:
    return json.dumps({"format": FORMAT, **to_json(value)}, indent=1, sort_keys=True) + "\n"


def _read(kind: type[T], path: Path) -> T | None:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UnexpectedReply(f"reading {path}: not JSON: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise UnexpectedReply(f"reading {path}: not format {FORMAT}", "ropeway --version")
    return from_json(kind, content, str(path))


def _checked(endpoint: str) -> str:
    if not is_name(endpoint):
        raise ConfigError(f"naming an endpoint: {endpoint[:80]!r} is not [a-z0-9-]{{1,50}}")
    return endpoint
