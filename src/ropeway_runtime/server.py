"""Runs the application on uvicorn: loads the model beside it, and drains it on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

from ropeway_runtime.app import App
from ropeway_runtime.errors import LoadError, Refusal, brief
from ropeway_runtime.inference import Inference, warmed_up
from ropeway_runtime.listening import BACKLOG, url
from ropeway_runtime.load import load
from ropeway_runtime.metrics import Metrics
from ropeway_runtime.service import UNVERIFIED, Identity, Service

if TYPE_CHECKING:
    import socket

    from ropeway_runtime.options import Options

KEEP_ALIVE_SECONDS = 120
"""Longer than a gateway keeps idle connections (Traefik: 90 s), so that it never sends into one that we close."""


def serve(options: Options, sock: socket.socket) -> None:
    """Serve on the listening socket until SIGTERM or SIGINT. Raises Refusal when the model does not load."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Server(options, sock).run())


class _Server:
    """The process's life: accept, load, be ready, drain, end."""

    def __init__(self, options: Options, sock: socket.socket) -> None:
        self._options = options
        self._sock = sock
        self._refusal: Refusal | None = None
        digest = options.expected_digest or UNVERIFIED
        identity = Identity(options.model_name, digest, options.revision or "")
        self._service = Service(identity)
        app = App(self._service, Metrics(identity), options.max_body, self._start)
        self._uvicorn = uvicorn.Server(_configuration(app, options))

    async def run(self) -> None:
        await self._uvicorn.serve(sockets=[self._sock])
        if self._refusal is not None:
            raise self._refusal

    def _start(self) -> None:
        """Runs inside uvicorn's start, after it took the signals: ours replace its own."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        # A daemon: SIGTERM ends the process without waiting for a load that takes minutes.
        threading.Thread(target=self._load, args=(loop,), name="load", daemon=True).start()

    def _stop(self) -> None:
        """The first signal drains, a second one ends the wait for the gateway."""
        if self._service.draining:
            self._exit()
            return
        self._service.drain()
        loop = asyncio.get_running_loop()
        loop.call_later(self._options.drain_delay.total_seconds(), self._exit)

    def _exit(self) -> None:
        self._uvicorn.should_exit = True

    def _load(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            inference = warmed_up(load(self._options))
        except Refusal as refusal:
            loop.call_soon_threadsafe(self._refuse, refusal)
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: what escapes here would leave the server waiting
            loop.call_soon_threadsafe(self._refuse, _unforeseen(error))
        else:
            loop.call_soon_threadsafe(self._ready, inference)

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self._exit()

    def _ready(self, inference: Inference) -> None:
        # What was imported and loaded stays: the garbage collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._service.loaded(inference)
        identity = self._service.identity
        sys.stderr.write(f"Ready: {identity.name} {identity.digest} at {url(self._sock)}\n")
        sys.stderr.flush()


def _configuration(app: App, options: Options) -> Any:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(options.drain_timeout.total_seconds())),
    )


def _unforeseen(error: Exception) -> LoadError:
    cause = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    return LoadError(f"loading the model: {brief(cause)}", "try the model in a Python shell with its own engine")
