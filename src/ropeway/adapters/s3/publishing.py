"""From loose objects to a model: which parts lack, and the order in which a whole one becomes visible."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ropeway.adapters.s3 import objects, uploads
from ropeway.adapters.s3.connection import Connection, parallel
from ropeway.errors import ConfigError, Conflict, UnexpectedReply
from ropeway.interfaces.store import Part
from ropeway_agent.manifest import NAME, FileEntry, Manifest

_MOST_PARTS = 10_000
"""S3's limit for one object: 156 GiB at 16 MiB a part."""
_STAND_IN = "ropeway-stand-in"


def missing(connection: Connection, doing: str, prefix: str, manifest: Manifest) -> list[Part]:
    """Parts of every file that is not there as the manifest says.

    A file is sent in one piece when it has one part and its place is free. Else it is sent as an upload: what stands
    there, be it damaged or a stand-in, is then replaced in one instant, by `complete`.
    """
    here = objects.sizes(connection, doing, prefix)
    lacking = _lacking(connection, doing, prefix, manifest, here)
    loose = [_whole(entry) for entry in lacking if _in_one_piece(entry, here)]
    pieces = parallel(
        lambda entry: _pieces(connection, doing, prefix, entry),
        [entry for entry in lacking if not _in_one_piece(entry, here)],
    )
    return [*loose, *(part for of_one_file in pieces for part in of_one_file)]


def complete(connection: Connection, doing: str, prefix: str, manifest: Manifest) -> None:
    """Make every file visible and see that it is what the manifest says; stand-ins go last.

    Raises Conflict when parts are missing, UnexpectedReply when an object is another than it should be.
    """
    here = objects.sizes(connection, doing, prefix)
    lacking = _lacking(connection, doing, prefix, manifest, here)
    for replacing in (False, True):
        turn = [entry for entry in lacking if (entry.path in here) is replacing]
        _complete(connection, doing, prefix, turn)
    _remove_stand_ins(connection, doing, prefix, here.keys() - {entry.path for entry in manifest.files} - {NAME})


def write_manifest(connection: Connection, doing: str, prefix: str, manifest: Manifest) -> None:
    """The last step: with it the model is there. Quiet when the very same one stands there already."""
    try:
        connection.call(doing, "put_object", Key=prefix + NAME, Body=manifest.encode(), IfNoneMatch="*")
    except Conflict:
        found = objects.small(connection, doing, prefix + NAME)
        if found is None or found[1] != manifest.encode():
            raise UnexpectedReply(f"{doing}: another {NAME} stands in its place") from None


def place_stand_ins(connection: Connection, doing: str, prefix: str, files: Mapping[str, bytes]) -> None:
    """Put these files where nothing stands yet, marked so that `complete` knows them."""
    for path, body in files.items():
        try:
            connection.call(
                doing, "put_object", Key=prefix + path, Body=body, IfNoneMatch="*", Metadata={_STAND_IN: "1"}
            )
        except Conflict:
            continue


def _lacking(
    connection: Connection, doing: str, prefix: str, manifest: Manifest, here: Mapping[str, int]
) -> list[FileEntry]:
    candidates = [entry for entry in manifest.files if here.get(entry.path) == entry.size]
    intact = objects.intact(connection, doing, prefix, candidates)
    return [entry for entry in manifest.files if entry.path not in intact]


def _in_one_piece(entry: FileEntry, here: Mapping[str, int]) -> bool:
    return len(entry.parts) == 1 and entry.path not in here


def _whole(entry: FileEntry) -> Part:
    return Part(entry.path, 1, 0, entry.size, entry.sha256, upload=None)


def _pieces(connection: Connection, doing: str, prefix: str, entry: FileEntry) -> list[Part]:
    if len(entry.parts) > _MOST_PARTS:
        raise ConfigError(f"{doing}: {entry.path} is larger than 156 GiB", "split it")
    upload = uploads.take_up(connection, doing, prefix + entry.path, entry)
    numbered = zip(entry.ranges(), entry.parts, strict=True)
    return [
        Part(entry.path, number, start, size, sha256, upload.id)
        for number, ((start, size), sha256) in enumerate(numbered, 1)
        if number not in upload.received
    ]


def _complete(connection: Connection, doing: str, prefix: str, entries: Collection[FileEntry]) -> None:
    parallel(lambda entry: uploads.complete(connection, doing, prefix + entry.path, entry), entries)
    intact = objects.intact(connection, doing, prefix, entries)
    bad = [entry.path for entry in entries if entry.path not in intact]
    if not bad:
        return
    if objects.head(connection, doing, prefix + bad[0]) is None:
        raise Conflict(f"{doing}: {len(bad)} files are not wholly there, such as {bad[0]}", "ropeway sync")
    raise UnexpectedReply(f"{doing}: {bad[0]} in the store is not what the manifest says", "ropeway sync")


def _remove_stand_ins(connection: Connection, doing: str, prefix: str, paths: Collection[str]) -> None:
    for path in paths:
        told = objects.head(connection, doing, prefix + path)
        if told is not None and _STAND_IN in told.get("Metadata", {}):
            objects.remove(connection, doing, [prefix + path])
