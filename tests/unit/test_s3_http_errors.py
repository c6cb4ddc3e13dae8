"""Addresses that cannot be right are refused; why nobody answered is told in plain words."""

from __future__ import annotations

import socket

import pytest

from ropeway.adapters.http_errors import address, of_status, unanswered
from ropeway.errors import AccessError, ConfigError, Conflict, NotFound, RopewayError, Unavailable, UnexpectedReply


@pytest.mark.parametrize("text", ["", "store:8333", "ftp://store", "http://", "http://store/?a=1", "http://store#a"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="address of the store"):
        address(text, "store")


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        address("http://me:geheim@store:8333", "store")
    assert "geheim" not in f"{caught.value!r}"


def test_an_address_has_no_slash_at_its_end() -> None:
    assert address("https://store/s3/", "store") == "https://store/s3"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessError), (403, AccessError), (404, NotFound), (409, Conflict), (412, Conflict),
        (408, Unavailable), (429, Unavailable), (500, Unavailable), (503, Unavailable), (507, Unavailable),
        (301, UnexpectedReply), (400, UnexpectedReply), (418, UnexpectedReply),
    ],
)  # fmt: skip
def test_a_status_stands_for_a_kind_of_error(status: int, kind: type[RopewayError]) -> None:
    assert of_status(status) is kind


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (TimeoutError(), "timed out"),
        (socket.gaierror(-2, "Name or service not known"), "its name is unknown"),
        (ValueError("?"), "RuntimeError"),
    ],
)
def test_the_reason_is_found_behind_the_librarys_own_error(cause: Exception, words: str) -> None:
    error = RuntimeError("http://store/?X-Amz-Signature=0")
    error.__cause__ = cause
    assert unanswered("reading", "http://store", error).message == f"reading: http://store does not answer ({words})"
