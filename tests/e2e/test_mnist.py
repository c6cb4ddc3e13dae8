"""The main job on real input: 60,000 images, a real network, and every promise that hangs on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from ropeway import environments
from ropeway.bundled import bundled
from ropeway.interfaces.serving import InferenceRequest
from ropeway_agent.manifest import check, parse
from tests.contract.serving_load import load
from tests.testsite import TestSite

pytestmark = pytest.mark.timeout(900)  # it trains
ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "tests" / "environments" / "mlflow-client" / "requirements.txt"
LOADING = """
import json, sys, mlflow, numpy
model = mlflow.pyfunc.load_model(sys.argv[1])
image = numpy.array(json.loads(sys.stdin.read()), dtype=numpy.float32)
answer = model.predict({"image": image})
print(json.dumps(numpy.asarray(answer["logits"]).tolist()))
"""


@pytest.fixture(scope="module")
def mnist(site: TestSite) -> dict[str, Any]:
    """A finished run of the pipeline that we bring."""
    run: dict[str, Any] = site.ask("run", bundled("pipelines/mnist.yaml"), "--json").last
    return run


@pytest.fixture(scope="module")
def records(mnist: dict[str, Any]) -> dict[str, Any]:
    return {stage["name"]: stage["record"] for stage in mnist["stages"]}


@pytest.fixture(scope="module")
def client() -> Path:
    """A Python with MLflow, S3 and what the model requires, and nothing of ours."""
    return environments.ensure("mlflow-client", lock=CLIENT, progress=print)


@pytest.fixture
def variables(site: TestSite) -> dict[str, str]:
    addresses = site.addresses
    keys = [Path(ref.removeprefix("file:")).read_text().strip() for ref in (addresses.access_key, addresses.secret_key)]
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "MLFLOW_TRACKING_URI": addresses.registry,
        "MLFLOW_S3_ENDPOINT_URL": addresses.store,
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def examples(run: dict[str, Any]) -> list[dict[str, Any]]:
    content = json.loads((Path(run["folder"]) / "results/evaluate/examples.json").read_text())
    found: list[dict[str, Any]] = content["examples"]
    return found


def test_it_reaches_what_is_required(records: dict[str, Any]) -> None:
    assert records["evaluate"]["metrics"]["accuracy"] >= 0.95
    assert records["evaluate"]["gates"][0]["required"] == ">= 0.95"


def test_its_version_is_registered_with_where_it_comes_from(
    site: TestSite, mnist: dict[str, Any], records: dict[str, Any]
) -> None:
    version = records["register"]
    reply = httpx.get(
        f"{site.addresses.registry}/api/2.0/mlflow/model-versions/get",
        params={"name": "mnist", "version": str(version["version"])},
    ).json()["model_version"]
    tags = {tag["key"]: tag["value"] for tag in reply["tags"]}
    assert tags["ropeway.digest"] == version["digest"]
    assert tags["ropeway.run"] == mnist["id"]
    assert tags["ropeway.job"] == records["train"]["job"]
    assert tags["team"] == "vision"
    assert reply["source"].rstrip("/") == f"s3://models/mnist/{version['digest']}"


def test_mlflow_alone_loads_what_is_in_production(
    mnist: dict[str, Any], client: Path, variables: dict[str, str]
) -> None:
    example = examples(mnist)[0]
    image = [[example["inputs"][0]["data"][row * 28 : row * 28 + 28] for row in range(28)]]
    done = subprocess.run(
        [client, "-c", LOADING, "models:/mnist@production"],
        input=json.dumps([image]),
        capture_output=True,
        text=True,
        env=variables,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])[0]
    assert answer == pytest.approx(example["outputs"][0]["data"], abs=1e-3)


def test_what_mlflow_downloads_is_what_was_sealed(
    records: dict[str, Any], client: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    command = [
        str(client),
        "-m",
        "mlflow",
        "artifacts",
        "download",
        "-u",
        "models:/mnist@production",
        "-d",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True, env=variables, timeout=120)
    manifest = parse((tmp_path / "manifest.json").read_bytes())
    assert manifest.digest == records["train"]["digest"]
    (tmp_path / "registered_model_meta").unlink(missing_ok=True)  # MLflow's own note of where it came from
    assert check(str(tmp_path), manifest) == []


def test_a_version_whose_sync_has_not_finished_says_so_when_loaded(
    site: TestSite, client: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    text = bundled("pipelines/mnist.yaml").read_text()
    text = text.replace("name: mnist", "name: halfway").replace("model: mnist", "model: halfway")
    (tmp_path / "halfway.yaml").write_text(text)
    site.ask("run", tmp_path / "halfway.yaml", "--until", "register")
    done = subprocess.run(
        [client, "-c", LOADING, "models:/halfway/1"], input="[]", capture_output=True, text=True, env=variables
    )
    assert done.returncode != 0
    assert "is not complete in the store: its sync has not finished" in done.stderr


def test_the_five_checks_of_the_runbook_pass(site: TestSite, mnist: dict[str, Any]) -> None:
    command = [sys.executable, ROOT / "scripts" / "mlops" / "e2e_test.py", mnist["id"]]
    done = subprocess.run(command, capture_output=True, text=True, env=site.environment, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert said == ["✔ registry", "✔ store", "✔ inference", "✔ metrics", "✔ whole workflow"]


def test_a_replacement_and_a_rollback_lose_no_request(site: TestSite, mnist: dict[str, Any], tmp_path: Path) -> None:
    text = bundled("pipelines/mnist.yaml").read_text()
    (tmp_path / "mnist.yaml").write_text(text.replace("train:\n", "train:\n  seed: 7\n"))
    url = next(stage["record"]["url"] for stage in mnist["stages"] if stage["name"] == "deploy")
    body = json.dumps({"inputs": examples(mnist)[0]["inputs"]}).encode()
    with load(url, InferenceRequest("/v2/models/mnist/infer", body), connections=8) as counted:
        second = site.ask("run", tmp_path / "mnist.yaml", "--json").last
        back = site.ask("rollback", "mnist", "--json").last
    digests = {run["stages"][0]["record"]["digest"] for run in (mnist, second)}
    assert counted.lost == {}
    assert counted.total > 1000
    assert counted.digests == digests
    record = back["stages"][0]["record"]
    assert record["digest"] == mnist["stages"][0]["record"]["digest"]
    assert record["seconds"] < 5
