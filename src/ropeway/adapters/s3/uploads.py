"""Multipart uploads of our own objects: taken up where an earlier try left them, completed, swept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ropeway.adapters.s3 import checksums
from ropeway.adapters.s3.connection import Connection
from ropeway.errors import NotFound
from ropeway_agent.manifest import FileEntry


@dataclass(frozen=True, slots=True)
class Upload:
    """An open upload of one file, with the ETags of the parts that the store has already."""

    id: str
    received: Mapping[int, str]


def take_up(connection: Connection, doing: str, key: str, entry: FileEntry) -> Upload:
    """The open upload of this file that has most of it, or a new one."""
    found = _open(connection, doing, key, entry)
    if found:
        return max(found, key=lambda upload: len(upload.received))
    reply = connection.call(doing, "create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256")
    return Upload(reply["UploadId"], {})


def complete(connection: Connection, doing: str, key: str, entry: FileEntry) -> bool:
    """Make the file visible; False when no upload has all its parts."""
    for upload in _open(connection, doing, key, entry):
        if len(upload.received) == len(entry.parts):
            _complete(connection, doing, key, entry, upload)
            return True
    return False


def sweep(connection: Connection, doing: str, prefix: str) -> None:
    """Give up every open upload under the prefix: its room is held, and paid for, until then.

    MinIO lists none by prefix; it gives them up by itself after a day.
    """
    pages = connection.pages(doing, "list_multipart_uploads", Prefix=prefix)
    for key, upload in [(item["Key"], item["UploadId"]) for page in pages for item in page.get("Uploads", ())]:
        if key.startswith(prefix):
            _abort(connection, doing, key, upload)


def _open(connection: Connection, doing: str, key: str, entry: FileEntry) -> list[Upload]:
    found = (_received(connection, doing, key, entry, upload) for upload in _ids(connection, doing, key))
    return [upload for upload in found if upload is not None]


def _ids(connection: Connection, doing: str, key: str) -> list[str]:
    """Open uploads of exactly this key, oldest first, so that two who push the same model take up the same one."""
    pages = connection.pages(doing, "list_multipart_uploads", Prefix=key)
    items = (item for page in pages for item in page.get("Uploads", ()) if item["Key"] == key)
    return [item["UploadId"] for item in sorted(items, key=lambda item: (item["Initiated"], item["UploadId"]))]


def _received(connection: Connection, doing: str, key: str, entry: FileEntry, upload: str) -> Upload | None:
    """The upload with its good parts; None when somebody else has just ended it.

    Number and size tell a good part: the key holds the model's digest, and the store took no other bytes for a part
    than those whose SHA-256 we had signed. Its own sum is compared too where the store tells it (SeaweedFS does not).
    """
    sizes = {number: size for number, (_, size) in enumerate(entry.ranges(), 1)}
    good = {}
    try:
        for page in connection.pages(doing, "list_parts", Key=key, UploadId=upload):
            for part in page.get("Parts", ()):
                number = part["PartNumber"]
                if sizes.get(number) == part["Size"] and _may_be(part.get("ChecksumSHA256"), entry, number):
                    good[number] = part["ETag"]
    except NotFound:
        return None
    return Upload(upload, good)


def _may_be(told: str | None, entry: FileEntry, number: int) -> bool:
    return told is None or told == checksums.encoded(entry.parts[number - 1])


def _complete(connection: Connection, doing: str, key: str, entry: FileEntry, upload: Upload) -> None:
    parts = [
        {"PartNumber": number, "ETag": upload.received[number], "ChecksumSHA256": checksums.encoded(sha256)}
        for number, sha256 in enumerate(entry.parts, 1)
    ]
    try:
        connection.call(
            doing, "complete_multipart_upload", Key=key, UploadId=upload.id, MultipartUpload={"Parts": parts}
        )
    except NotFound:
        return  # another publisher of the same model was first; the object is checked next


def _abort(connection: Connection, doing: str, key: str, upload: str) -> None:
    try:
        connection.call(doing, "abort_multipart_upload", Key=key, UploadId=upload)
    except NotFound:
        return
