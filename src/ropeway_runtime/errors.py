"""Why the server refuses to start, and why it refuses a request.

Refusal
├── UsageError         exit 2   change the command line
├── VerificationError  exit 4   the folder does not hold the expected model
├── LoadError          exit 5   the model is intact, but this server cannot load it
└── ListenError        exit 6   choose another address
"""

from __future__ import annotations

from typing import ClassVar

REPLY_LIMIT = 256
"""Characters of a library's own message that may stand in ours."""


class Refusal(Exception):
    """What was expected and what was found, and a hint that says what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def report(self) -> str:
        """Two lines for stderr."""
        return f"Error: {self.message}\nTry: {self.hint}\n"


class UsageError(Refusal):
    exit_code = 2


class VerificationError(Refusal):
    exit_code = 4


class LoadError(Refusal):
    exit_code = 5


class ListenError(Refusal):
    exit_code = 6


class RequestError(Exception):
    """An answer that is no success: an HTTP status, and what was expected and what came."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def brief(text: object) -> str:
    """Foreign text in one line of at most REPLY_LIMIT characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= REPLY_LIMIT else line[: REPLY_LIMIT - 1] + "…"
