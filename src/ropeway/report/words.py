"""Numbers, spans and times as the page writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ropeway.report import reading

NOTHING = "–"
_THIN = "\u202f"
"""Narrow no-break space: a number and its unit stay together."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_DIGEST = re.compile(r"sha256-[0-9a-f]{64}")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def span(seconds: float | None) -> str:
    """A length of time in the unit that fits: `340 ms`, `4.2 s`, `2 min 05 s`, `1 h 03 min`, `2 d 4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}{_THIN}ms"
    if seconds < 59.95:
        return f"{seconds:.{2 if seconds < 9.995 else 1}f}{_THIN}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}{_THIN}min {whole % _MINUTE:02d}{_THIN}s"
    if whole < _DAY:
        return f"{whole // _HOUR}{_THIN}h {whole % _HOUR // _MINUTE:02d}{_THIN}min"
    return f"{whole // _DAY}{_THIN}d {whole % _DAY // _HOUR}{_THIN}h"


def clock(seconds: float, step: float = _MINUTE) -> str:
    """A tick of a time axis, as exact as its `step` asks for: `30 s`, `1:30 min`, `9:03 h`, `9:03:15`."""
    if seconds < _MINUTE:
        return f"{seconds:g}{_THIN}s"
    whole = round(seconds)
    if whole >= _DAY:
        return f"{seconds / _DAY:.3g}{_THIN}d"
    if whole >= _HOUR and step < _MINUTE:
        return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02d}:{whole % _MINUTE:02d}"
    if whole >= _HOUR:
        return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02d}{_THIN}h"
    return f"{whole // _MINUTE}:{whole % _MINUTE:02d}{_THIN}min"


def milliseconds(seconds: float | None) -> str:
    """A latency: always milliseconds, three figures."""
    if seconds is None:
        return NOTHING
    value = seconds * 1000
    return f"{value:,.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}{_THIN}ms"


def size(count: float | None) -> str:
    """Bytes in decimal units: `448 kB`."""
    if count is None:
        return NOTHING
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g}{_THIN}{unit}"
    return f"{count:.0f}{_THIN}B"


def count(value: object) -> str:
    seen = reading.number(value)
    return NOTHING if seen is None else f"{seen:,.0f}"


def figure(value: object) -> str:
    """A measured value: at most six significant figures, thousands apart, no exponent where none is needed."""
    seen = reading.number(value)
    if seen is None:
        return NOTHING if value is None else str(value)
    if seen == int(seen) and abs(seen) < 1e15:
        return f"{seen:,.0f}"
    if 1e-4 <= abs(seen) < 1e6:
        places = max(0, 5 - len(str(int(abs(seen)))) + (int(abs(seen)) == 0))
        return f"{seen:,.{places}f}".rstrip("0").rstrip(".")
    mantissa, _, exponent = f"{seen:.5g}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}" if exponent else mantissa


def counted(number: int, one: str, many: str) -> str:
    """`1 line`, `2 lines`"""
    return f"{number:,} {one if number == 1 else many}"


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share * 100:.1f}{_THIN}%"


def moment(at: float | None) -> str:
    """`22 November 2026, 10:00:00 UTC`"""
    when = _utc(at)
    return f"{when.day} {when:%B %Y, %H:%M:%S} UTC" if when else NOTHING


def time_of_day(at: float | None) -> str:
    """`10:00:00.123`, in UTC"""
    when = _utc(at)
    return f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}" if when else NOTHING


def iso(at: float | None) -> str:
    when = _utc(at)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else ""


def shortened(text: str, limit: int = 64) -> str:
    """The text, its middle left out when it is longer: both ends of a digest, a path or a name tell something."""
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def short_digest(digest: str) -> str:
    """Enough of a digest to recognise it: 12 hex digits."""
    return digest.removeprefix("sha256-")[:12]


def short_digests(text: str) -> str:
    """The text with every whole digest in it shortened to what recognises it."""
    return _DIGEST.sub(lambda found: f"sha256-{short_digest(found[0])}…", text)


def begun(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def listed(names: list[str]) -> str:
    """`a, b and c`"""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _utc(at: float | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC) if at is not None else None
    except (ValueError, OverflowError, OSError):
        return None
