"""The objects under a prefix: which are there, whether one is what the manifest says, reading, removing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from ropeway.adapters.s3 import checksums
from ropeway.adapters.s3.connection import Connection, parallel
from ropeway.adapters.s3.errors import NoBucket
from ropeway.errors import NotFound, RopewayError, UnexpectedReply, brief
from ropeway_agent.manifest import FileEntry

_CHUNK = 1 << 20
_BATCH = 1000
"""Keys that one request can remove."""


def sizes(connection: Connection, doing: str, prefix: str) -> dict[str, int]:
    """Size in bytes of every object under the prefix, by its key without it. One request per 1,000."""
    pages = connection.pages(doing, "list_objects_v2", Prefix=prefix)
    found = (item for page in pages for item in page.get("Contents", ()))
    return {item["Key"][len(prefix) :]: int(item["Size"]) for item in found}


def folders(connection: Connection, doing: str, prefix: str) -> Iterator[str]:
    """The names right under the prefix that have something under them."""
    for page in connection.pages(doing, "list_objects_v2", Prefix=prefix, Delimiter="/"):
        for item in page.get("CommonPrefixes", ()):
            yield item["Prefix"][len(prefix) :].rstrip("/")


def head(connection: Connection, doing: str, key: str) -> Any | None:
    """What the store tells about one object; None when it is not there."""
    try:
        return connection.call(doing, "head_object", Key=key, ChecksumMode="ENABLED")
    except NotFound:
        return None


def intact(connection: Connection, doing: str, prefix: str, entries: Iterable[FileEntry]) -> set[str]:
    """Paths of those files that lie there and are what the manifest says, by size and SHA-256."""
    checked = list(entries)
    good = parallel(lambda entry: _is_intact(connection, doing, prefix, entry), checked)
    return {entry.path for entry, fine in zip(checked, good, strict=True) if fine}


def _is_intact(connection: Connection, doing: str, prefix: str, entry: FileEntry) -> bool:
    told = head(connection, doing, prefix + entry.path)
    if told is None or told["ContentLength"] != entry.size:
        return False
    sha256 = told.get("ChecksumSHA256")
    # A store that tells no sum, or an object that somebody else put there without one: only its bytes can tell.
    return checksums.same(sha256, entry) if sha256 else is_readable(connection, doing, prefix, entry)


def is_readable(connection: Connection, doing: str, prefix: str, entry: FileEntry) -> bool:
    """Whether the object's bytes, all of them read, are the file's. Raises Unavailable when they cannot be read."""
    seen = hashlib.sha256()
    for piece in read(connection, doing, prefix + entry.path, 0, entry.size):
        seen.update(piece)
    return seen.hexdigest() == entry.sha256


def read(connection: Connection, doing: str, key: str, start: int, size: int) -> Iterator[bytes]:
    """These bytes of one object. Raises UnexpectedReply when it ends before, Unavailable when the stream breaks."""
    if size == 0:
        return
    wanted = f"bytes={start}-{start + size - 1}"
    left = size
    for piece in _stream(connection, doing, key, wanted):
        left -= len(piece)
        yield piece
    if left:
        raise UnexpectedReply(f"{doing}: {key.rsplit('/', 1)[-1]} gave {size - left} of {size} bytes")


def small(connection: Connection, doing: str, key: str) -> tuple[str, bytes] | None:
    """ETag and bytes of a small object; None when it is not there."""
    try:
        reply = connection.call(doing, "get_object", Key=key)
    except NoBucket:
        raise
    except NotFound:
        return None
    return reply["ETag"], connection.guard(doing, reply["Body"].read)


def remove(connection: Connection, doing: str, keys: Iterable[str]) -> None:
    """Quiet about those that are gone."""
    waiting = list(keys)
    for start in range(0, len(waiting), _BATCH):
        batch = [{"Key": key} for key in waiting[start : start + _BATCH]]
        reply = connection.call(doing, "delete_objects", Delete={"Objects": batch, "Quiet": True})
        refused = [item for item in reply.get("Errors", ()) if item.get("Code") != "NoSuchKey"]
        if refused:
            raise _refusal(doing, refused)


def _refusal(doing: str, refused: list[Any]) -> RopewayError:
    first = refused[0]
    return UnexpectedReply(
        f"{doing}: the store kept {len(refused)} objects: {brief(str(first.get('Message') or first.get('Code')))}"
    )


def _stream(connection: Connection, doing: str, key: str, wanted: str) -> Iterator[bytes]:
    reply = connection.call(doing, "get_object", Key=key, Range=wanted)
    with closing(reply["Body"]) as body:
        while piece := connection.guard(doing, lambda: body.read(_CHUNK)):
            yield piece
