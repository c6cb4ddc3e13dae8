"""What a report tells of a run, in every state that a run can be in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ropeway import places
from ropeway.config import parse_pipeline
from ropeway.errors import Unavailable
from ropeway.journal import Journal, RunRow
from ropeway.report import write_report
from tests import report_sample as sample
from tests.page_reader import reported, section
from tests.report_stages import DIGEST, REGISTRY, SIZE, TRACKING, URL
from tests.report_story import RUN, begun


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROPEWAY_HOME", str(tmp_path))
    monkeypatch.delenv("ROPEWAY_JOURNAL", raising=False)
    return tmp_path


def test_a_finished_run_tells_its_hand_over_by_stage() -> None:
    _, page, facts = reported(sample.finished)
    hand_over = facts["hand_over"]
    assert [part["stage"] for part in hand_over["parts"]] == ["train", "register", "sync", "deploy", "verify"]
    assert hand_over["seconds"] == pytest.approx(sum(part["seconds"] for part in hand_over["parts"]))
    assert hand_over["evaluate"] == pytest.approx(7.57)
    elapsed = hand_over["answered_at"] - hand_over["sealed_at"]
    assert hand_over["seconds"] == pytest.approx(elapsed - hand_over["evaluate"])
    assert "3.27\u202fs" in section(page, "hand_over").text


def test_a_finished_run_tells_its_model_checks_and_gates() -> None:
    _, _, facts = reported(sample.finished)
    named = {"name": "mnist", "version": 2, "digest": DIGEST, "alias": "production"}
    assert facts["schema"] == "ropeway.report/1"
    assert facts["model"] == named | {"size": SIZE, "files": 4}
    assert [check["passed"] for check in facts["checks"]] == [True] * 5
    gate = {"metric": "accuracy", "required": ">= 0.95", "measured": 0.982, "passed": True}
    assert facts["quality"]["gates"] == [gate]
    assert (facts["confusion"]["right"], facts["confusion"]["total"]) == (9820, 10_000)


def test_a_finished_run_marks_a_wrong_example_in_words() -> None:
    _, page, facts = reported(sample.finished)
    assert [example["right"] for example in facts["examples"]].count(False) == 1
    assert section(page, "examples").text.count("wrong") == 1


def test_a_finished_run_tells_its_rollout_and_every_effect() -> None:
    _, page, facts = reported(sample.finished)
    moved = [(move["alias"], move["before"], move["after"]) for move in facts["rollout"]["aliases"]]
    assert moved[1:] == [("production", 1, 2), ("previous", None, 1), ("candidate", 2, None)]
    assert [step["weight"] for step in facts["rollout"]["steps"]] == [10, 50, 100]
    assert facts["rollout"]["kept_until"] > facts["run"]["ended_at"]
    assert len(facts["effects"]) == len(section(page, "effects").all("tr")) - 1 == 19


def test_a_finished_run_tells_where_its_model_comes_from() -> None:
    _, page, facts = reported(sample.finished)
    origin = facts["provenance"]
    assert origin["tracking_link"] == f"{REGISTRY}/#/runs/{TRACKING}"
    assert [job["id"] for job in origin["jobs"]] == ["48213", "48214"]
    assert origin["training"]["torch"] == "2.15.0+cpu"
    assert origin["versions"]["SeaweedFS"]
    assert all(str(value) in section(page, "provenance").text for value in origin["versions"].values())


def test_the_commands_reproduce_and_check_the_run() -> None:
    _, page, facts = reported(sample.finished)
    commands = {command["title"]: command for command in facts["commands"]}
    again = commands["Run it again"]
    pipeline = parse_pipeline(again["file"], again["file_name"])
    assert pipeline.model_dump(mode="json", by_alias=True, exclude_none=True) == facts["pipeline"]
    assert again["lines"] == "ropeway run pipeline.yaml --site one-machine"
    assert commands["Check the bytes"]["prints"] == f"{DIGEST.removeprefix('sha256-')}  manifest.json"
    assert f"curl -sS {URL}/v2/models/mnist/infer" in commands["Ask the endpoint"]["lines"]
    assert commands["Roll back"]["lines"] == "ropeway rollback mnist"
    assert all(command["lines"] in section(page, "commands").text for command in facts["commands"])


def test_a_run_that_failed_in_train_says_why_and_shows_the_last_words_of_its_job() -> None:
    _, page, facts = reported(sample.failed_in_train)
    assert "Failed at train" in page.all("header")[0].text
    assert facts["failure"]["stage"] == "train"
    assert "FloatingPointError" in section(page, "failure").text
    assert f"ropeway logs {RUN} train" in section(page, "failure").text
    assert facts["curve"]["unread"] == 1
    assert facts["hand_over"] is facts["model"] is facts["latency"] is None
    assert f"ropeway resume {RUN}" in section(page, "commands").text


def test_stages_that_were_not_reached_have_no_section() -> None:
    _, page, _ = reported(sample.failed_in_train)
    names = [node.attributes["id"] for node in page.all("section")]
    assert names == ["failure", "timeline", "training", "effects", "provenance", "commands"]


def test_a_missed_gate_shows_what_was_measured() -> None:
    _, page, facts = reported(sample.gate_missed)
    gate = {"metric": "accuracy", "required": ">= 0.95", "measured": 0.9312, "passed": False}
    assert facts["quality"]["gates"] == [gate]
    assert "failed" in section(page, "training").text
    assert "0.9312" in page.all("header")[0].text


def test_a_verdict_that_did_not_pass_shows_its_checks_and_latencies() -> None:
    _, page, facts = reported(sample.too_slow)
    assert [check["passed"] for check in facts["checks"]] == [True, True, True, True, False]
    assert facts["latency"]["p95"] > facts["latency"]["bound"] == pytest.approx(0.1)
    assert "bound 100" in section(page, "latency").text


def test_a_rollout_that_was_ended_tells_its_steps_so_far() -> None:
    _, page, facts = reported(sample.worse)
    steps = [(step["weight"], step["judged"], step["requests"]) for step in facts["rollout"]["steps"]]
    assert steps == [(10, True, 64), (50, None, None)]
    assert "not passed" in section(page, "rollout").text
    assert facts["rollout"]["replaced"] is None


def test_a_run_that_was_held_up_tells_its_waits_apart_from_its_work() -> None:
    _, page, facts = reported(sample.held_up)
    stages = {stage["name"]: stage for stage in facts["stages"]}
    assert [attempt["state"] for attempt in stages["train"]["attempts"]] == ["failed", "succeeded"]
    assert stages["train"]["attempts"][0]["waits"][0]["kind"] == "queue"
    assert stages["train"]["reused"] == 1
    assert "reused" in section(page, "timeline").text
    wait = stages["sync"]["attempts"][0]["waits"][0]
    assert wait["kind"] == "paused"
    assert wait["ended_at"] - wait["started_at"] == pytest.approx(9 * 3600)


def test_standing_still_is_a_part_of_the_hand_over_of_its_own() -> None:
    _, _, facts = reported(sample.held_up)
    parts = {part["stage"]: part["seconds"] for part in facts["hand_over"]["parts"]}
    assert parts["sync"] < 10
    assert parts[None] == pytest.approx(9 * 3600)


def test_a_rollback_has_a_report_of_its_own() -> None:
    _, page, facts = reported(sample.rolled_back)
    assert facts["rolled_back"] == {"version": 1, "replaced": 2, "seconds": 1.384, "kept": True}
    assert "back at version 1" in page.all("header")[0].text
    assert "ropeway run" not in section(page, "commands").text


def test_a_run_that_has_done_nothing_yet_has_a_report() -> None:
    _, page, facts = reported(lambda: begun().told())
    assert facts["stages"][0]["state"] == "waiting"
    assert "has changed nothing outside" in section(page, "effects").text


def test_writing_it_again_replaces_it_and_leaves_nothing_beside_it() -> None:
    told = sample.rolled_back()
    first = write_report(*told)
    before = json.loads(first.json.read_text(encoding="utf-8"))
    second = write_report(*told)
    after = json.loads(second.json.read_text(encoding="utf-8"))
    assert first == second
    assert before | {"written_at": 0} == after | {"written_at": 0}
    assert sorted(path.name for path in first.html.parent.iterdir()) == ["logs", "report.html", "report.json"]


def unreadable() -> tuple[Journal, RunRow]:
    story = begun()
    story.begin("train")
    story.begin("evaluate")
    story.result("evaluate", "confusion.json", {"labels": ["a"], "matrix": [[1, 2]]})
    story.result("evaluate", "examples.json", "[" * 100_000)
    story.result("evaluate", "metrics.json", "no json")
    return story.told()


def test_unreadable_results_are_named_and_left_out() -> None:
    _, page, facts = reported(unreadable)
    assert facts["confusion"] is None
    assert len(facts["notes"]) == 3
    assert "its matrix is not square" in section(page, "notes").text


def test_a_place_that_does_not_take_the_files_is_told_and_nothing_is_left_there() -> None:
    journal, run = begun().told()
    folder = places.run_folder(run.id)
    (folder / "report.json").mkdir()
    with pytest.raises(Unavailable, match="writing the report"):
        write_report(journal, run)
    assert sorted(path.name for path in folder.iterdir()) == ["logs", "report.json"]
