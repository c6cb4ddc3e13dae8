"""Metrics from a Prometheus server: counted from its raw samples, not estimated by `rate` or `increase`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ropeway.adapters.prometheus.replies import result, scalar_sum, series
from ropeway.counters import LOOKBACK, window
from ropeway.errors import AccessError, ConfigError, Unavailable, brief
from ropeway.interfaces.metrics import RevisionRef, Window

if TYPE_CHECKING:
    import httpx

REQUESTS = "kserve_model_request_total"
BUCKETS = "kserve_model_latency_bucket"

TIMEOUT = 10.0
"""Seconds for one query."""
_BAD_QUERY = 400
_DENIED = frozenset({401, 403})


class PrometheusMetrics:
    """`address`: such as `http://127.0.0.1:9090`. `bearer`: a token for a server that asks for one."""

    def __init__(self, address: str, bearer: str | None = None) -> None:
        self._address = address.rstrip("/")
        self._headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        self._connections: httpx.Client | None = None

    def window(self, revision: RevisionRef, start: datetime, end: datetime) -> Window | None:
        """Exact for what was scraped until `end`: leave the last request one scrape interval to be seen.

        The window's counters are read as raw samples with LOOKBACK seconds before it, so that what was counted
        earlier is known and taken off; p95 follows from the buckets as in `histogram_quantile`.
        """
        span = int((end.timestamp() - start.timestamp() + LOOKBACK) * 1000)
        labels = {"endpoint": revision.endpoint, "revision": revision.revision, "digest": revision.digest}
        selector = _selector(f"{REQUESTS}|{BUCKETS}", labels)
        found = series(self._query(f"{selector}[{span}ms]", end, "matrix"))
        requests = [each for each in found if each.labels.get("__name__") == REQUESTS]
        buckets = [each for each in found if each.labels.get("__name__") == BUCKETS]
        return window(requests, buckets, start.timestamp(), end.timestamp())

    def value(self, query: str, at: datetime) -> float | None:
        return scalar_sum(self._query(query, at, "vector"))

    def _query(self, query: str, at: datetime, kind: str) -> Sequence[Mapping[str, Any]]:
        import httpx

        what = f"asking Prometheus at {self._address}"
        try:
            reply = self._client().post(
                f"{self._address}/api/v1/query",
                data={"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{TIMEOUT:g}s"},
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"{what}: {brief(str(error) or type(error).__name__)}", "ropeway doctor") from error
        if reply.status_code in _DENIED:
            raise AccessError(f"{what}: {reply.status_code}", "check the token in the site's metrics section")
        if reply.status_code == _BAD_QUERY:
            raise ConfigError(f"{what}: {brief(_problem(reply.text))}")
        if not reply.is_success:
            raise Unavailable(f"{what}: {reply.status_code} {brief(reply.text)}", "ropeway doctor")
        return result(reply.text, kind, what)

    def _client(self) -> httpx.Client:
        import httpx

        if self._connections is None:
            self._connections = httpx.Client(trust_env=False, timeout=TIMEOUT, headers=self._headers)
        return self._connections


def _selector(names: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f"{name}={json.dumps(text)}" for name, text in labels.items())
    return f'{{__name__=~"{names}",{pairs}}}'


def _problem(text: str) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text
