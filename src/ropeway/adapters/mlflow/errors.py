"""What an MLflow server answers when it refuses, as our own errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ropeway.adapters.http_errors import of_status
from ropeway.errors import (
    AccessError,
    ConfigError,
    Conflict,
    NotFound,
    RopewayError,
    Unavailable,
    UnexpectedReply,
    brief,
)

_BY_CODE: Mapping[str, type[RopewayError]] = {
    "PERMISSION_DENIED": AccessError,
    "UNAUTHENTICATED": AccessError,
    "INVALID_PARAMETER_VALUE": ConfigError,
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "RESOURCE_ALREADY_EXISTS": Conflict,
    "RESOURCE_CONFLICT": Conflict,
    "TEMPORARILY_UNAVAILABLE": Unavailable,
    "REQUEST_LIMIT_EXCEEDED": Unavailable,
}
_ABSENT = frozenset({"ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED", "FEATURE_DISABLED"})
_NO_SUCH_CALL = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


def refusal(doing: str, where: str, status: int, reply: Mapping[str, object]) -> RopewayError:
    """`reply`: the JSON that came with the status, or `{"message": …}` made of a text that is none."""
    code, words = str(reply.get("error_code", "")), brief(str(reply.get("message", "")))
    if lacks_call(status, reply):
        return UnexpectedReply(
            f"{doing}: {where} does not know this call of MLflow's REST API ({status})",
            "check the registry's uri in the site file: an MLflow server from 2.9 on",
        )
    kind = _BY_CODE.get(code) or of_status(status)
    hint = "ropeway doctor" if kind in (AccessError, Unavailable) else None
    return kind(f"{doing}: {where} answered {status} {code or 'without a code'}: {words or 'no reason given'}", hint)


def lacks_call(status: int, reply: Mapping[str, object]) -> bool:
    """Whether the server has no such call at all, as opposed to a call that found nothing."""
    return reply.get("error_code") in _ABSENT or (status in _NO_SUCH_CALL and "error_code" not in reply)
