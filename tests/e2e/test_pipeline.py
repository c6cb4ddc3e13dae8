"""The whole pipeline on the one-machine site, with its real services."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.testsite import TestSite

Write = Callable[..., Path]
STAGES = ["train", "evaluate", "register", "sync", "deploy", "verify", "promote"]


def test_one_command_ends_with_a_promoted_endpoint(site: TestSite, pipeline: Write) -> None:
    answer = site.ask("run", pipeline("whole"), "--json")
    run = answer.last
    assert run["state"] == "succeeded"
    assert [stage["name"] for stage in run["stages"]] == STAGES
    records = {stage["name"]: stage["record"] for stage in run["stages"]}
    digest = records["train"]["digest"]
    assert {records[stage]["digest"] for stage in ("register", "sync", "deploy", "verify", "promote")} == {digest}
    assert all(check["passed"] for check in records["verify"]["checks"])
    examples = json.loads((Path(run["folder"]) / "results/evaluate/examples.json").read_text())["examples"]
    url = f"{records['deploy']['url']}/v2/models/whole/infer"
    reply = httpx.post(url, json={"inputs": examples[0]["inputs"]})
    assert reply.status_code == 200
    assert reply.headers["x-model-digest"] == digest


def test_the_same_key_goes_on_with_the_same_run(site: TestSite, pipeline: Write) -> None:
    file = pipeline("oncer")
    first = site.ask("run", file, "--once", "night", "--json").last
    again = site.ask("run", file, "--once", "night", "--json")
    assert again.last["id"] == first["id"]
    assert [event["kind"] for event in again.events] == ["reused"] * len(STAGES)


def test_a_second_version_replaces_the_first_and_a_rollback_brings_it_back(site: TestSite, pipeline: Write) -> None:
    elsewhere = "{endpoint: twice-there, ready_within: 60s}"
    first = site.ask("run", pipeline("twice", seed=1, deploy=elsewhere), "--json").last
    second = site.ask("run", pipeline("twice", seed=2, deploy=elsewhere), "--json").last
    digests = [run["stages"][0]["record"]["digest"] for run in (first, second)]
    assert digests[0] != digests[1]
    promotion = second["stages"][-1]["record"]
    assert (promotion["version"], promotion["replaced"]) == (2, 1)
    assert [step["weight"] for step in promotion["steps"]] == [50, 100]
    url = f"{second['stages'][4]['record']['url']}/v2/models/twice"
    assert httpx.get(url).headers["x-model-digest"] == digests[1]
    back = site.ask("rollback", "twice-there", "--json").last["stages"][0]["record"]
    assert (back["version"], back["replaced"], back["kept"]) == (1, 2, True)
    assert back["seconds"] < 5
    assert httpx.get(url).headers["x-model-digest"] == digests[0]
