"""Where sealed models lie: content-addressed prefixes in an object store, whole or invisible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NewType, Protocol

from ropeway.names import Digest, Key
from ropeway_agent.manifest import Manifest

ETag = NewType("ETag", str)


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a file that the store does not have yet. `sha256` in hex; `start` and `size` in bytes."""

    path: str
    number: int
    start: int
    size: int
    sha256: str
    upload: str | None
    """The store's id of the multipart upload that this part belongs to; None for a file sent in one piece."""


@dataclass(frozen=True, slots=True)
class SignedPart:
    """A part with the request that sends it. The URL is a secret for as long as it lives."""

    part: Part
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Headers that the sender must send exactly so."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    model: str
    digest: Digest
    uri: str
    """`s3://BUCKET/MODEL/sha256-…/`, with its slash at the end."""
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Damage:
    path: str
    problem: str
    """missing, changed, extra, unreadable"""


class Store(Protocol):
    @property
    def address(self) -> str: ...

    def uri(self, model: str, digest: Digest) -> str:
        """Where that model lies or would lie. Asks nobody."""
        ...

    def manifest(self, model: str, digest: Digest) -> Manifest | None:
        """The manifest of a complete model, its digest checked; None when the model is not (wholly) there."""
        ...

    def reserve(self, model: str, digest: Digest, files: Mapping[str, bytes]) -> None:
        """Show these small files in the model's place until it is published. What stands there already stays."""
        ...

    def missing(self, key: Key, model: str, manifest: Manifest, check: bool = False) -> Sequence[Part]:
        """The parts that the store lacks; uploads that an earlier try left open are taken up. Empty when it has all.

        A complete model is believed, in a fixed number of requests; `check`: look at each object all the same, so
        that damage is repaired. Raises Conflict while the model is being removed.
        """
        ...

    def sign(self, model: str, digest: Digest, parts: Sequence[Part], lifetime: timedelta) -> Sequence[SignedPart]:
        """Requests that send these parts and no other bytes, good for `lifetime`.

        What the store answers to one: 200; 400 other bytes; 403 too late, sign again; 404 another publisher of the
        same model has ended the upload, ask `missing` again; 5xx and no answer at all, send again.
        """
        ...

    def publish(self, key: Key, model: str, manifest: Manifest, check: bool = False) -> StoredModel:
        """Complete the uploads, check each object against the manifest, write the manifest last. Twice is once.

        `check` as in `missing`. Raises Conflict when parts are missing or the model is being removed,
        UnexpectedReply when an object is not what the manifest says.
        """
        ...

    def damage(self, model: str, digest: Digest, deep: bool = False) -> Sequence[Damage]:
        """What differs from the manifest, by sizes and checksums that the store tells; `deep` reads every byte."""
        ...

    def fetch(self, model: str, digest: Digest, path: str, start: int, size: int) -> Iterator[bytes]:
        """Bytes of one file of the model. The caller checks them against the manifest."""
        ...

    def models(self, model: str | None = None) -> Iterator[StoredModel]:
        """Complete models, of this name or of all."""
        ...

    def remove(self, model: str, digest: Digest) -> None:
        """Take the model away, manifest first. Quiet when it is gone."""
        ...

    def note(self, model: str, digest: Digest, key: Key, body: bytes) -> None:
        """Keep `provenance/KEY.json` beside the model: who made it, from what."""
        ...

    def look(self, name: str) -> tuple[ETag, bytes] | None:
        """A small named object, such as a lease; None when there is none."""
        ...

    def swap(self, name: str, expected: ETag | None, body: bytes | None) -> ETag | None:
        """Replace the small object if it still is `expected` (None: absent); `body` None removes it. Else Conflict."""
        ...
