"""Requests that let somebody without credentials send exactly these parts, for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ropeway.adapters.s3 import checksums
from ropeway.adapters.s3.connection import Connection
from ropeway.errors import ConfigError
from ropeway.interfaces.store import Part, SignedPart

_LONGEST = timedelta(days=7)
"""Signature version 4 knows no longer ones."""


def sign(connection: Connection, prefix: str, parts: Sequence[Part], lifetime: timedelta) -> list[SignedPart]:
    """For the store's address as the cluster sees it. Asks nobody."""
    if not timedelta(seconds=1) <= lifetime <= _LONGEST:
        raise ConfigError(f"signing parts: {lifetime} is not between 1 s and 7 d")
    client = connection.client("cluster")
    seconds = int(lifetime.total_seconds())
    return connection.guard(
        "signing parts", lambda: [_sign(client, connection, prefix, part, seconds) for part in parts]
    )


def _sign(client: Any, connection: Connection, prefix: str, part: Part, seconds: int) -> SignedPart:
    checksum = checksums.encoded(part.sha256)
    parameters: dict[str, Any] = {"Bucket": connection.bucket, "Key": prefix + part.path, "ChecksumSHA256": checksum}
    if part.upload is None:
        operation = "put_object"
    else:
        operation = "upload_part"
        parameters |= {"UploadId": part.upload, "PartNumber": part.number}
    url = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)
    return SignedPart(part, url, {"x-amz-checksum-sha256": checksum})
