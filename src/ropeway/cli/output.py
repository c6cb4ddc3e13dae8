"""What commands print: lines for people or JSON for programs, errors with their hint, the right exit code."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ropeway.errors import RopewayError

INTERRUPTED = 130
"""What shells expect of a command that was ended by Ctrl-C."""


def print_json(value: object) -> None:
    """One line, flushed, so that a reader behind a pipe sees it at once."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: object) -> object:
    """Records, paths, enums and durations as JSON has them; durations in seconds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    return value


def error_as_json(error: RopewayError) -> dict[str, object]:
    """`{"error": {"kind", "message", "hint", "exit_code"}}`, the last line of a command that failed under --json."""
    told = {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
    return {"error": told}


def leave(error: RopewayError, *, as_json: bool) -> NoReturn:
    """Tell the error once, and end with its exit code."""
    if as_json:
        print_json(error_as_json(error))
    else:
        sys.stderr.write(f"Error: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"Try:   {error.hint}\n")
    sys.exit(error.exit_code)


@contextmanager
def ending(*, as_json: bool, debug: bool = False, after_interrupt: Callable[[], str] | None = None) -> Iterator[None]:
    """Errors become one message and an exit code. Ctrl-C once stops cleanly, twice at once."""
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except RopewayError as error:
        if debug:
            raise
        leave(error, as_json=as_json)
    except KeyboardInterrupt:
        hint = after_interrupt() if after_interrupt else ""
        sys.stderr.write(f"\nStopped. {hint}\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(INTERRUPTED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _stop_now)
    signal.signal(signal.SIGTERM, _stop_now)
    raise KeyboardInterrupt


def _stop_now(_: int, __: FrameType | None) -> None:
    os._exit(INTERRUPTED)
