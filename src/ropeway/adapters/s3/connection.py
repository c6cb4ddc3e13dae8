"""One bucket behind one or more addresses: requests that end by a deadline, with our own errors."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeVar

from ropeway.adapters.http_errors import address
from ropeway.adapters.s3.errors import translate
from ropeway.errors import ConfigError, Unavailable
from ropeway.waiting import SYSTEM, Clock

T = TypeVar("T")
R = TypeVar("R")

_connecting = threading.Lock()
"""botocore's session is not safe to share between threads while it makes a client."""
_THREADS = 8
_FIRST_PAUSE = 0.1
_MARKERS = {
    "list_objects_v2": ("ContinuationToken",),
    "list_parts": ("PartNumberMarker",),
    "list_multipart_uploads": ("KeyMarker", "UploadIdMarker"),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The values themselves, resolved at the last moment; none of them is ever shown."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Options:
    """How to speak to the store, where the usual way does not do."""

    addressing: Literal["path", "virtual"] = "path"
    """`virtual`: the bucket is part of the host's name."""
    ca: str | None = None
    """Path of a PEM file with the authorities to trust; the system's when None."""
    deadline: timedelta = timedelta(seconds=30)
    """By then every request has been answered or has failed, with all its repetitions."""
    clock: Clock = SYSTEM


class Connection:
    """`endpoints`: URL by vantage point; `controller` must be there and stands for those that are not."""

    def __init__(
        self,
        endpoints: Mapping[str, str],
        bucket: str,
        region: str,
        credentials: Credentials | None,
        options: Options,
    ) -> None:
        if "controller" not in endpoints:
            raise ConfigError("connecting to the store: no address for the controller")
        self._endpoints = {vantage: address(url, "store") for vantage, url in endpoints.items()}
        self.bucket = bucket
        self._region = region
        self._credentials = credentials
        self._options = options
        self._clients: dict[str, Any] = {}

    def endpoint(self, vantage: str = "controller") -> str:
        return self._endpoints.get(vantage, self._endpoints["controller"])

    def client(self, vantage: str = "controller") -> Any:
        """The botocore client for that address, made on first use: importing botocore costs 0.3 CPU-s."""
        with _connecting:
            url = self.endpoint(vantage)
            if url not in self._clients:
                self._clients[url] = self._connect(url)
            return self._clients[url]

    def call(self, doing: str, operation: str, *, again: bool = True, **parameters: Any) -> Any:
        """One S3 operation on the bucket, repeated while the store does not answer and time is left.

        `again` False: at most once, for what must not be repeated blindly. Raises our own errors only.
        """
        end = self._options.clock.monotonic() + self._options.deadline.total_seconds()
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._once(doing, operation, parameters)
            except Unavailable:
                if not again or self._options.clock.monotonic() + pause + self._patience > end:
                    raise
            self._options.clock.sleep(pause)
            pause = min(2 * pause, 2.0)

    def pages(self, doing: str, operation: str, **parameters: Any) -> Iterator[Any]:
        """All pages of a listing."""
        while True:
            page = self.call(doing, operation, **parameters)
            yield page
            if not page.get("IsTruncated"):
                return
            parameters |= {marker: page["Next" + marker] for marker in _MARKERS[operation]}

    def guard(self, doing: str, work: Callable[[], R]) -> R:
        """Run `work`, which uses botocore by itself, with its errors as ours."""
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError  # botocore lets some through while a body is read

        try:
            return work()
        except (BotoCoreError, ClientError, HTTPError) as error:
            raise translate(doing, error, self.endpoint(), self.bucket) from error

    @property
    def _patience(self) -> float:
        """Seconds that one try may take: a third of the deadline, so that a second try has its time too."""
        return self._options.deadline.total_seconds() / 3

    def _once(self, doing: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        call = getattr(self.client(), operation)
        return self.guard(doing, lambda: call(Bucket=self.bucket, **parameters))

    def _connect(self, url: str) -> Any:
        from botocore.config import Config

        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": self._options.addressing},
            # The default adds a CRC32 that some stores refuse; the manifest's SHA-256 goes with every byte instead.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"total_max_attempts": 1},
            connect_timeout=min(5.0, self._patience),
            read_timeout=self._patience,
            max_pool_connections=_THREADS,
        )
        secret = self._credentials
        make = _session().create_client
        return self.guard(
            "connecting to the store",
            lambda: make(
                "s3",
                region_name=self._region,
                endpoint_url=url,
                verify=self._options.ca,
                aws_access_key_id=secret.access_key if secret else None,
                aws_secret_access_key=secret.secret_key if secret else None,
                aws_session_token=secret.session_token if secret else None,
                config=config,
            ),
        )


@functools.cache
def _session() -> Any:
    """One for all clients: each reads the description of S3 anew, which costs 0.1 CPU-s."""
    import botocore.session

    return botocore.session.Session()


def parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`work` on every item, several at once, results in order. After the first error no further item is begun."""
    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        waiting = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in waiting]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
