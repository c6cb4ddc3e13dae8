"""What every store adapter makes of trouble: with the store, with its settings, with the names that it is given."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ropeway.adapters.s3 import Options, S3Store
from ropeway.errors import AccessError, ConfigError, NotFound, RopewayError, Unavailable
from ropeway.names import Digest
from tests.contract.store_tools import KEY, StoreService, connect, sealed

pytest_plugins = ["tests.contract.store_fixtures"]

SHORT = timedelta(seconds=2)


def check_error(error: RopewayError, service: StoreService) -> None:
    shown = f"{error} {error!r} {error.hint}"
    assert service.secret_key not in shown
    assert service.access_key not in shown
    assert "Signature=" not in shown
    assert len(error.message) < 400
    assert error.__cause__ is not None


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong-secret"}, {"access_key": "wrong-access"}])
def test_wrong_keys_are_an_access_error(store_service: StoreService, wrong: dict[str, str]) -> None:
    store = connect(store_service, **wrong)
    for call in (lambda: store.manifest("mnist", Digest("sha256-" + "0" * 64)), lambda: list(store.models())):
        with pytest.raises(AccessError) as caught:
            call()
        check_error(caught.value, store_service)
        assert not any(value in str(caught.value) for value in wrong.values())


def test_a_wrong_bucket_is_not_found_and_not_made(store_service: StoreService, tmp_path: Path) -> None:
    store = connect(store_service, bucket="no-such-bucket")
    manifest = sealed(tmp_path, {"file": b"1"})
    digest = Digest(manifest.digest)
    for call in (
        lambda: store.missing(KEY, "mnist", manifest),
        lambda: store.missing(KEY, "mnist", manifest, check=True),
        lambda: store.publish(KEY, "mnist", manifest),
        lambda: store.reserve("mnist", digest, {"file": b"1"}),
        lambda: store.remove("mnist", digest),
    ):
        with pytest.raises(NotFound, match="no-such-bucket") as caught:
            call()
        assert "s3 mb s3://no-such-bucket" in str(caught.value.hint)
        check_error(caught.value, store_service)


def test_a_wrong_clock_is_named(store_service: StoreService, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.auth

    now = botocore.auth.get_current_datetime

    def an_hour_ago(*arguments: Any, **named: Any) -> datetime:
        moment: datetime = now(*arguments, **named) - timedelta(hours=1)
        return moment

    monkeypatch.setattr(botocore.auth, "get_current_datetime", an_hour_ago)
    with pytest.raises(AccessError, match="clock") as caught:
        list(connect(store_service).models())
    check_error(caught.value, store_service)


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def overloaded() -> Iterator[str]:
    class Overloaded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Overloaded) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("trouble", ["nobody", "silent", "overloaded"])
def test_a_store_that_does_not_answer_is_unavailable_by_the_deadline(
    store_service: StoreService, request: pytest.FixtureRequest, trouble: str
) -> None:
    endpoint = request.getfixturevalue(trouble)
    store = connect(store_service, endpoint=endpoint, options=Options(deadline=SHORT))
    store._connection.client()
    began = time.monotonic()
    with pytest.raises(Unavailable, match=endpoint) as caught:
        store.look("lease")
    assert time.monotonic() - began < SHORT.total_seconds() + 0.5
    check_error(caught.value, store_service)


@pytest.mark.parametrize("name", ["", "..", "Mnist", "a/b", "mnist\n", ".ropeway", "m" * 51, "mnist ", "ünicode"])
def test_bad_names_are_refused_before_any_call(name: str) -> None:
    store = S3Store({"controller": "http://127.0.0.1:1"}, "models", "us-east-1")
    digest = Digest("sha256-" + "0" * 64)
    with pytest.raises(ConfigError):
        store.uri(name, digest)
    with pytest.raises(ConfigError):
        store.manifest(name, digest)
    with pytest.raises(ConfigError):
        list(store.models(name))


def test_a_path_that_a_store_would_rename_is_refused_before_any_call(tmp_path: Path) -> None:
    store = S3Store({"controller": "http://127.0.0.1:1"}, "models", "us-east-1")
    with pytest.raises(ConfigError, match="backslash"):
        store.missing(KEY, "mnist", sealed(tmp_path, {"back\\slash": b"1"}))


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a/", "a b", "a\n", "ü", "a" * 201])
def test_bad_names_of_small_objects_are_refused_before_any_call(name: str) -> None:
    store = S3Store({"controller": "http://127.0.0.1:1"}, "models", "us-east-1")
    with pytest.raises(ConfigError):
        store.look(name)
    with pytest.raises(ConfigError):
        store.swap(name, None, b"1")
