"""Values with units as people write them: durations, sizes, requirements, secret references."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from ropeway.errors import AccessError

_SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_BYTES = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_NUMBER_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")
_REQUIREMENT = re.compile(r"\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


def _scaled(value: object, units: dict[str, Any], example: str) -> float:
    match = _NUMBER_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{value!r} has no known unit: write {example} (units: {', '.join(units)})")
    return float(match[1]) * float(units[match[2]])


def duration(value: object) -> timedelta:
    """`15min`, `5s`, `100ms`, `2h` -> timedelta; ValueError without a unit."""
    return value if isinstance(value, timedelta) else timedelta(seconds=_scaled(value, _SECONDS, "15min"))


def size(value: object) -> int:
    """`4GiB`, `500MB` -> bytes; ValueError without a unit."""
    return int(_scaled(value, _BYTES, "4GiB"))


def in_words(span: timedelta) -> str:
    """A duration as `duration` reads it, in the largest unit that keeps it whole."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit in ("d", "h", "min", "s"):
        step = int(_SECONDS[unit] * 1000)
        if milliseconds % step == 0 and milliseconds:
            return f"{milliseconds // step}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def size_in_words(count: int) -> str:
    """Bytes as `size` reads them, exactly."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if count and count % _BYTES[unit] == 0:
            return f"{count // _BYTES[unit]}{unit}"
    return f"{count}B"


def percent(value: object) -> int:
    """`10` or `10%` -> 10; ValueError outside 0 to 100."""
    text = value[:-1] if isinstance(value, str) and value.endswith("%") else value
    number = int(text) if isinstance(text, (int, str)) and str(text).strip().isdigit() else -1
    if not 0 <= number <= 100:
        raise ValueError(f"{value!r} is no percentage: write 10 or 10%")
    return number


class Requirement(str):
    """A bound on a metric, such as `>= 0.95`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Requirement:
        match = _REQUIREMENT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f'{value!r} is no requirement: write ">= 0.95" (>=, <=, > or <, then a number)')
        return cls(f"{match[1]} {match[2]}")

    def met_by(self, measured: float) -> bool:
        operator, bound = self.split()
        return _COMPARE[operator](measured, float(bound))


class SecretRef(str):
    """Where a secret is, never what it is: `env:NAME` or `file:PATH`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> SecretRef:
        if not isinstance(value, str) or not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+", value):
            raise ValueError("a secret is given by reference: write env:NAME or file:PATH")
        return cls(value)

    def resolve(self) -> str:
        """The secret itself. Raises AccessError when it is not there."""
        kind, _, place = self.partition(":")
        if kind == "env":
            secret = os.environ.get(place)
            if not secret:
                raise AccessError(f"reading the secret {self}: the variable is not set", f"export {place}=…")
            return secret
        try:
            return Path(place).expanduser().read_text(encoding="utf-8").strip()
        except OSError as error:
            raise AccessError(f"reading the secret {self}: {error.strerror}", f"ls -l {place}") from error


def _text_schema(description: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description, "examples": [example]})


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(in_words),
    _text_schema("A duration with its unit", "15min"),
]
Size = Annotated[
    int,
    BeforeValidator(size),
    PlainSerializer(size_in_words),
    _text_schema("A size with its unit", "4GiB"),
]
Percent = Annotated[
    int,
    BeforeValidator(percent),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 100}, {"type": "string"}]}),
]
Bound = Annotated[
    Requirement,
    PlainValidator(Requirement.parse),
    PlainSerializer(str),
    _text_schema("A bound on a metric", ">= 0.95"),
]
Secret = Annotated[
    SecretRef,
    PlainValidator(SecretRef.parse),
    PlainSerializer(str),
    _text_schema("Where a secret is", "env:AWS_SECRET_ACCESS_KEY"),
]
