"""Small named objects that many contend for, such as leases: replaced only by who knows what stands there."""

from __future__ import annotations

from typing import Any

from ropeway.adapters.s3 import layout, objects
from ropeway.adapters.s3.connection import Connection
from ropeway.adapters.s3.errors import NoBucket
from ropeway.errors import ConfigError, Conflict, NotFound, Unavailable
from ropeway.interfaces.store import ETag


def look(connection: Connection, name: str) -> tuple[ETag, bytes] | None:
    found = objects.small(connection, f"reading {name}", layout.named(name))
    # Removed is written as empty: not every store deletes on a condition, all replace on one.
    return (ETag(found[0]), found[1]) if found and found[1] else None


def swap(connection: Connection, name: str, expected: ETag | None, body: bytes | None) -> ETag | None:
    """See `Store.swap`. A reply that was lost is cleared up by looking: what we wrote is there, or the error stands."""
    if body == b"":
        raise ConfigError(f"writing {name}: an empty object stands for none")
    if expected is None and body is None:
        _require_absent(connection, name)
        return None
    try:
        return _put(connection, name, expected, body)
    except Unavailable:
        found = look(connection, name)
        if (found[1] if found else None) != body:
            raise
        return found[0] if found else None


def _put(connection: Connection, name: str, expected: ETag | None, body: bytes | None) -> ETag | None:
    if expected is not None:
        return _replace(connection, name, body, {"IfMatch": expected})
    try:
        return _replace(connection, name, body, {"IfNoneMatch": "*"})
    except Conflict:
        found = objects.small(connection, f"reading {name}", layout.named(name))
        if found is None or found[1]:
            raise
        return _replace(connection, name, body, {"IfMatch": found[0]})


def _replace(connection: Connection, name: str, body: bytes | None, condition: dict[str, Any]) -> ETag | None:
    doing = f"writing {name}"
    try:
        reply = connection.call(doing, "put_object", again=False, Key=layout.named(name), Body=body or b"", **condition)
    except NoBucket:
        raise
    except (Conflict, NotFound) as error:  # AWS says 404 when there is nothing to match
        raise Conflict(f"{doing}: somebody else has changed it meanwhile") from error
    return ETag(reply["ETag"]) if body else None


def _require_absent(connection: Connection, name: str) -> None:
    if look(connection, name) is not None:
        raise Conflict(f"writing {name}: somebody else has made it meanwhile")
