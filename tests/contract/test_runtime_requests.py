"""What the model server answers: predictions, health, identity, bad requests, metrics."""

from __future__ import annotations

import json
import math
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from tests.contract.runtime_server import Running, running

IMAGE = [0.1 * pixel for pixel in range(16)]
NESTED = [[IMAGE[row : row + 4] for row in range(0, 16, 4)]]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = ["--revision", "r7", "--max-body", "1"]
    with running(tmp_path_factory.mktemp("toy"), "digits", *options) as server:
        yield server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("toy"), "pair") as server:
        yield server


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("toy"), "words") as server:
        yield server


def scores(image: list[float]) -> list[float]:
    """What the model `digits` must answer, computed without it."""
    powers = [math.exp(sum(image[k::3])) for k in range(3)]
    return [power / sum(powers) for power in powers]


def image_tensor(data: object = IMAGE, **changes: object) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 1, 4, 4], "data": data} | changes
    return {"inputs": [tensor]}


# Answers


def test_v1_predicts(digits: Running) -> None:
    answer = digits.post("/v1/models/toy:predict", {"instances": [NESTED, [[[0] * 4] * 4]]})
    assert answer.status_code == 200
    first, second = answer.json()["predictions"]
    assert first == pytest.approx(scores(IMAGE), rel=1e-5)
    assert second == pytest.approx([1 / 3] * 3, rel=1e-5)


@pytest.mark.parametrize("data", [IMAGE, [NESTED]], ids=["flat", "nested"])
def test_v2_infers(digits: Running, data: object) -> None:
    answer = digits.post("/v2/models/toy/infer", image_tensor(data) | {"id": "42"})
    assert answer.status_code == 200
    document = answer.json()
    (output,) = document.pop("outputs")
    assert document == {"model_name": "toy", "id": "42"}
    assert output.pop("data") == pytest.approx(scores(IMAGE), rel=1e-5)
    assert output == {"name": "scores", "datatype": "FP32", "shape": [1, 3]}


def test_several_inputs_and_outputs_by_v1(pair: Running) -> None:
    instances = [{"amount": [1, 2], "count": 3}, {"amount": [0.5, 1], "count": 4}]
    first, second = pair.post("/v1/models/toy:predict", {"instances": instances}).json()["predictions"]
    assert first == {"total": 6.0, "log": pytest.approx([0.0, math.log(2)])}
    assert second["total"] == 5.5


def test_v2_gives_the_outputs_that_were_asked_for(pair: Running) -> None:
    inputs = [
        {"name": "count", "datatype": "INT64", "shape": [1], "data": [3]},
        {"name": "amount", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]},
    ]
    both = pair.post("/v2/models/toy/infer", {"inputs": inputs}).json()["outputs"]
    assert [output["name"] for output in both] == ["total", "log"]
    one = pair.post("/v2/models/toy/infer", {"inputs": inputs, "outputs": [{"name": "total"}]}).json()["outputs"]
    assert one == [{"name": "total", "datatype": "FP32", "shape": [1], "data": [6.0]}]


def test_text_and_booleans_pass(words: Running) -> None:
    inputs = [
        {"name": "word", "datatype": "BYTES", "shape": [2], "data": ["grüezi", ""]},
        {"name": "flag", "datatype": "BOOL", "shape": [2], "data": [True, False]},
    ]
    same, other = words.post("/v2/models/toy/infer", {"inputs": inputs}).json()["outputs"]
    assert (same["datatype"], same["data"]) == ("BYTES", ["grüezi", ""])
    assert (other["datatype"], other["data"]) == ("BOOL", [False, True])


def test_clients_at_once_get_their_own_answers(digits: Running) -> None:
    images = [[number / 64] * 4 + IMAGE[4:] for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        bodies = [image_tensor(image) for image in images]
        answers = list(pool.map(lambda body: digits.post("/v2/models/toy/infer", body).json(), bodies))
    for image, answer in zip(images, answers, strict=True):
        assert answer["outputs"][0]["data"] == pytest.approx(scores(image), rel=1e-4)


def test_a_connection_is_used_again(digits: Running) -> None:
    streams = [digits.post("/v2/models/toy/infer", image_tensor()).extensions["network_stream"] for _ in range(3)]
    assert len({stream.get_extra_info("client_addr") for stream in streams}) == 1


# Health, metadata, identity


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/models", {"models": ["toy"]}),
        ("/v1/models/toy", {"name": "toy", "ready": True}),
        ("/v2", {"name": "ropeway", "version": "0.1.0", "extensions": []}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/toy/ready", {"name": "toy", "ready": True}),
    ],
)
def test_health_and_lists(digits: Running, path: str, document: object) -> None:
    answer = digits.get(path)
    assert (answer.status_code, answer.json()) == (200, document)


def test_metadata_says_what_the_model_takes_and_which_one_it_is(digits: Running) -> None:
    assert digits.get("/v2/models/toy").json() == {
        "name": "toy",
        "versions": ["r7"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 4, 4]}],
        "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}],
        "parameters": {"digest": digits.digest, "revision": "r7"},
    }


@pytest.mark.parametrize("path", ["/v1/models", "/v2/health/ready", "/metrics", "/nowhere", "/v2/models/other"])
def test_every_answer_names_digest_and_revision(digits: Running, path: str) -> None:
    headers = digits.get(path).headers
    assert (headers["x-model-digest"], headers["x-ropeway-revision"]) == (digits.digest, "r7")


def test_inference_names_digest_and_revision_also_when_it_fails(digits: Running) -> None:
    for body, status in ((image_tensor(), 200), (b"{", 400)):
        answer = digits.post("/v2/models/toy/infer", body)
        assert answer.status_code == status
        assert answer.headers["x-model-digest"] == digits.digest
        assert answer.headers["x-ropeway-revision"] == "r7"


# Bad requests


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "expected a JSON object"),
        (b"{", "expected a JSON object"),
        (b"[]", "expected a JSON object, got a list"),
        (b"\xff", "expected a JSON object"),
        (b"[" * 5000, "expected a JSON object"),
        (json.dumps(image_tensor([math.nan] * 16)).encode(), "expected a JSON object"),
        ({}, "expected 'inputs': a list"),
        ({"inputs": []}, "expected 'inputs': a list"),
        ({"inputs": [1]}, "each with a 'name'"),
        ({"inputs": image_tensor()["inputs"] * 2}, "each with a 'name' of its own"),
        (image_tensor(name="picture"), "expected inputs ['image'], got ['picture']"),
        (image_tensor(datatype="FP64"), "expected datatype FP32, got FP64"),
        (image_tensor(datatype=None), "expected datatype FP32, got None"),
        (image_tensor(shape=[1, 16]), "expected shape [-1, 1, 4, 4] (-1: any size from 1), got [1, 16]"),
        (image_tensor([], shape=[0, 1, 4, 4]), "expected shape [-1, 1, 4, 4]"),
        (image_tensor(shape=[-1, 1, 4, 4]), "expected shape [-1, 1, 4, 4]"),
        (image_tensor(shape=[True, 1, 4, 4]), "expected 'shape': a list of integers"),
        (image_tensor(shape="1,1,4,4"), "expected 'shape': a list of integers"),
        (image_tensor(shape=[2, 1, 4, 4]), "expected 32 values for shape [2, 1, 4, 4], got data of shape [16]"),
        (image_tensor(shape=[10**12, 1, 4, 4]), "expected 16000000000000 values"),
        (image_tensor(IMAGE[1:]), "expected 16 values for shape [1, 1, 4, 4], got data of shape [15]"),
        (image_tensor(NESTED), "expected 16 values for shape [1, 1, 4, 4], got data of shape [1, 4, 4]"),
        (image_tensor([[1, 2], [3]]), "rows of unequal length"),
        (image_tensor(["1"] * 16), "expected FP32 values, got text"),
        (image_tensor([None] * 16), "expected FP32 values, got null"),
        (image_tensor([{}] * 16), "expected FP32 values, got null, objects"),
        (image_tensor([True] * 16), "expected FP32 values, got booleans"),
        (image_tensor([True, *IMAGE[1:]]), "expected FP32 values, got booleans among numbers"),
        (image_tensor([1e39, *IMAGE[1:]]), "expected FP32 values, got a number outside its range"),
        (image_tensor("text"), "expected FP32 values, got text"),
        ({"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 4, 4]}]}, "expected 'data': a list"),
        (image_tensor() | {"outputs": [{"name": "digits"}]}, "expected outputs among ['scores'], got ['digits']"),
        (image_tensor() | {"outputs": ["scores"]}, "each with a 'name'"),
        (image_tensor() | {"id": 7}, "expected 'id': text, got a number"),
    ],
)
def test_a_bad_v2_request_is_told_what_was_expected(digits: Running, body: object, expected: str) -> None:
    answer = digits.post("/v2/models/toy/infer", body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
    assert expected in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"nonsense", "expected a JSON object"),
        ({"inputs": [NESTED]}, "expected 'instances': a list of at least one, got null"),
        ({"instances": []}, "got an empty list"),
        ({"instances": "text"}, "got text"),
        ({"instances": [IMAGE]}, "expected shape [-1, 1, 4, 4] (-1: any size from 1), got [1, 16]"),
        ({"instances": [NESTED, []]}, "rows of unequal length"),
        ({"instances": [{"picture": NESTED}]}, "instance 0: expected an object with ['image'], got ['picture']"),
        ({"instances": [{"image": NESTED}, 5]}, "instance 1: expected an object with ['image'], got a number"),
        ({"instances": [[["a"] * 4] * 4]}, "expected FP32 values, got text"),
    ],
)
def test_a_bad_v1_request_is_told_what_was_expected(digits: Running, body: object, expected: str) -> None:
    answer = digits.post("/v1/models/toy:predict", body)
    assert answer.status_code == 400
    assert expected in answer.json()["error"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.5], "got fractions"), ([2**63], "an integer outside its range"), ([2**70], "got"), ([True, 2], "booleans")],
)
def test_integers_stay_integers(pair: Running, values: list[object], expected: str) -> None:
    amount = {"name": "amount", "datatype": "FP32", "shape": [len(values), 2], "data": [1] * 2 * len(values)}
    count = {"name": "count", "datatype": "INT64", "shape": [len(values)], "data": values}
    answer = pair.post("/v2/models/toy/infer", {"inputs": [amount, count]})
    assert answer.status_code == 400
    assert expected in answer.json()["error"]


def test_inputs_that_do_not_fit_together_are_the_clients_fault(pair: Running) -> None:
    amount = {"name": "amount", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}
    count = {"name": "count", "datatype": "INT64", "shape": [3], "data": [1, 2, 3]}
    answer = pair.post("/v2/models/toy/infer", {"inputs": [amount, count]})
    assert answer.status_code == 400
    assert answer.json()["error"] == "expected one size for 'N', got {'amount[0]': 2, 'count[0]': 3}"


def test_an_answer_that_json_cannot_carry_is_an_error(pair: Running) -> None:
    answer = pair.post("/v1/models/toy:predict", {"instances": [{"amount": [0, 1], "count": 0}]})
    assert answer.status_code == 500
    assert answer.json() == {"error": "output 'log' holds NaN or infinity, which JSON cannot carry"}


@pytest.mark.parametrize("path", ["/v1/models/other:predict", "/v2/models/other/infer", "/v2/models/toy/explain"])
def test_an_unknown_model_is_404_and_names_the_known_one(digits: Running, path: str) -> None:
    answer = digits.post(path, image_tensor())
    assert answer.status_code == 404
    assert "this server has the model 'toy'" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v2/models/toy/infer", "POST"), ("POST", "/v2/health/ready", "GET"), ("PUT", "/v1/models", "GET")],
)
def test_a_wrong_method_is_405_and_names_the_right_one(digits: Running, method: str, path: str, allowed: str) -> None:
    answer = digits.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413(digits: Running, chunked: bool) -> None:
    pieces = [b" " * 65536] * 160
    content = iter(pieces) if chunked else b"".join(pieces)
    answer = digits.client.post("/v2/models/toy/infer", content=content)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert "at most 1048576 bytes" in answer.json()["error"]


def test_a_client_that_leaves_hurts_no_other(digits: Running) -> None:
    url = digits.client.base_url
    with socket.create_connection((url.host, url.port or 0)) as client:
        client.sendall(b"POST /v2/models/toy/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    assert digits.post("/v2/models/toy/infer", image_tensor()).status_code == 200


# Metrics


def test_inference_is_counted_by_status_and_timed(digits: Running) -> None:
    labels = f'digest="{digits.digest}",model="toy",revision="r7"'
    names = [
        f'kserve_model_request_total{{code="200",{labels}}}',
        f'kserve_model_request_total{{code="400",{labels}}}',
        f"kserve_model_latency_count{{{labels}}}",
    ]
    before = [digits.metric(name) for name in names]
    for body in (image_tensor(), image_tensor(), b"{"):
        digits.post("/v2/models/toy/infer", body)
    digits.get("/v2/health/ready")
    digits.post("/v2/models/other/infer", image_tensor())
    after = [digits.metric(name) for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [2, 1, 3]


def test_the_latency_buckets_reach_from_half_a_millisecond_to_a_minute(digits: Running) -> None:
    edges = re.findall(r'^kserve_model_latency_bucket\{.*le="([^"]+)"', digits.get("/metrics").text, re.MULTILINE)
    seconds = [float(edge) for edge in edges]
    assert (seconds[0], seconds[-2:]) == (0.0005, [60.0, math.inf])
    assert all(high <= 2 * low for low, high in pairwise(seconds[:-1]))
    assert "_created" not in digits.get("/metrics").text
