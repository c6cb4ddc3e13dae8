"""What replicas print: one file each, kept small, with the last words of one that died."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ropeway.errors import brief

LIMIT = 16 << 20
"""Bytes of a log; what is older than the last half of it goes."""
_TAIL = 8192
_LONGEST = 1000
"""Characters of our own server's message."""
_SAID = "Error: "
_TRY = "Try: "


def last_words(log: Path) -> tuple[str, str | None]:
    """Why the process ended, by its own last words, and its hint: the last `Error:` line, else the last line."""
    lines = _tail(log)
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].startswith(_SAID):
            return lines[at].removeprefix(_SAID)[:_LONGEST], _hint(lines[at + 1 :])
    return (brief(lines[-1]) if lines else "it said nothing"), None


def trim(log: Path) -> None:
    """Keep the last half of a log that has outgrown its limit. The writer appends, so it goes on at the new end."""
    if not log.exists() or log.stat().st_size <= LIMIT:
        return
    with log.open("r+b") as file:
        file.seek(-LIMIT // 2, 2)
        kept = file.read()
        file.seek(0)
        file.write(kept)
        file.truncate()


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def _hint(lines: Sequence[str]) -> str | None:
    found = (line.removeprefix(_TRY) for line in lines if line.startswith(_TRY))
    return next(found, None)
