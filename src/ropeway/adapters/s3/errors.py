"""What botocore raises, as our own errors: no key, no signature and no long body in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ropeway.adapters.http_errors import of_status, unanswered
from ropeway.errors import AccessError, ConfigError, Conflict, NotFound, RopewayError, Unavailable, brief


class NoBucket(NotFound):
    """Told apart inside this adapter only: a missing object is often fine, a missing bucket never."""


_BY_CODE: Mapping[str, type[RopewayError]] = {
    "AccessDenied": AccessError,
    "AuthorizationHeaderMalformed": AccessError,
    "ExpiredToken": AccessError,
    "InvalidAccessKeyId": AccessError,
    "InvalidToken": AccessError,
    "SignatureDoesNotMatch": AccessError,
    "NoSuchKey": NotFound,
    "NoSuchUpload": NotFound,
    "PreconditionFailed": Conflict,
    # Two writers at the same instant: neither has won, so asking again is right.
    "ConditionalRequestConflict": Unavailable,
    "InternalError": Unavailable,
    "RequestTimeout": Unavailable,
    "ServiceUnavailable": Unavailable,
    "SlowDown": Unavailable,
}
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"})
_BAD_CALL = frozenset({"ParamValidationError", "ProfileNotFound", "InvalidRegionError", "ConfigParseError"})


def translate(doing: str, error: Exception, endpoint: str, bucket: str) -> RopewayError:
    """`error` is a botocore error. `doing` starts the message."""
    reply = getattr(error, "response", None)
    if isinstance(reply, Mapping):
        return _refused(doing, reply, endpoint, bucket)
    kind = type(error).__name__
    if kind in _NO_CREDENTIALS:
        return AccessError(f"{doing}: no credentials for {endpoint}", "ropeway doctor")
    if kind == "SSLError":
        return AccessError(f"{doing}: {endpoint} has a certificate that is not trusted", "ropeway doctor")
    if kind in _BAD_CALL:
        return ConfigError(f"{doing}: {brief(str(error))}", "ropeway doctor")
    return unanswered(doing, endpoint, error)


def _refused(doing: str, reply: Mapping[str, Any], endpoint: str, bucket: str) -> RopewayError:
    told, meta = reply.get("Error", {}), reply.get("ResponseMetadata", {})
    code, status = str(told.get("Code", "")), int(meta.get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        hint = f"aws --endpoint-url {endpoint} s3 mb s3://{bucket}"
        return NoBucket(f"{doing}: {endpoint} has no bucket {bucket}", hint)
    if code in _SKEWED:
        skew = _skew(meta.get("HTTPHeaders", {}).get("date"))
        return AccessError(f"{doing}: this machine's clock and that of {endpoint} differ{skew}", "timedatectl status")
    kind = _BY_CODE.get(code) or of_status(status)
    advice = "ropeway doctor" if kind in (AccessError, Unavailable) else None
    return kind(f"{doing}: {endpoint} answered {status} {brief(_words(code, told))}", advice)


def _words(code: str, told: Mapping[str, Any]) -> str:
    return f"{code}: {told.get('Message') or 'without a reason'}"


def _skew(date: str | None) -> str:
    try:
        seconds = (datetime.now(UTC) - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError):
        return ""
    return f" by {abs(seconds):.0f} s"
