"""Signed requests: made without asking anybody, for one part's bytes, for the cluster's address."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ropeway.adapters.s3 import Credentials, Options, S3Store
from ropeway.errors import ConfigError
from ropeway.interfaces.store import Part
from ropeway.names import Digest

DIGEST = Digest("sha256-" + "0" * 64)
HELLO = Part("data/a b.bin", 1, 0, 5, hashlib.sha256(b"hello").hexdigest(), upload=None)
SECRETS = ("the-access-key", "the-secret-key", "the-token")


def store(**options: Any) -> S3Store:
    endpoints = {"controller": "http://store.lan:8333", "cluster": "https://store.cluster"}
    return S3Store(endpoints, "models", "us-east-1", Credentials(*SECRETS), Options(**options))


def sign(part: Part, lifetime: timedelta = timedelta(minutes=10), **options: Any) -> tuple[Any, dict[str, list[str]]]:
    (signed,) = store(**options).sign("mnist", DIGEST, [part], lifetime)
    url = urlsplit(signed.url)
    return (signed, url), parse_qs(url.query)


def test_a_file_in_one_piece_is_a_put_of_its_bytes_only() -> None:
    (signed, url), query = sign(HELLO)
    assert (url.scheme, url.netloc) == ("https", "store.cluster")
    assert url.path == f"/models/mnist/{DIGEST}/data/a%20b.bin"
    assert query["X-Amz-SignedHeaders"] == ["host;x-amz-checksum-sha256"]
    assert query["X-Amz-Expires"] == ["600"]
    assert signed.headers == {"x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}


def test_a_part_of_an_upload_names_the_upload_and_its_number() -> None:
    _, query = sign(replace(HELLO, upload="the-upload", number=7))
    assert query["uploadId"] == ["the-upload"]
    assert query["partNumber"] == ["7"]


def test_the_bucket_can_be_part_of_the_hosts_name() -> None:
    (_, url), _ = sign(HELLO, addressing="virtual")
    assert url.netloc == "models.store.cluster"
    assert url.path == f"/mnist/{DIGEST}/data/a%20b.bin"


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_a_lifetime_that_no_store_takes_is_refused(lifetime: timedelta) -> None:
    with pytest.raises(ConfigError):
        sign(HELLO, lifetime)


def test_the_controllers_address_stands_for_those_that_are_not_named() -> None:
    alone = S3Store({"controller": "http://store.lan:8333/"}, "models", "us-east-1", Credentials(*SECRETS))
    (signed,) = alone.sign("mnist", DIGEST, [HELLO], timedelta(minutes=1))
    assert signed.url.startswith("http://store.lan:8333/models/mnist/")
    assert alone.address == "http://store.lan:8333"


def test_no_secret_is_shown() -> None:
    (signed, url), _ = sign(HELLO)
    shown = f"{signed!r} {store()!r} {Credentials(*SECRETS)!r} {vars(store())!r}"
    assert url.query not in shown
    assert not any(secret in shown for secret in SECRETS)
    assert "the-secret-key" not in signed.url


@pytest.mark.parametrize("endpoints", [{}, {"cluster": "http://store"}, {"controller": "store"}])
def test_a_store_without_the_controllers_address_is_refused(endpoints: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        S3Store(endpoints, "models", "us-east-1")
