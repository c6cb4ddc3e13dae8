"""The agent sends parts to a store that misbehaves in every way we know of."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ropeway.errors import AccessError, StageFailed, Unavailable, UnexpectedReply
from ropeway.interfaces.host import Host, Json
from ropeway.remote import AgentHost
from ropeway.remote.process import Launch
from ropeway_agent.manifest import PART_SIZE, Manifest, seal
from tests.agent_site import PYTHON, agent_host

SECRET = "X-Amz-Signature=c0ffee"


class Sink:
    """Keeps what is put to it; `faults` are called, one a request, before it answers well."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.faults: list[Callable[[Handler], None]] = []
        self.requests: list[str] = []
        self.connections = 0
        self.server = QuietServer(("127.0.0.1", 0), type("Bound", (Handler,), {"sink": self}))
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str, start: int) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{path}/{start}?{SECRET}"

    def parts(self, manifest: Manifest) -> list[Json]:
        return [
            {"path": file.path, "start": start, "size": size, "sha256": sha, "url": self.url(file.path, start)}
            | {"headers": {"x-amz-checksum-sha256": sha}}
            for file in manifest.files
            for (start, size), sha in zip(file.ranges(), file.parts, strict=True)
        ]


class QuietServer(ThreadingHTTPServer):
    """A sender that hangs up is part of the test."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sink: Sink

    def setup(self) -> None:
        super().setup()
        self.sink.connections += 1

    def do_PUT(self) -> None:
        self.sink.requests.append(self.path)
        if self.sink.faults:
            self.sink.faults.pop(0)(self)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        right = hashlib.sha256(body).hexdigest() == self.headers["x-amz-checksum-sha256"]
        if right:
            self.sink.bodies[self.path.partition("?")[0]] = body
        self.answer(200 if right else 400, "" if right else "BadDigest")

    def answer(self, status: int, code: str = "", **headers: str) -> None:
        body = f"<Error><Code>{code}</Code><Resource>{SECRET}</Resource></Error>".encode() if code else b""
        self.send_response(status)
        for name, value in {"ETag": '"e"', "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def says(status: int, code: str = "", **headers: str) -> Callable[[Handler], None]:
    def fault(handler: Handler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.answer(status, code, **headers)

    return fault


def hangs_up(handler: Handler) -> None:
    if handler.headers["Content-Length"] != "0":
        handler.rfile.read(1)
    handler.close_connection = True


def refuses_early(handler: Handler) -> None:
    handler.answer(503, "SlowDown", Connection="close")
    handler.close_connection = True


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[AgentHost]:
    made = agent_host(tmp_path / "agent")
    yield made
    made.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "empty").touch()
    (folder / "data" / "one").write_bytes(b"1")
    (folder / "part").write_bytes(os.urandom(1 << 20) * 16)
    (folder / "more").write_bytes(os.urandom(1 << 20) * 16 + b"+")
    return folder


def push(host: Host, folder: Path, parts: Sequence[Json], budget: float = 20.0) -> list[Any]:
    """Every line of a push of these parts; renews what is asked for."""
    lines: list[Any] = []
    wanted = {(part["path"], part["start"]): part for part in parts}
    with host.open("push", {"directory": str(folder), "budget": budget}) as channel:
        channel.send({"parts": list(parts)})
        for line in channel:
            lines.append(line)
            arrived = [(part["path"], part["start"]) for found in lines for part in found.get("sent", ())]
            renew = [wanted[part["path"], part["start"]] for part in lines[-1].get("renew", ())]
            channel.send({"parts": renew} if renew else {"done": len(arrived) == len(parts)})
    return lines


def whole(sink: Sink, folder: Path, manifest: Manifest) -> bool:
    """Whether the sink has each file, byte by byte."""
    return all(
        b"".join(sink.bodies[f"/{file.path}/{start}"] for start, _ in file.ranges())
        == (folder / file.path).read_bytes()
        for file in manifest.files
    )


def test_every_part_arrives(host: AgentHost, sink: Sink, model: Path) -> None:
    manifest = seal(model)
    lines = push(host, model, sink.parts(manifest))
    assert whole(sink, model, manifest)
    sent = [part for line in lines for part in line["sent"]]
    assert sorted((part["path"], part["start"]) for part in sent) == [
        (file.path, start) for file in manifest.files for start, _ in file.ranges()
    ]
    assert {part["etag"] for part in sent} == {'"e"'}
    assert lines[-1]["bytes"] == manifest.size
    assert sink.connections <= len(sent)


def test_nothing_to_send_is_done_at_once(host: AgentHost, model: Path) -> None:
    with host.open("push", {"directory": str(model)}) as channel:
        channel.send({"done": True})
        assert list(channel) == []


def test_many_small_files_share_few_connections(host: AgentHost, sink: Sink, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number}.bin").write_bytes(b"%d" % number)
    manifest = seal(folder)
    push(host, folder, sink.parts(manifest))
    assert whole(sink, folder, manifest)
    assert sink.connections <= 16


@pytest.mark.parametrize(
    "fault",
    [
        says(503, "SlowDown"),
        says(500),
        says(429, **{"Retry-After": "0"}),
        says(400, "RequestTimeout"),
        hangs_up,
        refuses_early,
    ],
    ids=["503", "500", "429", "timeout", "hangs up", "refuses early"],
)
def test_a_trouble_that_passes_is_borne(
    host: AgentHost, sink: Sink, model: Path, fault: Callable[[Handler], None]
) -> None:
    sink.faults = [fault] * 4
    manifest = seal(model)
    push(host, model, sink.parts(manifest))
    assert whole(sink, model, manifest)


def test_an_expired_url_is_asked_for_again(host: AgentHost, sink: Sink, model: Path) -> None:
    sink.faults = [says(403, "AccessDenied")] * 2
    manifest = seal(model)
    lines = push(host, model, sink.parts(manifest))
    assert sum(len(line.get("renew", ())) for line in lines) == 2
    assert whole(sink, model, manifest)


def test_a_url_that_is_always_refused_is_an_access_error(host: AgentHost, sink: Sink, model: Path) -> None:
    sink.faults = [says(403, "SignatureDoesNotMatch")] * 1000
    with pytest.raises(AccessError, match="the store refused a fresh signature: 403 SignatureDoesNotMatch") as caught:
        push(host, model, sink.parts(seal(model)))
    assert "c0ffee" not in str(caught.value)


def test_bytes_that_the_store_refuses_are_an_unexpected_reply(host: AgentHost, sink: Sink, model: Path) -> None:
    parts = [dict(part, headers={"x-amz-checksum-sha256": "00"}) for part in sink.parts(seal(model))]
    with pytest.raises(UnexpectedReply, match="the store refused the bytes: 400 BadDigest") as caught:
        push(host, model, parts)
    assert "c0ffee" not in str(caught.value)


@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_file_that_is_not_the_sealed_one_is_never_sent_whole(
    host: AgentHost, sink: Sink, model: Path, how: str
) -> None:
    parts = [part for part in sink.parts(seal(model)) if part["path"] == "part"]
    data = bytearray((model / "part").read_bytes())
    data[-1] ^= 1
    if how == "gone":
        (model / "part").unlink()
    else:
        (model / "part").write_bytes(data if how == "changed" else data[:-1])
    with pytest.raises(StageFailed if how != "gone" else Exception, match="sending part"):
        push(host, model, parts)
    assert sink.bodies == {}


def test_a_store_that_is_away_ends_the_push_within_the_budget(host: AgentHost, sink: Sink, model: Path) -> None:
    parts = sink.parts(seal(model))
    sink.server.shutdown()
    sink.server.server_close()
    with pytest.raises(Unavailable, match=r"nothing arrives since 0\.3 s: Connection refused") as caught:
        push(host, model, parts, budget=0.3)
    assert "c0ffee" not in str(caught.value)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b"])
def test_only_files_of_the_model_are_sent(host: AgentHost, sink: Sink, model: Path, path: str) -> None:
    part = {"path": path, "start": 0, "size": 0, "sha256": "", "url": sink.url("x", 0), "headers": {}}
    with pytest.raises(StageFailed, match="does not travel"):
        push(host, model, [part])
    assert sink.requests == []


def test_a_push_needs_little_memory(host: AgentHost, sink: Sink, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    with (folder / "weights").open("wb") as file:
        file.truncate(12 * PART_SIZE)
    parts = sink.parts(seal(folder))
    with host.open("push", {"directory": str(folder)}) as channel:
        channel.send({"parts": parts})
        channel.send({"done": True})
        place = Path(f"/proc/{channel._process.pid}/status")  # type: ignore[attr-defined]
        lines: list[Any] = [{**line, "status": place.read_text()} for line in channel]
    assert lines[-1]["bytes"] == 12 * PART_SIZE
    peak = next(int(row.split()[1]) for row in lines[-1]["status"].splitlines() if row.startswith("VmHWM"))
    assert peak < 60_000  # kB


def test_https_goes_through_the_proxy_that_is_set(sink: Sink, model: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    class Proxy(Handler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

    proxy = QuietServer(("127.0.0.1", 0), Proxy)
    Proxy.sink = sink
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    environment = {"https_proxy": f"http://127.0.0.1:{proxy.server_port}", "PATH": os.environ["PATH"]}
    host = AgentHost(Launch(str(tmp_path / "agent"), python=PYTHON, environment=environment))
    parts = [dict(part, url="https://store.invalid/x") for part in sink.parts(seal(model))]
    with pytest.raises(Unavailable):
        push(host, model, parts, budget=0.1)
    proxy.shutdown()
    proxy.server_close()
    assert set(asked) == {"store.invalid:443"}
