"""What differs between a model in the store and its manifest."""

from __future__ import annotations

from collections.abc import Sequence

from ropeway.adapters.s3 import objects
from ropeway.adapters.s3.connection import Connection
from ropeway.errors import NotFound, Unavailable, UnexpectedReply
from ropeway.interfaces.store import Damage
from ropeway_agent.manifest import NAME, FileEntry, Manifest


def find_damage(connection: Connection, doing: str, prefix: str, manifest: Manifest, deep: bool) -> Sequence[Damage]:
    """Sorted by path. Without `deep`: one listing, and one question a file for its checksum."""
    here = objects.sizes(connection, doing, prefix)
    extra = here.keys() - {entry.path for entry in manifest.files} - {NAME}
    same_size = [entry for entry in manifest.files if here.get(entry.path) == entry.size]
    intact = objects.intact(connection, doing, prefix, same_size)
    found = [Damage(path, "extra") for path in extra]
    for entry in manifest.files:
        if entry.path not in here:
            found.append(Damage(entry.path, "missing"))
        elif entry.path not in intact:
            found.append(Damage(entry.path, "changed"))
        elif deep and (problem := _read(connection, doing, prefix, entry)):
            found.append(Damage(entry.path, problem))
    return sorted(found, key=lambda damage: damage.path)


def _read(connection: Connection, doing: str, prefix: str, entry: FileEntry) -> str | None:
    try:
        return None if objects.is_readable(connection, doing, prefix, entry) else "changed"
    except NotFound:
        return "missing"
    except UnexpectedReply:
        return "unreadable"
    except Unavailable:
        # The whole store or this one object? One that is damaged on disk breaks the stream of a store that lives.
        objects.head(connection, doing, prefix + entry.path)
        return "unreadable"
