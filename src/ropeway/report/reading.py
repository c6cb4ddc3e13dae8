"""Reading what others wrote: a value of the type that was asked for, or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ropeway.errors import UnexpectedReply
from ropeway.report.text import HIDDEN, clean, is_secret

FILE_LIMIT = 64 * 2**20
"""Bytes of a result file: larger ones are not read."""
_LARGEST = 1e30
"""Beyond it a number is taken for a failure of arithmetic: sums and ratios of such numbers overflow."""

Plain = str | int | float | bool | None


def mapping(value: object) -> Mapping[str, Any]:
    """The JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """The JSON array, else an empty one."""
    return value if isinstance(value, (list, tuple)) else ()


def text(value: object) -> str | None:
    """Strings and numbers as text; None for what is absent, empty or nested."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return clean(value) or None
    return None


def number(value: object) -> float | None:
    """A finite number; None for NaN, infinity and all that is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < _LARGEST and math.isfinite(value) else None


def whole(value: object) -> int | None:
    seen = number(value)
    return int(seen) if seen is not None and seen == int(seen) else None


def plain(name: str, value: object) -> Plain:
    """A value of a flat mapping: as it is when JSON can hold it, as text otherwise; `…` for a secret."""
    if is_secret(name, value):
        return HIDDEN
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) < _LARGEST:
        return value
    if isinstance(value, float) and number(value) is not None:
        return value
    return clean(value)


def flat(value: object) -> dict[str, Plain]:
    """A flat mapping of what a JSON object holds; nested values as their JSON text."""
    return {clean(name, 200): plain(str(name), _unnested(item)) for name, item in mapping(value).items()}


def _unnested(value: object) -> object:
    if not isinstance(value, (dict, list)):
        return value
    try:
        return json.dumps(value)
    except (RecursionError, ValueError):
        return HIDDEN


def tree(value: object, name: str = "") -> Any:
    """Nested mappings and arrays with every leaf made fit to show."""
    if isinstance(value, Mapping):
        return {clean(key, 200): tree(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tree(item, name) for item in value]
    return plain(name, value)


def load(path: Path) -> Any:
    """The JSON in the file; None when there is no file. Raises UnexpectedReply when it cannot be read."""
    if not path.is_file():
        return None
    shown = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > FILE_LIMIT:
            raise UnexpectedReply(f"reading {shown}: it is larger than {FILE_LIMIT // 2**20} MiB")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UnexpectedReply(f"reading {shown}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UnexpectedReply(f"reading {shown}: it is no JSON") from error
