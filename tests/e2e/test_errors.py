"""What goes wrong ends in one message with a hint and the right exit code; nothing is lost, no traceback is shown."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.testsite import Answer, TestSite

Write = Callable[..., Path]


def told(answer: Answer) -> str:
    """The one message of a command that failed; it has a hint and no traceback."""
    assert "Traceback" not in answer.out + answer.err
    (message,) = [line for line in answer.err.splitlines() if line.startswith("Error: ")]
    return message


def state(site: TestSite) -> str:
    found: str = site.ask("status", "--json").last["state"]
    return found


def pid_of(site: TestSite, service: str) -> int:
    (found,) = [state["pid"] for state in site.ask("up", "--json").last["services"] if state["name"] == service]
    return int(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "bad.yaml:1: broken YAML"),
        ("name: bad\ntrian: {}\n", "bad.yaml:2: unknown key 'trian': did you mean 'train'?"),
        ("name: bad\ntrain: {recipe: r, command: c, resources: {time: 3 hours}}\n", "no known unit: write 15min"),
        ("name: bad\ntrain: {recipe: nowhere, command: c}\n", "looking for the recipe 'nowhere'"),
    ],
)
def test_a_broken_pipeline_file(site: TestSite, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    assert said in told(site.ask("run", tmp_path / "bad.yaml", expect=2))


def test_a_missing_secret(site: TestSite, pipeline: Write, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        "name: strangers\nscheduler: {kind: local}\nregistry: {kind: mlflow, uri: 'http://127.0.0.1:9'}\n"
        "store: {kind: s3, endpoint: 'http://127.0.0.1:9', access_key: 'env:NOT_SET', secret_key: 'env:NOT_SET'}\n"
        "serving: {kind: local, gateway: 'http://127.0.0.1:9'}\nmetrics: {kind: local}\n"
    )
    answer = site.ask("run", pipeline("secretless"), "--site", tmp_path / "site.yaml", expect=3)
    assert "env:NOT_SET: the variable is not set" in told(answer)
    assert "export NOT_SET=" in answer.err


def test_a_site_that_is_not_up(tmp_path: Path, pipeline: Write) -> None:
    answer = TestSite(tmp_path / "h").ask("run", pipeline("early"), expect=6)
    assert "have not been started" in told(answer)
    assert "Try:   ropeway up" in answer.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"train": "--exit 3"}, "exit code 3: the recipe gives up with 3"),
        ({"train": "--no-model"}, "left no model"),
        ({"evaluate": "--accuracy 0.5"}, "accuracy is 0.5, required >= 0.95"),
    ],
)
def test_a_recipe_that_does_not_do_its_job(site: TestSite, pipeline: Write, options: dict[str, str], said: str) -> None:
    answer = site.ask("run", pipeline("lazy", **options), expect=1)
    assert said in told(answer)
    assert state(site) == "failed"


def test_a_failed_stage_alone_is_tried_again(site: TestSite, pipeline: Write, tmp_path: Path) -> None:
    mark = tmp_path / "now-it-works"
    command = f"'test -e {mark} && python train.py'"
    recipe = pipeline("moody").read_text()
    line = next(line for line in recipe.splitlines() if line.startswith("train:"))
    (tmp_path / "moody.yaml").write_text(recipe.replace(line, line.replace("'python train.py '", command)))
    site.ask("run", tmp_path / "moody.yaml", expect=1)
    mark.touch()
    answer = site.ask("resume", "--json")
    stages = {stage["name"]: stage for stage in answer.last["stages"]}
    assert (stages["train"]["attempt"], stages["evaluate"]["attempt"]) == (2, 1)
    assert answer.last["state"] == "succeeded"


def test_a_stage_and_those_after_it_are_done_again_when_asked(site: TestSite, pipeline: Write) -> None:
    site.ask("run", pipeline("again"))
    answer = site.ask("resume", "--from", "deploy", "--json")
    assert [stage["attempt"] for stage in answer.last["stages"]] == [1, 1, 1, 1, 2, 2, 2]


def test_a_model_that_cannot_be_loaded_is_taken_away(site: TestSite, pipeline: Write) -> None:
    recipe = pipeline("broken", train="--broken-model", evaluate="")
    text = recipe.read_text()
    evaluate = next(line for line in text.splitlines() if line.startswith("evaluate:"))
    recipe.write_text(text.replace(evaluate + "\n", ""))
    answer = site.ask("run", recipe, expect=1)
    assert "the new revision was taken away" in told(answer)
    assert "model.onnx" in told(answer)


def test_a_model_that_fails_verify_never_serves(site: TestSite, pipeline: Write) -> None:
    good = site.ask("run", pipeline("guarded", seed=1), "--json").last
    answer = site.ask("run", pipeline("guarded", seed=2, evaluate="--wrong-answers"), expect=1)
    assert "recorded answers" in told(answer)
    url = f"{good['stages'][4]['record']['url']}/v2/models/guarded"
    assert httpx.get(url).headers["x-model-digest"] == good["stages"][0]["record"]["digest"]


def test_an_endpoint_of_another_pipeline_is_left_alone(site: TestSite, pipeline: Write) -> None:
    site.ask("run", pipeline("owner"))
    answer = site.ask("run", pipeline("thief", deploy="{endpoint: owner}"), expect=5)
    assert "owner" in told(answer)


def test_the_registry_down_at_register(site: TestSite, pipeline: Write) -> None:
    site.ask("run", pipeline("patient"), "--until", "evaluate")
    os.kill(pid_of(site, "registry"), signal.SIGKILL)
    try:
        answer = site.ask("resume", expect=6)
        assert "5000" in told(answer) or "registry" in told(answer) or "tracking" in told(answer)
        assert state(site) == "paused"
    finally:
        site.ask("up")
    assert site.ask("resume", "--json").last["state"] == "succeeded"


def test_training_goes_on_without_the_registry(site: TestSite, pipeline: Write) -> None:
    os.kill(pid_of(site, "registry"), signal.SIGKILL)
    try:
        site.ask("run", pipeline("alone"), "--until", "evaluate")
        assert "training anyway" in site.ask("logs", "latest", "train").out
    finally:
        site.ask("up")
    assert site.ask("resume", "--json").last["stages"][2]["record"]["tracking_run"]


def test_the_store_down_in_the_middle_of_sync(site: TestSite, pipeline: Write) -> None:
    heavy = pipeline("heavy", train=f"--ballast {200 * 2**20}", sync="{patience: 5s}")
    site.ask("run", heavy, "--until", "register")
    store = pid_of(site, "store")
    process = site.start("resume")
    try:
        time.sleep(2)
        os.kill(store, signal.SIGKILL)
        _, err = process.communicate(timeout=150)
        assert process.returncode == 6, err
        assert state(site) == "paused"
    finally:
        process.kill()
        site.ask("up")
    assert site.ask("resume", "--json").last["state"] == "succeeded"


def test_a_disk_that_is_full_while_training(site: TestSite, pipeline: Write, tmp_path: Path) -> None:
    """The jobs' folder is a file system of its own, of 4 MB, which only this command and its job see."""
    place = tmp_path / "small"
    place.mkdir()
    site_file = tmp_path / "site.yaml"
    site_file.write_text(
        f"name: one-machine\nscheduler: {{kind: local, directory: {place}}}\n"
        "registry: {kind: mlflow, uri: embedded}\nstore: {kind: s3, endpoint: embedded}\n"
        "serving: {kind: local}\nmetrics: {kind: prometheus, uri: embedded}\n"
    )
    command = site.command("run", pipeline("full", train=f"--ballast {8 * 2**20}"), "--site", site_file)
    script = f'mount -t tmpfs -o size=4m tmpfs {place} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        env=site.environment,
        timeout=60,
    )
    answer = Answer(done.returncode, done.stdout, done.stderr)
    assert answer.code in (1, 6), answer
    assert "No space left on device" in told(answer)


def test_interrupted_once_it_stops_cleanly_and_goes_on_later(site: TestSite, pipeline: Write) -> None:
    process = site.start("run", pipeline("stopped", train="--seconds 4"))
    time.sleep(3.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "ropeway resume" in err
    assert "Traceback" not in err
    assert state(site) == "stopped"
    answer = site.ask("resume", "--json")
    assert answer.last["state"] == "succeeded"
    assert answer.last["stages"][0]["attempt"] == 1


def test_interrupted_twice_it_stops_at_once(site: TestSite, pipeline: Write) -> None:
    """The first interrupt is held up: the agent that it wants to say good-bye to does not answer."""
    process = site.start("run", pipeline("hasty", train="--seconds 4"))
    time.sleep(3)
    agents = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for agent in agents:
        os.kill(int(agent), signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    for agent in agents:
        os.kill(int(agent), signal.SIGCONT)
    assert site.ask("resume", "--json").last["state"] == "succeeded"


def test_a_second_resume_is_refused_with_the_name_of_the_holder(site: TestSite, pipeline: Write) -> None:
    process = site.start("run", pipeline("held", train="--seconds 6"))
    try:
        time.sleep(3.5)
        answer = site.ask("resume", expect=5)
        assert f"it is held by process {process.pid}" in told(answer)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_cancelled_run_leaves_nothing_running(site: TestSite, pipeline: Write) -> None:
    process = site.start("run", pipeline("unwanted", train="--seconds 120"))
    time.sleep(4)
    answer = site.ask("cancel", "latest", "--json")
    assert answer.last["state"] == "cancelled"
    _, err = process.communicate(timeout=30)
    assert process.returncode == 5, err
    running = subprocess.run(["pgrep", "-f", "train.py --seconds 120"], capture_output=True, text=True).stdout
    assert not running
    assert "it was cancelled" in told(site.ask("resume", expect=5))
    assert site.ask("cancel", "latest", "--json").last["state"] == "cancelled"


def test_debug_shows_the_traceback(site: TestSite, tmp_path: Path) -> None:
    answer = site.ask("run", tmp_path / "none.yaml", "--debug", expect=None)
    assert answer.code != 0
    assert "Traceback" in answer.err


def test_under_json_the_last_line_is_the_error(site: TestSite, tmp_path: Path) -> None:
    answer = site.ask("run", tmp_path / "none.yaml", "--json", expect=2)
    assert answer.last["error"]["kind"] == "ConfigError"
    assert answer.last["error"]["hint"]
    assert not answer.err
