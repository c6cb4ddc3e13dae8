"""One HTTP exchange in ASGI's terms: read a body of bounded size, send an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ropeway_runtime.errors import RequestError
from ropeway_runtime.protocols import documents

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Message: TypeAlias = Mapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]
    Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
CLOSE = (b"connection", b"close")
DISCARD_SECONDS = 5.0


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()


def failure(status: int, message: str, headers: Headers = ()) -> Answer:
    """An error in the form that V1 and V2 share: `{"error": message}`."""
    return Answer(status, documents.write({"error": message}), headers=headers)


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises RequestError(413) past `limit` bytes, ClientGone."""
    chunks: list[bytes] = []
    total = 0
    while True:
        message = await _next(receive)
        chunk: bytes = message.get("body", b"")
        total += len(chunk)
        if total > limit:
            chunks.clear()
            await _discard(receive, message)
            raise RequestError(413, f"expected a body of at most {limit} bytes, got more")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunk if len(chunks) == 1 else b"".join(chunks)


async def send_answer(send: Send, answer: Answer, headers: Headers) -> None:
    """Send the answer with the server's own headers before the answer's."""
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                (b"content-type", answer.content_type),
                (b"content-length", b"%d" % len(answer.body)),
                *headers,
                *answer.headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


async def _discard(receive: Receive, message: Message) -> None:
    """Throw the rest away for a while: a client that is still sending does not read an answer."""
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while message.get("more_body", False):
                message = await _next(receive)
    except TimeoutError:
        return
