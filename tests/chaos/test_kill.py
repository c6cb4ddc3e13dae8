"""kill -9 at every point of a run, then resume: the end is the same, and the real services show each effect once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.testsite import NAME, TestSite

pytestmark = pytest.mark.timeout(1200)  # some hundred deaths, each with a new start
Write = Callable[..., Path]
MOST = 200
"""More deaths than a run has points: a driver that never ends is a failure."""

EFFECTS = [
    *("train 1 open-tracking-run", "train 1 submit-job", "evaluate 1 submit-job"),
    *(
        "register 1 open-tracking-run",
        "register 1 log-values",
        "register 1 reserve-prefix",
        "register 1 create-version",
    ),
    *("sync 1 publish", "sync 1 alias-candidate", "deploy 1 add-revision", "deploy 1 readiness", "verify 1 verdict"),
    *("promote 1 weight-50", "promote 1 judge-50", "promote 1 weight-100", "promote 1 judge-100", "promote 1 settle"),
    *("promote 1 alias-production", "promote 1 alias-previous", "promote 1 alias-candidate"),
    *("promote 1 mirror-stages", "promote 1 keep-old"),
]
"""All effects of a run that replaces a version, as ARCHITECTURE.md lists them."""


def until_it_ends(site: TestSite, killed: Path, run: str, expect: int = 0) -> None:
    """Resume and be killed, again and again; the first time that it was not killed it must end with `expect`."""
    for _ in range(MOST):
        done = drive(site, killed, "resume", run)
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == expect, done.stderr
            return
    raise AssertionError(f"killed {MOST} times and still not done: {killed.read_text()}")


def drive(site: TestSite, killed: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chaos.driver", str(killed), *map(str, words)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, capture_output=True, text=True, env=site.environment, cwd=root, timeout=120)


def created(site: TestSite, killed: Path, pipeline: Path) -> str:
    done = drive(site, killed, "create", pipeline)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def registry(site: TestSite, path: str, **query: Any) -> Any:
    return httpx.get(f"{site.addresses.registry}/api/2.0/mlflow/{path}", params=query).raise_for_status().json()


def versions(site: TestSite, model: str) -> list[dict[str, Any]]:
    found = registry(site, "model-versions/search", filter=f"name='{model}'").get("model_versions", [])
    return sorted(found, key=lambda version: int(version["version"]))


def aliases(site: TestSite, model: str) -> dict[str, int]:
    found = registry(site, "registered-models/get", name=model)["registered_model"].get("aliases", [])
    return {alias["alias"]: int(alias["version"]) for alias in found}


def tracking_runs(site: TestSite, run: str) -> list[Any]:
    experiments = registry(site, "experiments/search", max_results=1000)["experiments"]
    body = {
        "experiment_ids": [experiment["experiment_id"] for experiment in experiments],
        "filter": f"tags.`ropeway.run` = '{run}'",
    }
    reply = httpx.post(f"{site.addresses.registry}/api/2.0/mlflow/runs/search", json=body).raise_for_status()
    found: list[Any] = reply.json().get("runs", [])
    return found


def jobs(site: TestSite, run: str) -> dict[str, int]:
    """The jobs of a run, each with the number of times that it was started."""
    folders = (site.home / "sites" / NAME / "cluster" / "jobs").glob(f"{run}-*")
    return {folder.name.removeprefix(f"{run}-"): len(list((folder / "incarnations").iterdir())) for folder in folders}


def test_every_point_of_a_run_that_replaces_another(site: TestSite, pipeline: Write, tmp_path: Path) -> None:
    first = site.ask("run", pipeline("killed", seed=1), "--json").last
    killed = tmp_path / "killed"
    run = created(site, killed, pipeline("killed", seed=2))
    until_it_ends(site, killed, run)
    points = killed.read_text().splitlines()
    assert len(points) == len(set(points))
    effects = Counter(point.partition(":")[0] for point in points if ": " in point)
    assert effects == dict.fromkeys(EFFECTS, 4), "every effect is cut when intended, before, after, and when recorded"

    end = site.ask("status", run, "--json").last
    assert end["state"] == "succeeded"
    assert {stage["attempt"] for stage in end["stages"]} == {1}
    assert jobs(site, run) == {"train-1": 1, "evaluate-1": 1}
    assert [version["version"] for version in versions(site, "killed")] == ["1", "2"]
    assert aliases(site, "killed") == {"production": 2, "previous": 1}
    (tracking,) = tracking_runs(site, run)
    history = registry(site, "metrics/get-history", run_id=tracking["info"]["run_id"], metric_key="loss")["metrics"]
    steps = [(int(point["step"]), point["value"]) for point in history]
    assert len(steps) == len(set(steps)) == 6, "five points of the curve and the final value, one of each"
    records = {stage["name"]: stage["record"] for stage in end["stages"]}
    url = f"{records['deploy']['url']}/v2/models/killed"
    served = {httpx.get(url).headers["x-model-digest"] for _ in range(20)}
    assert served == {records["train"]["digest"]}
    assert records["train"]["digest"] != first["stages"][0]["record"]["digest"]


def test_every_point_of_a_run_that_is_refused_by_verify(site: TestSite, pipeline: Write, tmp_path: Path) -> None:
    good = site.ask("run", pipeline("refused", seed=1), "--json").last
    killed = tmp_path / "killed"
    run = created(site, killed, pipeline("refused", seed=2, evaluate="--wrong-answers"))
    until_it_ends(site, killed, run, expect=1)
    points = killed.read_text().splitlines()
    assert {"verify 1 withdraw-revision: done, not recorded", "fail verify 1"} <= set(points)
    assert site.ask("status", run, "--json").last["state"] == "failed"
    assert aliases(site, "refused") == {"production": 1}
    url = f"{good['stages'][4]['record']['url']}/v2/models/refused"
    served = {httpx.get(url).headers["x-model-digest"] for _ in range(20)}
    assert served == {good["stages"][0]["record"]["digest"]}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_point_of_a_rollback(
    site: TestSite, pipeline: Write, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgresql":
        site = replace(site, variables={"ROPEWAY_JOURNAL": request.getfixturevalue("postgresql_server")})
    endpoint = f"undone-{kind}"
    for seed in (1, 2):
        site.ask("run", pipeline(endpoint, seed=seed))
    killed = tmp_path / "killed"
    (tmp_path / "rollback.py").write_text(
        "from ropeway import api, sites\nfrom ropeway.runs import creation\n"
        f"print(creation.create_rollback(api.open_journal(), '{endpoint}', sites.find_site()))\n"
    )
    run = subprocess.check_output(
        [sys.executable, str(tmp_path / "rollback.py")], text=True, env=site.environment
    ).strip()
    until_it_ends(site, killed, run)
    record = site.ask("status", run, "--json").last["stages"][0]["record"]
    assert (record["version"], record["replaced"]) == (1, 2)
    assert aliases(site, endpoint) == {"production": 1, "previous": 2}
