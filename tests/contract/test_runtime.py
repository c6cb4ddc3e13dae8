"""The model server's life as a process: it verifies, loads, is ready, drains; or refuses and says why."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from tests.contract.runtime_server import MODELS, Running, command, environ, running, sealed

NO_DIGEST = "sha256-" + "0" * 64


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, "slow") as server:
        yield server


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and what was said; it must be two lines, without a traceback."""
    done = subprocess.run(command(folder, *arguments), env=environ(), capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"Error: .+\nTry: .+\n", done.stderr), done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_without_an_expected_digest_it_does_not_start(tmp_path: Path) -> None:
    sealed(tmp_path / "toy", "digits")
    code, message = refused(tmp_path / "toy", "--port", "0")
    assert code == 2
    assert "no expected model digest" in message


def test_another_digest_does_not_start(tmp_path: Path) -> None:
    digest = sealed(tmp_path / "toy", "digits")
    code, message = refused(tmp_path / "toy", "--port", "0", "--model-digest", NO_DIGEST)
    assert code == 4
    assert f"expected model digest {NO_DIGEST}, found {digest}" in message


def test_an_altered_model_does_not_start(tmp_path: Path) -> None:
    digest = sealed(tmp_path / "toy", "digits")
    model = tmp_path / "toy/model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    code, message = refused(tmp_path / "toy", "--port", "0", "--model-digest", digest)
    assert code == 4
    assert "model.onnx is changed" in message


@pytest.mark.parametrize(
    ("file", "data", "expected"),
    [
        ("model.onnx", (MODELS / "digits.onnx").read_bytes()[:100], "ONNX Runtime"),
        ("model.onnx", b"", "ONNX Runtime"),
        ("model.onnx", (MODELS / "future.onnx").read_bytes(), "opset"),
        ("model.pkl", b"\x80\x04.", "model.pkl, a pickle, which is code"),
    ],
    ids=["cut", "empty", "opset", "pickle"],
)
def test_a_model_that_cannot_be_loaded_does_not_start(tmp_path: Path, file: str, data: bytes, expected: str) -> None:
    (tmp_path / file).write_bytes(data)
    code, message = refused(tmp_path, "--port", "0", "--unverified")
    assert code == 5
    assert expected in message


def test_a_taken_port_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = refused(tmp_path, "--port", str(port), "--model-digest", NO_DIGEST)
    assert code == 6
    assert f"port {port} on 127.0.0.1 is taken" in message


def test_an_unverified_model_says_so(tmp_path: Path) -> None:
    sealed(tmp_path / "toy", "digits")
    arguments = command(tmp_path / "toy", "--unverified", "--port", "0")
    process = subprocess.Popen(arguments, env=environ(), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        assert httpx.get(url + "/v2/health/ready").headers["x-model-digest"] == "unverified"
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def await_listening(port: int) -> None:
    deadline = monotonic() + 30
    while monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            sleep(0.01)
        else:
            return


def test_while_it_loads_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    digest = sealed(tmp_path / "toy", "slow")
    port = free_port()
    arguments = command(tmp_path / "toy", "--model-digest", digest, "--port", str(port))
    process = subprocess.Popen(arguments, env=environ(), stderr=subprocess.DEVNULL)
    try:
        await_listening(port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            refusal = client.post("/v1/models/toy:predict", json={"instances": [1.0]})
            assert client.get("/v2/health/live").status_code == 200
            assert client.get("/v2/models/toy/ready").json() == {"name": "toy", "ready": False}
        assert (refusal.status_code, refusal.json()) == (503, {"error": "model 'toy' is still loading"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()


def test_a_slow_inference_does_not_hold_up_health(slow: Running) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(slow.post, "/v1/models/toy:predict", {"instances": [1.0] * 20})
        checks = 0
        while not answer.done():
            assert slow.get("/v2/health/ready").status_code == 200
            checks += 1
        assert answer.result().status_code == 200
    assert checks > 5


def test_sigterm_drains(slow: Running) -> None:
    """Not ready at once, still answering for a moment, what was accepted is finished, exit code 0."""
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(slow.post, "/v1/models/toy:predict", {"instances": [1.0] * 20})
        while slow.metric("ropeway_runtime_in_flight") < 1:
            pass
        slow.process.send_signal(signal.SIGTERM)
        start = monotonic()
        while (health := slow.get("/v2/health/ready")).status_code == 200:
            assert monotonic() - start < 5
        assert (health.status_code, health.json(), health.headers["connection"]) == (503, {"ready": False}, "close")
        late = slow.post("/v1/models/toy:predict", {"instances": [1.0]})
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        assert accepted.result().json() == {"predictions": [2_000_000.0]}
    assert slow.process.wait(timeout=30) == 0
    with pytest.raises(httpx.ConnectError):
        slow.get("/v2/health/live")


def test_what_is_in_flight_is_shown(slow: Running) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(slow.post, "/v1/models/toy:predict", {"instances": [1.0] * 10})
        seen = {slow.metric("ropeway_runtime_in_flight") for _ in range(20)}
        assert answer.result().json() == {"predictions": [1_000_000.0]}
    assert 1.0 in seen
    assert slow.metric("ropeway_runtime_in_flight") == 0.0
