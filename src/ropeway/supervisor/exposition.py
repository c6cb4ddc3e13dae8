"""Reads Prometheus's text format, as far as a replica's own metrics need it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def samples(text: str, names: Collection[str]) -> Iterator[Sample]:
    """Those samples that have one of the names, in order. Lines that are none are passed over."""
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is not None and found["name"] in names:
            yield Sample(found["name"], float(found["value"]), labels(found["labels"] or ""))


def labels(text: str) -> dict[str, str]:
    """The pairs in `a="b",c="d"`."""
    return {name: _plain(value) for name, value in _LABEL.findall(text)}


def _plain(value: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0]), value) if "\\" in value else value
