"""Calls of MLflow's REST API that end by a deadline, with our own errors."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from ropeway.adapters.http_errors import address, unanswered
from ropeway.adapters.mlflow.errors import refusal
from ropeway.errors import ConfigError, Unavailable, UnexpectedReply

if TYPE_CHECKING:
    import httpx

Method = Literal["GET", "POST", "DELETE"]

_API = "/api/2.0/mlflow/"
_MOST_BYTES = 64 << 20
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Credentials:
    """The values themselves, resolved at the last moment: a user with a password, or a token. Never shown."""

    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Options:
    """How to speak to the server, where the usual way does not do."""

    ca: str | None = None
    """Path of a PEM file with the authorities to trust; the system's when None."""
    deadline: timedelta = timedelta(seconds=30)
    """By then every call has been answered or has failed."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Mapping[str, Any]


class Rest:
    """One MLflow server. Nothing is asked, and httpx not imported, before the first call."""

    def __init__(self, server: str, credentials: Credentials | None, options: Options) -> None:
        self.address = address(server, "registry")
        self._credentials = credentials or Credentials()
        self._options = options
        self._client: httpx.Client | None = None

    def call(self, doing: str, method: Method, path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        """The reply's body. `body` goes as the query of a GET. Raises our own errors only."""
        reply = self.ask(doing, method, path, body)
        if reply.status != HTTPStatus.OK:
            raise refusal(doing, self.address, reply.status, reply.body)
        return reply.body

    def pages(self, doing: str, path: str, query: Mapping[str, object]) -> Iterator[Mapping[str, Any]]:
        """The replies of a GET that comes in pages."""
        token: Mapping[str, object] = {}
        while True:
            page = self.call(doing, "GET", path, {**query, "max_results": _PAGE, **token})
            yield page
            if not page.get("next_page_token"):
                return
            token = {"page_token": page["next_page_token"]}

    def ask(self, doing: str, method: Method, path: str, body: Mapping[str, object]) -> Reply:
        """What the server answers, be it a refusal. Raises Unavailable when nothing comes before the deadline."""
        import httpx

        query = {name: str(value) for name, value in body.items()} if method == "GET" else None
        content = _encode(doing, body) if method != "GET" else None
        try:
            with self._connection().stream(method, _API + path, params=query, content=content) as response:
                received = self._read(doing, response)
        except httpx.HTTPError as error:
            raise unanswered(doing, self.address, error) from error
        return Reply(response.status_code, _decode(doing, self.address, response.status_code, received))

    def _read(self, doing: str, response: httpx.Response) -> bytes:
        # httpx limits the wait for each piece, not for the whole.
        end = time.monotonic() + self._options.deadline.total_seconds()
        content = b""
        for piece in response.iter_bytes():
            content += piece
            if time.monotonic() > end:
                raise Unavailable(f"{doing}: {self.address} did not end its answer in time", "ropeway doctor")
            if len(content) > _MOST_BYTES:
                raise UnexpectedReply(f"{doing}: {self.address} answered with more than 64 MiB")
        return content

    def _connection(self) -> httpx.Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> httpx.Client:
        import httpx

        secret, seconds = self._credentials, self._options.deadline.total_seconds()
        headers = {"Content-Type": "application/json"}
        if secret.token:
            headers["Authorization"] = f"Bearer {secret.token}"
        return httpx.Client(
            base_url=self.address,
            auth=(secret.username, secret.password or "") if secret.username else None,
            headers=headers,
            timeout=httpx.Timeout(seconds, connect=min(5.0, seconds)),
            verify=ssl.create_default_context(cafile=self._options.ca) if self._options.ca else True,
        )


def _encode(doing: str, body: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{doing}: a value is no Unicode text") from error


def _decode(doing: str, where: str, status: int, content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content or b"{}")
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if status == HTTPStatus.OK:
        raise UnexpectedReply(f"{doing}: {where} answered with something that is not MLflow's JSON", "ropeway doctor")
    return {"message": content.decode("utf-8", "replace")}
