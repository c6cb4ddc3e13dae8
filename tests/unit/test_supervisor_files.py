"""What the supervisor keeps on disk beside the endpoints: logs, counts, targets, and what it takes away again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ropeway.adapters.local import metric_files
from ropeway.adapters.local.endpoint_files import ServingFolder
from ropeway.adapters.local.metric_files import Counts
from ropeway.interfaces.serving import RevisionId, RevisionSpec
from ropeway.names import Digest
from ropeway.supervisor import replica_logs, targets
from ropeway.supervisor.plan import Phase, Replica
from ropeway.supervisor.runtime_command import RuntimeCommand
from ropeway.supervisor.tidying import KEPT_LOGS, KEPT_MODELS, tidy

DIGEST = Digest("sha256-" + "a" * 64)
SPEC = RevisionSpec(RevisionId("v1-a"), "mnist", 1, DIGEST, "s3://a/")
REPLICA = Replica("v1-a-1", "mnist", SPEC.id, "mnist", DIGEST, 20001, 7, 1.0, Phase.READY, 1.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "v1-a-1.log"


def test_the_last_error_of_the_server_is_why_it_ended(log: Path) -> None:
    log.write_text("Error: old\nTry: old\nReady\nError: it cannot load\nTry: another opset\nbye\n")
    assert replica_logs.last_words(log) == ("it cannot load", "another opset")


def test_without_an_error_the_last_line_is(log: Path) -> None:
    log.write_text("Traceback\nValueError: 7\n\n")
    assert replica_logs.last_words(log) == ("ValueError: 7", None)


def test_one_that_said_nothing_says_so(log: Path) -> None:
    assert replica_logs.last_words(log) == ("it said nothing", None)


def test_a_long_log_keeps_its_end(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_logs, "LIMIT", 100)
    log.write_text("x" * 150 + "the end")
    replica_logs.trim(log)
    assert log.stat().st_size == 50
    assert log.read_text().endswith("the end")
    replica_logs.trim(log)
    assert log.stat().st_size == 50


def counts(at: float) -> Counts:
    return Counts(at, "v1-a-1", "mnist", DIGEST, {"200": at}, {"+Inf": at}, 1.0)


def test_counts_come_back_in_order_and_half_a_line_is_passed_over(tmp_path: Path) -> None:
    for at in (1.0, 2.0):
        metric_files.append(tmp_path, "mnist", SPEC.id, counts(at))
    path = tmp_path / "mnist" / "v1-a.jsonl"
    path.write_text(path.read_text() + '[3.0,"v1-a')
    assert list(metric_files.read(tmp_path, "mnist", SPEC.id)) == [counts(1.0), counts(2.0)]
    assert list(metric_files.kept(tmp_path)) == [("mnist", "v1-a")]


def test_counts_take_no_more_room_than_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_files, "LIMIT", 500)
    for at in range(100):
        metric_files.append(tmp_path, "mnist", SPEC.id, counts(float(at)))
    read = [each.at for each in metric_files.read(tmp_path, "mnist", SPEC.id)]
    assert read == [float(at) for at in range(int(read[0]), 100)]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.*")) < 1500


def test_prometheus_is_told_what_each_replica_is(tmp_path: Path) -> None:
    path = tmp_path / "replicas.json"
    targets.write(path, [REPLICA])
    (group,) = json.loads(path.read_text())
    assert group["targets"] == ["127.0.0.1:20001"]
    assert group["labels"] == {
        "endpoint": "mnist",
        "revision": "v1-a",
        "model": "mnist",
        "digest": DIGEST,
        "replica": "v1-a-1",
    }
    before = path.stat().st_ino
    targets.write(path, [REPLICA])
    assert path.stat().st_ino == before


def test_a_replica_gets_no_variable_that_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    environment = RuntimeCommand(("python",), variables={"PYTHONPATH": "/src"}).environment("v1-a-1")
    assert environment["PYTHONPATH"] == "/src"
    assert environment["ROPEWAY_REPLICA"] == "v1-a-1"
    assert "hidden" not in environment.values()


def test_the_expected_digest_stands_on_the_command_line() -> None:
    command = RuntimeCommand(("python", "-m", "server"), ("--threads", "1")).arguments(SPEC, Path("/models/m"), 20001)
    assert " ".join(command) == (
        f"python -m server --model-dir /models/m --model-name mnist --model-digest {DIGEST}"
        " --revision v1-a --host 127.0.0.1 --port 20001 --threads 1"
    )


def test_unused_models_and_old_logs_go_and_used_ones_stay(tmp_path: Path) -> None:
    folder = ServingFolder(tmp_path)
    models = [folder.models / "mnist" / f"sha256-{number}" for number in range(KEPT_MODELS + 3)]
    for number, model in enumerate(models):
        model.mkdir(parents=True)
        os.utime(model, (number, number))
    folder.logs.mkdir()
    for number in range(KEPT_LOGS + 2):
        (folder.logs / f"{number}.log").write_text("")
        os.utime(folder.logs / f"{number}.log", (number, number))
    tidy(folder, {models[0]}, {"0"})
    assert sorted(folder.models.glob("*/*")) == [models[0], *models[3:]]
    assert {path.stem for path in folder.logs.iterdir()} == {"0", *map(str, range(2, KEPT_LOGS + 2))}
