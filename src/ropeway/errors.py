"""Every error that leaves Ropeway, sorted by what its reader must do.

RopewayError
├── ConfigError      exit 2   edit the file or the command line
├── AccessError      exit 3   fix credentials or permissions
├── NotFound         exit 4   name something that exists
├── Conflict         exit 5   someone else holds it: wait, or take it over
├── Unavailable      exit 6   try again: a service does not answer
│   ├── Paused       exit 6   the run waits for something outside; `ropeway resume` goes on
│   └── Overdue      exit 6   it answers, but what was waited for has not come
├── UnexpectedReply  exit 7   a service said something that we do not understand
└── StageFailed      exit 1   the work itself failed: read the reason
"""

from __future__ import annotations

from typing import ClassVar

REPLY_LIMIT = 256
"""Characters of a foreign reply that may stand in a message: longer ones hide the point, and may hold secrets."""


class RopewayError(Exception):
    """What we were doing, what came back, and a hint that is a command or a place in a file."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ConfigError(RopewayError):
    exit_code = 2


class AccessError(RopewayError):
    exit_code = 3


class NotFound(RopewayError):
    exit_code = 4


class Conflict(RopewayError):
    exit_code = 5


class Unavailable(RopewayError):
    exit_code = 6


class Paused(Unavailable):
    pass


class Overdue(Unavailable):
    """What was waited for has not come in time; everything that was asked did answer."""


class UnexpectedReply(RopewayError):
    exit_code = 7


class StageFailed(RopewayError):
    exit_code = 1


def by_name(name: str) -> type[RopewayError]:
    """The class of that name; RopewayError when an older or newer release named it differently."""
    kinds = (
        ConfigError,
        AccessError,
        NotFound,
        Conflict,
        Unavailable,
        Paused,
        Overdue,
        UnexpectedReply,
        StageFailed,
    )
    return next((kind for kind in kinds if kind.__name__ == name), RopewayError)


def brief(reply: str) -> str:
    """A foreign reply in one line of at most REPLY_LIMIT characters."""
    line = " ".join(reply.split())
    return line if len(line) <= REPLY_LIMIT else line[: REPLY_LIMIT - 1] + "…"
