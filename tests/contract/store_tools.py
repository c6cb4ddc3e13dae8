"""An adapter for the store of the contract tests, and a sender of parts such as the agent has one."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ropeway.adapters.s3 import Credentials, Options, S3Store
from ropeway.interfaces.store import SignedPart, Store, StoredModel
from ropeway.names import Digest, Key
from ropeway_agent.manifest import Manifest, seal

KEY = Key("run-1")
LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class StoreService:
    endpoint: str
    bucket: str
    access_key: str
    secret_key: str


def connect(service: StoreService, **changes: Any) -> S3Store:
    """An adapter for the service, with some of its settings changed."""
    options = changes.pop("options", Options())
    settings = StoreService(**{**vars(service), **changes})
    credentials = Credentials(settings.access_key, settings.secret_key)
    # The cluster has another name for the store than the controller.
    endpoints = {"controller": settings.endpoint, "cluster": settings.endpoint.replace("127.0.0.1", "localhost")}
    return S3Store(endpoints, settings.bucket, "us-east-1", credentials, options)


def sealed(folder: Path, files: Mapping[str, bytes]) -> Manifest:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return seal(folder)


def put(signed: SignedPart, content: bytes, headers: Mapping[str, str] | None = None) -> int:
    """Send one part as the agent does; the status."""
    url = urlsplit(signed.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=30)
    try:
        connection.request(
            "PUT", f"{url.path}?{url.query}", content, dict(signed.headers if headers is None else headers)
        )
        reply = connection.getresponse()
        reply.read()
        return reply.status
    finally:
        connection.close()


def send(folder: Path, signed: Sequence[SignedPart]) -> set[int]:
    """Send them all; the statuses that came back."""

    def one(item: SignedPart) -> int:
        with (folder / item.part.path).open("rb") as file:
            file.seek(item.part.start)
            return put(item, file.read(item.part.size))

    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(one, signed))


def push(store: Store, model: str, folder: Path, key: Key = KEY, check: bool = False) -> StoredModel:
    manifest = seal(folder)
    while parts := store.missing(key, model, manifest, check):
        statuses = send(folder, store.sign(model, Digest(manifest.digest), parts, LIFETIME))
        assert statuses <= {200, 404}
        if 404 not in statuses:  # else another publisher has ended the upload that we shared: look again
            break
    return store.publish(key, model, manifest, check)


def noise(size: int) -> bytes:
    return os.urandom(size)


def read(store: Store, model: str, manifest: Manifest, path: str) -> bytes:
    entry = manifest.entry(path)
    assert entry is not None
    return b"".join(store.fetch(model, Digest(manifest.digest), path, 0, entry.size))


def requests_of(store: S3Store) -> list[str]:
    """Fills with the operation of each request that the adapter sends from now on."""
    seen: list[str] = []
    events = store._connection.client().meta.events
    events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    return seen
