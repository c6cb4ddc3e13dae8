"""What botocore raises becomes an error that says what to do, and shows no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)

from ropeway.adapters.s3.errors import translate
from ropeway.errors import (
    AccessError,
    ConfigError,
    Conflict,
    NotFound,
    RopewayError,
    Unavailable,
    UnexpectedReply,
)

ENDPOINT = "http://store:8333"


def refused(code: str, status: int, message: str = "no", **headers: str) -> RopewayError:
    reply: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return translate("publishing mnist", ClientError(reply, "PutObject"), ENDPOINT, "models")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InvalidAccessKeyId", 403, AccessError),
        ("SignatureDoesNotMatch", 403, AccessError),
        ("ExpiredToken", 400, AccessError),
        ("403", 403, AccessError),
        ("NoSuchBucket", 404, NotFound),
        ("NoSuchKey", 404, NotFound),
        ("404", 404, NotFound),
        ("PreconditionFailed", 412, Conflict),
        ("ConditionalRequestConflict", 409, Unavailable),
        ("SlowDown", 503, Unavailable),
        ("InternalError", 500, Unavailable),
        ("502", 502, Unavailable),
        ("TooManyRequests", 429, Unavailable),
        ("BadDigest", 400, UnexpectedReply),
        ("InvalidRange", 416, UnexpectedReply),
    ],
)
def test_a_refusal_is_sorted_by_what_the_reader_must_do(code: str, status: int, kind: type[RopewayError]) -> None:
    error = refused(code, status)
    assert isinstance(error, kind)
    assert error.message.startswith("publishing mnist: ")
    assert ENDPOINT in error.message


def test_a_missing_bucket_comes_with_the_command_that_makes_it() -> None:
    assert refused("NoSuchBucket", 404).hint == "aws --endpoint-url http://store:8333 s3 mb s3://models"


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "RequestExpired"])
def test_a_wrong_clock_is_named_with_the_difference(code: str) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(hours=2))
    error = refused(code, 403, date=date)
    assert isinstance(error, AccessError)
    assert " differ by 720" in error.message
    assert error.hint == "timedatectl status"
    assert refused(code, 403, date="yesterday").message.endswith("differ")


def test_a_long_reply_is_trimmed() -> None:
    assert len(refused("InvalidRequest", 400, "x" * 5000).message) < 350


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (NoCredentialsError(), AccessError, "no credentials"),
        (SSLError(endpoint_url=ENDPOINT, error="certificate verify failed"), AccessError, "certificate"),
        (ParamValidationError(report="bad"), ConfigError, "bad"),
        (ReadTimeoutError(endpoint_url=ENDPOINT + "/models/x?X-Amz-Signature=0"), Unavailable, "timed out"),
        (EndpointConnectionError(endpoint_url=ENDPOINT + "/models/x"), Unavailable, "does not answer"),
    ],
)
def test_what_keeps_a_request_from_its_answer_is_told_apart(
    error: Exception, kind: type[RopewayError], words: str
) -> None:
    found = translate("reading", error, ENDPOINT, "models")
    assert isinstance(found, kind)
    assert words in found.message
    assert "Signature" not in found.message
