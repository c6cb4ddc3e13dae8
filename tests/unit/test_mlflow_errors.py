"""What MLflow answers when it refuses is sorted by what the reader must do."""

from __future__ import annotations

import pytest

from ropeway.adapters.mlflow.errors import lacks_call, refusal
from ropeway.adapters.mlflow.rest import Credentials
from ropeway.errors import (
    AccessError,
    ConfigError,
    Conflict,
    NotFound,
    RopewayError,
    Unavailable,
    UnexpectedReply,
)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "RESOURCE_DOES_NOT_EXIST", NotFound),
        (400, "RESOURCE_ALREADY_EXISTS", Conflict),
        (400, "INVALID_PARAMETER_VALUE", ConfigError),
        (403, "PERMISSION_DENIED", AccessError),
        (500, "INTERNAL_ERROR", Unavailable),
        (503, "TEMPORARILY_UNAVAILABLE", Unavailable),
        (429, "REQUEST_LIMIT_EXCEEDED", Unavailable),
        (400, "BAD_REQUEST", UnexpectedReply),
        (404, "ENDPOINT_NOT_FOUND", UnexpectedReply),
    ],
)
def test_a_code_stands_for_a_kind_of_error(status: int, code: str, kind: type[RopewayError]) -> None:
    error = refusal("registering mnist", "http://mlflow", status, {"error_code": code, "message": "no " * 1000})
    assert type(error) is kind
    assert error.message.startswith("registering mnist: http://mlflow")
    assert len(error.message) < 400


def test_what_is_no_mlflow_is_told_from_what_is_not_found() -> None:
    assert lacks_call(404, {"message": "<html>"})
    assert lacks_call(501, {})
    assert lacks_call(400, {"error_code": "FEATURE_DISABLED"})
    assert not lacks_call(404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
    assert not lacks_call(500, {})


def test_credentials_are_not_shown() -> None:
    assert repr(Credentials("user", "word", "token")) == "Credentials()"
