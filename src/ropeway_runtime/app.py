"""The ASGI application: finds what a path means, answers it, and puts the model's identity on every answer."""

from __future__ import annotations

import sys
import traceback
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from ropeway_runtime.errors import RequestError
from ropeway_runtime.exchange import (
    CLOSE,
    Answer,
    ClientGone,
    failure,
    read_body,
    send_answer,
)
from ropeway_runtime.protocols import v1, v2
from ropeway_runtime.views import views

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ropeway_runtime.exchange import Headers, Message, Receive, Send
    from ropeway_runtime.metrics import Metrics
    from ropeway_runtime.model import Arrays, Model
    from ropeway_runtime.protocols import InferenceRequest
    from ropeway_runtime.service import Identity, Service


class InferenceProtocol(Protocol):
    """What a protocol's module offers."""

    def decode(self, body: bytes, model: Model) -> InferenceRequest: ...

    def encode(self, identity: Identity, request: InferenceRequest, results: Arrays, /) -> bytes: ...


class App:
    """The routes of one model. `max_body` in bytes; `on_startup` runs in the event loop, once."""

    def __init__(self, service: Service, metrics: Metrics, max_body: int, on_startup: Callable[[], None]) -> None:
        self._service = service
        self._metrics = metrics
        self._max_body = max_body
        self._on_startup = on_startup
        self._headers = _identity_headers(service.identity)
        self._views = views(service, metrics)
        self._inferences: dict[str, InferenceProtocol] = {
            f"/v1/models/{service.identity.name}:predict": v1,
            f"/v2/models/{service.identity.name}/infer": v2,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        protocol = self._inferences.get(scope["path"])
        try:
            if protocol is not None and scope["method"] == "POST":
                await self._infer(protocol, receive, send)
            else:
                await self._send(send, self._view(scope["method"], scope["path"]))
        except ClientGone:
            return

    async def _infer(self, protocol: InferenceProtocol, receive: Receive, send: Send) -> None:
        start = perf_counter()
        self._metrics.in_flight += 1
        try:
            answer = await self._answered(self._predict(protocol, receive))
            await self._send(send, answer)
        finally:
            self._metrics.in_flight -= 1
        self._metrics.observe(answer.status, perf_counter() - start)

    async def _predict(self, protocol: InferenceProtocol, receive: Receive) -> Answer:
        body = await read_body(receive, self._max_body)
        inference = self._service.inference
        request = protocol.decode(body, inference.model)
        results = await inference.run(request.inputs, request.outputs)
        return Answer(200, protocol.encode(self._service.identity, request, results))

    async def _answered(self, work: Awaitable[Answer]) -> Answer:
        try:
            return await work
        except RequestError as error:
            return failure(error.status, error.message, (CLOSE,) if error.status == 413 else ())
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 - the boundary of a request: a fault in one must not reach another
            traceback.print_exc(file=sys.stderr)
            return failure(500, "an internal error; the server's log says more")

    def _view(self, method: str, path: str) -> Answer:
        found = self._views.get(path)
        if found is not None and method == "GET":
            try:
                return found()
            except RequestError as error:
                return failure(error.status, error.message)
        if found is not None or path in self._inferences:
            allowed = "GET" if found is not None else "POST"
            return failure(405, f"expected {allowed}, got {method}", ((b"allow", allowed.encode()),))
        return failure(404, self._unknown(path))

    def _unknown(self, path: str) -> str:
        if path.startswith(("/v1/models/", "/v2/models/")):
            return f"no such model or action: {path[:128]}; this server has the model {self._service.identity.name!r}"
        return f"no such path: {path[:128]}"

    async def _send(self, send: Send, answer: Answer) -> None:
        headers = self._headers
        if self._service.draining and CLOSE not in answer.headers:
            headers = (*headers, CLOSE)
        await send_answer(send, answer, headers)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._on_startup()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _identity_headers(identity: Identity) -> Headers:
    digest = (b"x-model-digest", identity.digest.encode("ascii"))
    if not identity.revision:
        return (digest,)
    return (digest, (b"x-ropeway-revision", identity.revision.encode("ascii")))
