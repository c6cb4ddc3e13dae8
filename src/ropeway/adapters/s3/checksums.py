"""The manifest's SHA-256 sums in the forms that S3 signs, stores and tells."""

from __future__ import annotations

import base64
import hashlib

from ropeway_agent.manifest import FileEntry


def encoded(sha256: str) -> str:
    """A hex SHA-256 as `x-amz-checksum-sha256` has it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def composite(parts: tuple[str, ...]) -> str:
    """What a store tells for an object sent in parts: the SHA-256 of the parts' sums, `-`, their number.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    sums = b"".join(bytes.fromhex(part) for part in parts)
    return f"{encoded(hashlib.sha256(sums).hexdigest())}-{len(parts)}"


def same(told: str, entry: FileEntry) -> bool:
    """Whether the sum that the store tells is this file's: sent whole or in our parts."""
    return told in (encoded(entry.sha256), composite(entry.parts))
