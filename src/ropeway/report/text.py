"""Foreign text made fit to show: no control characters, no secrets, no endless lines."""

from __future__ import annotations

import re

LIMIT = 2000
"""Characters of one value; longer ones are cut."""
HIDDEN = "…"

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, marks that turn the direction of text around, and halves of characters."""

_REFERENCE = r"(?!env:|file:|…)"
_SECRETS = (
    (re.compile(r"([a-z][a-z0-9+.-]{0,20}://)[^/\s@]{1,200}@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    (re.compile(r"(x-amz-(?:signature|credential|security-token)=)[^&\s\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer)\s+)\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(
            rf"((?:password|passwd|secret|secret[_-]?key|access[_-]?key|api[_-]?key|private[_-]?key)[\"']?\s*[:=]\s*[\"']?)"
            rf"{_REFERENCE}[^\s,;&\"']{{4,}}",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(token[\"']?\s*[:=]\s*[\"']?){_REFERENCE}[\w.+/=-]{{16,}}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), HIDDEN),
)
_SECRET_NAME = re.compile(
    r"(?:^|[_\-. ])(?:password|passwd|secret|credentials?|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key)$",
    re.IGNORECASE,
)
_TOKEN_NAME = re.compile(r"(?:^|[_\-. ])token$", re.IGNORECASE)
_LOOKS_LIKE_TOKEN = re.compile(r"[\w.+/=-]{16,}")


def clean(value: object, limit: int = LIMIT) -> str:
    """Any value as text that can be written and shown; what looks like a secret is replaced by `…`."""
    shown = _UNFIT.sub("", _COLOUR.sub("", str(value)[: 4 * limit]))
    for pattern, replacement in _SECRETS:
        shown = pattern.sub(replacement, shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + HIDDEN


def is_secret(name: str, value: object) -> bool:
    """Whether a value of this name is probably a secret. References (`env:NAME`, `file:PATH`) and numbers are none."""
    if not isinstance(value, str) or value.startswith(("env:", "file:")):
        return False
    if _TOKEN_NAME.search(name):
        return _LOOKS_LIKE_TOKEN.fullmatch(value) is not None
    return _SECRET_NAME.search(name) is not None
