"""A machine where commands of the agent run: this one, or one behind ssh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import BinaryIO, Protocol

from ropeway.names import Digest, HostPath

Json = Mapping[str, object]


class Channel(Protocol):
    """A conversation in JSON objects. Closing it ends the agent's side too."""

    def send(self, line: Json) -> None: ...

    def __iter__(self) -> Iterator[Json]:
        """The agent's lines until it is done. Raises Unavailable when the connection is lost."""
        ...


class Host(Protocol):
    """Every call has a deadline; a host that does not answer is Unavailable, never an empty answer."""

    def call(self, operation: str, body: Json, deadline: timedelta = ...) -> Json:
        """One question, one answer. Only for operations that may be repeated: it retries on a fresh connection once."""
        ...

    def open(self, operation: str, body: Json) -> AbstractContextManager[Channel]:
        """A conversation that goes on, such as watch and push."""
        ...

    def read(self, path: HostPath, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The file's bytes from `start`, at most `size`. Raises NotFound, AccessError."""
        ...

    def write(self, path: HostPath, data: BinaryIO, digest: Digest) -> None:
        """Put a file there, mode 0600: the path holds all of it, with this digest, or what it held before."""
        ...
