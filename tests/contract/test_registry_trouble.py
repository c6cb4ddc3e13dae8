"""What every registry adapter makes of a server that refuses, does not answer, or is something else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ropeway.adapters.mlflow import Credentials, MlflowRegistry, Options
from ropeway.errors import AccessError, RopewayError, Unavailable, UnexpectedReply

SHORT = timedelta(seconds=1)
ANSWERS = {"/denied": (403, b"Permission denied"), "/who": (401, b"You are not authenticated"), "/down": (503, b"")}


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[str]:
    """A server that is no MLflow: it answers by the first part of the path, and 404 to all else."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            first = "/" + self.path.split("/")[1]
            status, body = ANSWERS.get(first, (404, b"<html>not found</html>"))
            if first == "/page":
                status, body = 200, b"<html>welcome</html>"
            if first == "/long":
                status, body = 400, b"x" * 5000
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def check_error(error: RopewayError) -> None:
    assert len(error.message) < 500
    assert "secret" not in f"{error} {error!r} {error.hint}"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/denied", AccessError),
        ("/who", AccessError),
        ("/down", Unavailable),
        ("/page", UnexpectedReply),
        ("/long", UnexpectedReply),
        ("/nothing", UnexpectedReply),
    ],
)
def test_refusals_say_what_the_reader_must_do(elsewhere: str, path: str, kind: type[RopewayError]) -> None:
    registry = MlflowRegistry(elsewhere + path, Credentials(username="secret-user", password="secret-word"))
    with pytest.raises(kind) as caught:
        registry.find("mnist")
    check_error(caught.value)


def test_a_server_without_stages_is_left_in_peace(elsewhere: str) -> None:
    MlflowRegistry(elsewhere + "/nothing").mirror_stage("mnist", 1, "Production")
    with pytest.raises(Unavailable):
        MlflowRegistry(elsewhere + "/down").mirror_stage("mnist", 1, "Production")


def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(Unavailable, match="refused") as caught:
            MlflowRegistry(address).find("mnist")
    assert caught.value.__cause__ is not None


def test_a_server_that_does_not_answer_is_unavailable_by_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(Unavailable, match="timed out"):
            MlflowRegistry(address, options=Options(deadline=SHORT)).find("mnist")
    assert time.monotonic() - began < SHORT.total_seconds() + 0.5


def test_an_answer_that_never_ends_is_unavailable_by_the_deadline() -> None:
    def drip(server: socket.socket, done: threading.Event) -> None:
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not done.wait(0.1):
                peer.sendall(b" ")

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        dripping = pool.submit(drip, server, done)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unavailable, match="in time"):
            MlflowRegistry(address, options=Options(deadline=SHORT)).find("mnist")
        done.set()
        assert isinstance(dripping.exception(), OSError | None)
