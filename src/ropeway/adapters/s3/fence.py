"""Pushing and removing the same model keep out of each other's way: each leaves a mark, then looks for the other's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ropeway.adapters.s3 import layout, objects
from ropeway.adapters.s3.connection import Connection
from ropeway.errors import Conflict
from ropeway.names import Digest, Key

STALE = timedelta(hours=24)
"""A push that left its mark this long ago is not under way any more."""


def begin_push(connection: Connection, doing: str, key: Key, model: str, digest: Digest) -> None:
    """Raises Conflict while the model is being removed."""
    mark = _mark(key, model, digest)
    connection.call(doing, "put_object", Key=mark, Body=b"")
    if objects.head(connection, doing, layout.tombstone(model, digest)) is not None:
        objects.remove(connection, doing, [mark])
        raise Conflict(f"{doing}: it is being removed from the store", f"ropeway models show {model}")


def end_push(connection: Connection, doing: str, key: Key, model: str, digest: Digest) -> None:
    objects.remove(connection, doing, [_mark(key, model, digest)])


def begin_removal(connection: Connection, doing: str, model: str, digest: Digest) -> None:
    """Raises Conflict while somebody pushes the model. A removal that was cut short is gone on with."""
    _refuse_pushed(connection, doing, model, digest)  # before writing anything: the bucket may not exist
    connection.call(doing, "put_object", Key=layout.tombstone(model, digest), Body=b"")
    try:
        _refuse_pushed(connection, doing, model, digest)
    except Conflict:
        objects.remove(connection, doing, [layout.tombstone(model, digest)])
        raise


def end_removal(connection: Connection, doing: str, model: str, digest: Digest) -> None:
    marks = [item["Key"] for item in _marks(connection, doing, model, digest)]
    objects.remove(connection, doing, [*marks, layout.tombstone(model, digest)])


def _mark(key: Key, model: str, digest: Digest) -> str:
    return layout.pushes(model, digest) + layout.checked_key(key)


def _marks(connection: Connection, doing: str, model: str, digest: Digest) -> list[Any]:
    pages = connection.pages(doing, "list_objects_v2", Prefix=layout.pushes(model, digest))
    return [item for page in pages for item in page.get("Contents", ())]


def _refuse_pushed(connection: Connection, doing: str, model: str, digest: Digest) -> None:
    for item in _marks(connection, doing, model, digest):
        if not _is_stale(item):
            raise Conflict(f"{doing}: {item['Key'].rsplit('/', 1)[-1]} is pushing it", "ropeway status")


def _is_stale(item: Any) -> bool:
    return bool(datetime.now(UTC) - item["LastModified"] > STALE)
