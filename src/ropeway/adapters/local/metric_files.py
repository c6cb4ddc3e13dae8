"""What the supervisor counts at the replicas, kept in two files a revision that replace each other: a ring."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ropeway.interfaces.serving import RevisionId

LIMIT = 1 << 20
"""Bytes of one file: half an hour of one replica under load, a day of an idle one."""


@dataclass(frozen=True, slots=True)
class Counts:
    """A replica's counters at a moment (seconds since 1970): requests by status code, latencies below each bound."""

    at: float
    replica: str
    model: str
    digest: str
    requests: Mapping[str, float] = field(default_factory=dict)
    buckets: Mapping[str, float] = field(default_factory=dict)
    in_flight: float = 0.0


def append(folder: Path, endpoint: str, revision: RevisionId, counts: Counts) -> None:
    """One writer only. Bounds and codes are kept as the replica wrote them."""
    path = _file(folder, endpoint, revision)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LIMIT:
        path.replace(_older(path))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps([getattr(counts, name) for name in Counts.__slots__], separators=(",", ":")) + "\n")


def read(folder: Path, endpoint: str, revision: RevisionId) -> Iterator[Counts]:
    """Oldest first. A line that is only half written is passed over."""
    path = _file(folder, endpoint, revision)
    for each in (_older(path), path):
        with contextlib.suppress(FileNotFoundError), each.open(encoding="utf-8") as file:
            for line in file:
                with contextlib.suppress(ValueError, TypeError):
                    yield Counts(*json.loads(line))


def kept(folder: Path) -> Iterator[tuple[str, RevisionId]]:
    """Endpoints and revisions that have counts."""
    for path in sorted(folder.glob("*/*.jsonl")):
        yield path.parent.name, RevisionId(path.stem)


def _file(folder: Path, endpoint: str, revision: RevisionId) -> Path:
    return folder / endpoint / f"{revision}.jsonl"


def _older(path: Path) -> Path:
    return path.with_suffix(".old")
