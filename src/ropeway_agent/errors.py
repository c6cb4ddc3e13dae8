"""Errors of the agent; `kind` names the class of ropeway.errors that they become at the other end."""

import errno
from typing import Dict, Optional


class Failure(Exception):  # noqa: N818 - it is what an operation answers, not a fault of the agent
    """What an operation answers instead of a result."""

    def __init__(self, kind: str, message: str, hint: Optional[str] = None) -> None:
        super().__init__(kind, message, hint)
        self.kind = kind
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ManifestError(Exception):
    """A folder that cannot be sealed, or bytes that are no manifest."""

    def __init__(self, message: str, hint: Optional[str] = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class EmptyModel(ManifestError):
    """A folder without a single file."""


_KINDS = {
    errno.ENOENT: "NotFound",
    errno.ENOTDIR: "NotFound",
    errno.EACCES: "AccessError",
    errno.EPERM: "AccessError",
    errno.EROFS: "AccessError",
}


def of_system(doing: str, error: OSError) -> Failure:
    """The failure that a refused system call stands for; what is not about names or rights may pass with time."""
    kind = _KINDS.get(error.errno or 0, "Unavailable")
    place = f": {error.filename}" if isinstance(error.filename, str) else ""
    hint = "df -h; quota -s" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return Failure(kind, f"{doing}{place}: {error.strerror or error}", hint)


def as_json(failure: Failure) -> Dict[str, object]:
    return {"error": failure.kind, "message": failure.message, "hint": failure.hint}
