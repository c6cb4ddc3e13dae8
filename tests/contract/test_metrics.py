"""What every metrics adapter promises, held against one history of a real replica, counted by its customer too."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from ropeway.adapters.local.metrics import LocalMetrics
from ropeway.adapters.prometheus import PrometheusMetrics
from ropeway.errors import ConfigError, Unavailable
from ropeway.interfaces.metrics import Metrics, RevisionRef, Window
from ropeway.interfaces.serving import EndpointSpec, InferenceRequest, RevisionId
from tests.contract.serving_site import TOKEN, Site, applied, endpoint, infer, reached, revision, rows, state_of, until

pytest_plugins = ["tests.contract.serving_fixtures"]

SEEN = 2.2
"""Seconds by which every scrape of once a second has seen what was counted before."""
FOUND = 6.5
"""Seconds by which a new replica is scraped: Prometheus takes new targets once in 5 s."""
ONE = rows(1)
"""The slow model needs 0.1 s for it."""
BAD = infer("slow", b"{")


@dataclass
class History:
    """What was sent to an endpoint, and when: spans by name, and latencies as the customer saw them."""

    site: Site
    spec: EndpointSpec
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def revision(self) -> RevisionRef:
        spec = self.spec.revisions[0]
        return RevisionRef(self.spec.name, spec.id, spec.model, spec.digest)

    def window(self, metrics: Metrics, first: str, last: str = "") -> Window:
        found = metrics.window(self.revision, self.spans[first][0], self.spans[last or first][1])
        assert found is not None
        return found

    def span(self, name: str, count: int, request: InferenceRequest = ONE, wait: float = SEEN) -> None:
        """Send so many requests; the span ends when they have been seen."""
        start, serving = now(), self.site.serving()
        answers = [serving.request(self.spec.name, request) for _ in range(count)]
        assert {answer.status for answer in answers} <= {400 if request is BAD else 200}
        self.latencies += [answer.latency for answer in answers if answer.status == 200]
        time.sleep(wait)
        self.spans[name] = (start, now())

    def kill_replica(self) -> None:
        """Returns when the next one is ready."""
        (pid,) = self.site.pids(self.spec.name).values()
        os.kill(pid, signal.SIGKILL)
        until(lambda: None if self._ready() else True, "the death to be seen")
        reached(self.site.serving(), self.spec)

    def _ready(self) -> bool:
        return state_of(self.site.serving(), self.spec).revisions[self.spec.revisions[0].id].ready


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def history(serving_site: Site) -> Iterator[History]:
    serving_site.service("metrics")
    yield made(serving_site)
    serving_site.serving().delete("slow", TOKEN)


def made(site: Site) -> History:
    spec = endpoint("slow", revision("slow", site.publish("slow", "slow")))
    applied(site.serving(), spec)
    history = History(site, spec)
    history.span("nothing", 0, wait=FOUND)
    history.span("seven", 7)
    history.span("four", 4)
    history.span("refused", 3, BAD)
    history.kill_replica()
    history.span("after the death", 6, wait=FOUND)
    return history


@pytest.fixture(params=["prometheus", "local"])
def metrics(request: pytest.FixtureRequest, history: History) -> Metrics:
    if request.param == "prometheus":
        return PrometheusMetrics(str(history.site.service("metrics").url))
    return LocalMetrics(history.site.serving_folder)


def test_every_request_is_counted_once_and_only_within_its_window(history: History, metrics: Metrics) -> None:
    assert history.window(metrics, "seven").requests == 7
    assert history.window(metrics, "four").requests == 4
    assert history.window(metrics, "seven", "four").requests == 11


def test_refused_requests_count_and_are_no_errors(history: History, metrics: Metrics) -> None:
    window = history.window(metrics, "refused")
    assert (window.requests, window.errors) == (3, 0)


def test_a_replica_that_dies_takes_no_count_with_it(history: History, metrics: Metrics) -> None:
    assert history.window(metrics, "refused", "after the death").requests == 9


def test_the_latency_is_near_what_customers_see(history: History, metrics: Metrics) -> None:
    """Buckets grow by half, and a customer's request spends some time on its way."""
    p95 = history.window(metrics, "seven", "four").latency_p95
    assert p95 is not None
    assert min(history.latencies) / 1.5 <= p95 <= max(history.latencies) * 1.5


def test_no_request_is_counted_as_none_and_not_as_nothing_measured(history: History, metrics: Metrics) -> None:
    assert history.window(metrics, "nothing") == Window(0, 0, None)


def test_what_was_never_measured_is_none(history: History, metrics: Metrics) -> None:
    start, end = history.spans["seven"]
    unknown = replace(history.revision, revision=RevisionId("v9-00000000"))
    assert metrics.window(unknown, start, end) is None
    assert metrics.window(history.revision, start - timedelta(days=2), end - timedelta(days=2)) is None


def test_a_value_is_the_sum_over_its_series_at_that_time(history: History, metrics: Metrics) -> None:
    query = f'kserve_model_request_total{{endpoint="slow",digest="{history.revision.digest}"}}'
    values = [metrics.value(query, history.spans[name][1]) for name in ("nothing", "seven", "four", "refused")]
    assert values == [0, 7, 11, 14]


def test_no_data_is_none_and_never_zero(metrics: Metrics) -> None:
    assert metrics.value('kserve_model_request_total{endpoint="nobody"}', now()) is None
    assert metrics.value("no_such_metric", now()) is None


def test_a_query_that_cannot_be_read_is_refused(metrics: Metrics) -> None:
    with pytest.raises(ConfigError):
        metrics.value('kserve_model_request_total{endpoint=~"', now())


def test_a_server_that_does_not_answer_is_unavailable(history: History) -> None:
    with pytest.raises(Unavailable, match="asking Prometheus"):
        PrometheusMetrics("http://127.0.0.1:1").window(history.revision, *history.spans["seven"])
