"""Reading a replica's own metrics."""

from __future__ import annotations

from ropeway.supervisor.exposition import labels, samples
from ropeway.supervisor.probes import BUCKETS, IN_FLIGHT, REQUESTS, Look

TEXT = """# HELP kserve_model_request_total Requests.
# TYPE kserve_model_request_total counter
kserve_model_request_total{model="m",code="200"} 5.0
kserve_model_request_total_other{model="m"} 9
kserve_model_latency_bucket{le="+Inf",model="m"} 5
ropeway_runtime_in_flight 2.0
python_info{version="3.11"} 1
broken line
"""


def test_only_the_named_samples_are_read() -> None:
    found = list(samples(TEXT, {REQUESTS, BUCKETS, IN_FLIGHT}))
    assert [(each.name, each.value) for each in found] == [(REQUESTS, 5.0), (BUCKETS, 5.0), (IN_FLIGHT, 2.0)]
    assert found[0].labels == {"model": "m", "code": "200"}
    assert found[1].labels["le"] == "+Inf"


def test_escaped_labels_come_back_as_they_were() -> None:
    assert labels(r'a="say \"hi\"",b="one\ntwo",c="back\\slash",d=""') == {
        "a": 'say "hi"',
        "b": "one\ntwo",
        "c": "back\\slash",
        "d": "",
    }


def test_what_is_in_flight_is_taken_from_the_gauge() -> None:
    look = Look("r", 1.0, True, None, tuple(samples(TEXT, {IN_FLIGHT})))
    assert look.in_flight == 2.0
