"""Commands beside `run`: plan, adopt, single stages, detach, init, doctor, logs, report, schema, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.testsite import RECIPES, TestSite

Write = Callable[..., Path]


def test_a_plan_shows_every_effect_and_changes_nothing(site: TestSite, pipeline: Write) -> None:
    before = site.ask("runs", "--json").last
    effects = site.ask("plan", pipeline("planned"), "--json").last["effects"]
    assert [effect["stage"] for effect in effects if effect["name"] == "submit-job"] == ["train", "evaluate"]
    script = next(effect["detail"]["script"] for effect in effects if effect["name"] == "submit-job")
    assert script.startswith("#!/bin/bash")
    assert "python train.py" in script
    assert {"create-version", "publish", "add-revision", "weight-100"} <= {effect["name"] for effect in effects}
    assert site.ask("runs", "--json").last == before
    found = httpx.get(f"{site.addresses.registry}/api/2.0/mlflow/registered-models/get", params={"name": "planned"})
    assert found.status_code == 404


def test_a_model_trained_elsewhere_is_adopted(site: TestSite, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(RECIPES / "tiny" / "template.onnx", folder / "model.onnx")
    run = site.ask("adopt", "--dir", folder, "--model", "adopted", "--json").last
    assert run["state"] == "succeeded"
    assert (folder / "manifest.json").is_file()
    url = next(stage["record"]["url"] for stage in run["stages"] if stage["name"] == "deploy")
    digest = run["stages"][0]["record"]["digest"]
    assert httpx.get(f"{url}/v2/models/adopted").headers["x-model-digest"] == digest


def test_stages_one_by_one_end_where_one_command_ends(site: TestSite, pipeline: Write) -> None:
    run = site.ask("train", pipeline("stepwise"), "--json").last
    assert run["state"] == "stopped"
    for stage in ("evaluate", "register", "sync", "deploy", "verify"):
        answer = site.ask(stage, run["id"], "--json").last
        states = {found["name"]: found["state"] for found in answer["stages"]}
        assert (states[stage], answer["state"]) == ("succeeded", "stopped")
    assert site.ask("promote", run["id"], "--json").last["state"] == "succeeded"
    again = site.ask("promote", run["id"], "--json")
    assert {event["kind"] for event in again.events} == {"reused"}


def test_a_detached_run_goes_on_by_itself(site: TestSite, pipeline: Write) -> None:
    run = site.ask("run", pipeline("detached"), "--detach", "--json").last["run"]
    watched = site.ask("status", run, "--watch", "--json", expect=None)
    end = time.monotonic() + 60
    while site.ask("status", run, "--json").last["state"] != "succeeded" and time.monotonic() < end:
        time.sleep(0.5)
    assert site.ask("status", run, "--json").last["state"] == "succeeded", watched.out
    logs = site.ask("logs", run, "train").out
    assert "training with seed 0" in logs


def test_a_job_is_heard_while_it_runs(site: TestSite, pipeline: Write) -> None:
    process = site.start("run", pipeline("talking", train="--seconds 5"), "--until", "train")
    time.sleep(4)
    heard = site.ask("logs", "latest", "train").out
    followed = site.ask("logs", "latest", "train", "--follow", "--json").out
    process.communicate(timeout=30)
    assert "training with seed 0" in heard
    assert followed.count("training with seed 0") == 1


def test_what_init_writes_passes_doctor_and_can_be_planned(site: TestSite, tmp_path: Path) -> None:
    site.ask("init", tmp_path / "start")
    place = tmp_path / "start"
    assert site.ask("doctor", "--site", place / "site.yaml", "--json").last["healthy"]
    assert site.ask("plan", place / "pipeline.yaml", "--site", place / "site.yaml", "--json").last["effects"]
    site.ask("init", place, expect=5)


def test_a_report_is_written_for_a_run_that_failed(site: TestSite, pipeline: Write) -> None:
    site.ask("run", pipeline("reported", train="--exit 3"), expect=1)
    paths = site.ask("report", "--json").last
    content = json.loads(Path(paths["json"]).read_text())
    assert content["schema"] == "ropeway.report/1"
    html = Path(paths["html"]).read_text()
    assert "the recipe gives up with 3" in html


@pytest.mark.parametrize("kind", ["pipeline", "site"])
def test_a_schema_describes_every_key(site: TestSite, kind: str) -> None:
    schema = json.loads(site.ask("config", "schema", kind).out)
    assert "name" in schema["properties"]
    assert schema["additionalProperties"] is False


def test_the_shell_is_told_how_a_word_goes_on() -> None:
    asked = {"_ROPEWAY_COMPLETE": "complete_bash", "COMP_WORDS": "ropeway st", "COMP_CWORD": "1"}
    command = [Path(sys.prefix) / "bin" / "ropeway"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **asked})
    assert done.stdout.split() == ["status"]


def test_an_unknown_run_is_not_found(site: TestSite) -> None:
    for words in (("status", "zzz"), ("logs", "zzz"), ("resume", "zzz"), ("cancel", "zzz"), ("report", "zzz")):
        answer = site.ask(*words, expect=4)
        assert "ropeway runs" in answer.err
