"""Metrics where no Prometheus is: what the site's supervisor counts at its replicas every second."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ropeway.adapters.local.endpoint_files import ServingFolder
from ropeway.adapters.local.metric_files import Counts, kept, read
from ropeway.counters import LOOKBACK, Point, Series, window
from ropeway.errors import ConfigError
from ropeway.interfaces.metrics import RevisionRef, Window

REQUESTS = "kserve_model_request_total"
BUCKETS = "kserve_model_latency_bucket"
IN_FLIGHT = "ropeway_runtime_in_flight"

_SELECTOR = re.compile(r"\s*(?P<name>[a-zA-Z_:][\w:]*)\s*(?:\{(?P<labels>.*)\})?\s*")
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"([^"\\]*)"\s*(?:,|$)')


class LocalMetrics:
    """`folder`: the site's serving folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = ServingFolder(folder).metrics

    def window(self, revision: RevisionRef, start: datetime, end: datetime) -> Window | None:
        since, until = start.timestamp(), end.timestamp()
        counts = read(self._folder, revision.endpoint, revision.revision)
        near = [each for each in counts if each.digest == revision.digest and since - LOOKBACK <= each.at <= until]
        return window(_series(near, "requests", "code"), _series(near, "buckets", "le"), since, until)

    def value(self, query: str, at: datetime) -> float | None:
        """The query is a plain selector, such as `kserve_model_request_total{endpoint="mnist",code="200"}`.

        Raises ConfigError for any other query: those need a Prometheus.
        """
        name, wanted = _parsed(query)
        found = [
            value
            for labels, value in self._samples(name, at.timestamp())
            if all(labels.get(label) == text for label, text in wanted.items())
        ]
        return sum(found) if found else None

    def _samples(self, name: str, at: float) -> Iterator[tuple[dict[str, str], float]]:
        """The last value of each series, if it is not too old."""
        for endpoint, revision in kept(self._folder):
            last: dict[str, Counts] = {}
            for counts in read(self._folder, endpoint, revision):
                if at - LOOKBACK <= counts.at <= at:
                    last[counts.replica] = counts
            for counts in last.values():
                labels = {"endpoint": endpoint, "revision": revision, "replica": counts.replica}
                labels |= {"model": counts.model, "digest": counts.digest}
                for own, value in _values(counts, name):
                    yield labels | own, value


def _values(counts: Counts, name: str) -> Iterator[tuple[dict[str, str], float]]:
    if name == REQUESTS:
        yield from (({"code": code}, value) for code, value in counts.requests.items())
    elif name == BUCKETS:
        yield from (({"le": bound}, value) for bound, value in counts.buckets.items())
    elif name == IN_FLIGHT:
        yield {}, counts.in_flight


def _series(counts: list[Counts], field: str, label: str) -> list[Series]:
    points: dict[tuple[str, str], list[Point]] = {}
    for each in counts:
        for name, value in getattr(each, field).items():
            points.setdefault((each.replica, name), []).append(Point(each.at, value))
    return [Series({label: name}, tuple(found)) for (_, name), found in points.items()]


def _parsed(query: str) -> tuple[str, dict[str, str]]:
    selector = _SELECTOR.fullmatch(query)
    inside = (selector["labels"] or "") if selector else ""
    if selector is None or _MATCHER.sub("", inside).strip():
        raise ConfigError(
            f'asking for {query[:80]!r}: without a Prometheus a query is a name with {{label="value"}} at most',
            "apt install prometheus, then `metrics: {kind: prometheus}` in the site file",
        )
    return selector["name"], dict(_MATCHER.findall(inside))
