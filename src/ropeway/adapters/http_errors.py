"""What trouble with a service behind HTTP means to the reader of the error; the same for every adapter."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from ropeway.errors import (
    AccessError,
    ConfigError,
    Conflict,
    NotFound,
    RopewayError,
    Unavailable,
    UnexpectedReply,
)

_BY_STATUS: dict[int, type[RopewayError]] = {
    HTTPStatus.UNAUTHORIZED: AccessError,
    HTTPStatus.FORBIDDEN: AccessError,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: Conflict,
    HTTPStatus.REQUEST_TIMEOUT: Unavailable,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
}


def of_status(status: int) -> type[RopewayError]:
    """The kind of error that a status stands for when the service says no more than that."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return _BY_STATUS.get(status, UnexpectedReply)


def address(text: str, what: str) -> str:
    """The address without a slash at its end. Raises ConfigError unless it is `http(s)://HOST…` without a password."""
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ConfigError(f"reading the address of the {what}: it holds a user or password", "name them by reference")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"reading the address of the {what}: {text[:80]!r} is not http://HOST or https://HOST")
    return text.rstrip("/")


def unanswered(doing: str, where: str, error: BaseException) -> Unavailable:
    """`error` kept a request from being answered at all."""
    return Unavailable(f"{doing}: {where} does not answer ({_reason(error)})", "ropeway doctor")


def _reason(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return "timed out"
        if isinstance(cause, socket.gaierror):
            return "its name is unknown"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
