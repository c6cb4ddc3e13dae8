"""Runs to report on: finished, failed in different stages, held up, rolled back, hostile.

`python -m tests.report_sample FOLDER` writes the report of each into FOLDER, to be looked at in a browser.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ropeway.interfaces.registry import RunValues, TrackingRunId, VersionSpec
from ropeway.interfaces.scheduler import JobId, JobSpec
from ropeway.interfaces.serving import EndpointSpec, RevisionId, RevisionSpec
from ropeway.journal import Journal, RunRow, RunState
from ropeway.names import Digest, HostPath, key
from ropeway.records import (
    Check,
    Evaluation,
    Gate,
    ModelVersion,
    Promotion,
    Revision,
    Rollback,
    StepResult,
    SyncedModel,
    TrainedModel,
    Verdict,
)
from ropeway.report import write_report
from ropeway.runs.pinned import Pinned
from ropeway.stages.aliases import AliasMove
from ropeway.stages.endpoints import EndpointChange
from ropeway.stages.jobs import JobPlan, Submitted
from ropeway.stages.promote import Settlement
from ropeway.stages.register import Logged, LogPlan, Registered, VersionPlan
from ropeway.stages.rollback import RollbackPlan
from ropeway.stages.sync import Published, PublishPlan
from ropeway.stages.tracking import Opened, TrackingPlan
from ropeway.stages.verify import percentile
from tests.report_story import BEGAN, RECIPE_DIGEST, RUN, Story, begun, mnist
from tests.sample_digits import SIDE, digit

DIGEST = Digest("sha256-9c41f0b7d2a85e63147bdc90fe2a6385b1c7d40e9f6a23585de07c18b4f9a261")
OLD_DIGEST = Digest("sha256-27de0b94c6f1a3587e90d24cb8f7163a50e9c2d14b6f8a7030dc5e9b12467fa8")
TRACKING = TrackingRunId("7d0f4b5e2c9a4e1f8b36a1d2c4e59f70")
REGISTRY = "http://127.0.0.1:5000"
URI = f"s3://models/mnist/{DIGEST}/"
URL = "http://127.0.0.1:8080/mnist"
OUTPUT = HostPath(f"/scratch/ropeway/jobs/{RUN}-train-1/output")
SIZE = 448_316
JOB = JobSpec(command="python train.py", bundle=Path("bundle.tar"), bundle_digest=RECIPE_DIGEST)
OLD = RevisionSpec(RevisionId("v1-27de0b94"), "mnist", 1, OLD_DIGEST, f"s3://models/mnist/{OLD_DIGEST}/", weight=100)
NEW = RevisionSpec(RevisionId("v2-9c41f0b7"), "mnist", 2, DIGEST, URI)
MATRIX = (
    (970, 0, 2, 0, 1, 1, 3, 1, 2, 0),
    (0, 1126, 2, 1, 0, 0, 4, 2, 0, 0),
    (0, 0, 1016, 2, 0, 0, 0, 10, 4, 0),
    (0, 0, 1, 989, 0, 10, 0, 7, 3, 0),
    (1, 0, 3, 1, 958, 0, 4, 3, 3, 9),
    (1, 0, 2, 3, 0, 880, 5, 1, 0, 0),
    (1, 2, 0, 0, 2, 2, 949, 0, 2, 0),
    (0, 0, 5, 0, 0, 0, 0, 1022, 1, 0),
    (3, 0, 8, 3, 2, 0, 4, 6, 939, 9),
    (3, 4, 0, 4, 5, 7, 2, 13, 0, 971),
)
DIGITS = (("7", "7"), ("2", "2"), ("1", "1"), ("0", "0"), ("4", "4"), ("1", "1"), ("9", "4"), ("5", "5"))
"""Truth and answer; one is wrong."""


def finished() -> tuple[Journal, RunRow]:
    """A second version that trained, passed and replaced the first."""
    story = begun()
    train(story)
    evaluate(story)
    register(story)
    sync(story)
    deploy(story)
    verify(story)
    promote(story)
    story.lease.state(RunState.SUCCEEDED)
    return story.told()


def failed_in_train() -> tuple[Journal, RunRow]:
    """The recipe exits 3 after a few hundred steps."""
    story = begun()
    start_training(story)
    story.result("train", "progress.jsonl", progress()[: 60 * 3])
    story.log("train.err", TRACEBACK)
    story.clock.pass_(11.4)
    story.fail(
        "running the job 48213: exit code 3: train.py: the loss is not finite after step 150",
        f"ropeway logs {RUN} train",
    )
    return story.told()


def gate_missed() -> tuple[Journal, RunRow]:
    """Trained, but the accuracy is too low."""
    story = begun()
    train(story)
    start_evaluation(story)
    leave_evaluation(story, accuracy=0.9312)
    story.fail("judging the model: accuracy is 0.9312, required >= 0.95", f"ropeway report {RUN}")
    return story.told()


def too_slow() -> tuple[Journal, RunRow]:
    """Verify finds the new revision slow and takes it away."""
    story = begun()
    for stage in (train, evaluate, register, sync, deploy):
        stage(story)
    story.begin("verify")
    story.clock.pass_(31.0)
    verdict = judged(story, latencies(slow=True), slow=True)
    story.result("verify", "verdict.json", json.loads(json.dumps(verdict, default=vars_of)))
    story.effect("withdraw-revision", change(OLD, replace(NEW, weight=0)), change(OLD), 1.2)
    story.effect(
        "alias-candidate", AliasMove("mnist", "candidate", 2, None), AliasMove("mnist", "candidate", 2, None), 0.05
    )
    seen = verdict.checks[-1].seen
    story.fail(
        f"verifying mnist v2-9c41f0b7: latency P95: {seen}, required <= 100ms; the new revision was taken away",
        f"ropeway report {RUN}",
    )
    return story.told()


def held_up() -> tuple[Journal, RunRow]:
    """Queued, failed once, paused overnight when the store was down, then finished by a second `resume`."""
    story = begun()
    start_training(story, queued=94.0)
    story.clock.pass_(8.0)
    story.fail("running the job 48213: node-fail (node cn17 went down)", f"ropeway resume {RUN}")
    story.clock.pass_(31.0)
    story.lease.state(RunState.RUNNING)
    train(story, attempt=2, job="48230")
    evaluate(story)
    register(story)
    story.begin("sync")
    story.clock.pass_(4.0)
    story.fail("sending the model to the store: connection refused", "ropeway doctor", RunState.PAUSED)
    story.clock.pass_(9 * 3600.0)
    story.lease.state(RunState.RUNNING)
    for done in ("train", "evaluate", "register"):
        story.stage = done
        story.tell("reused", "done already (attempt 1)")
    story.stage = "sync"
    story.tell("resumed", "attempt 1 goes on: it was cut short")
    sync(story, goes_on=True)
    deploy(story)
    verify(story)
    promote(story)
    story.lease.state(RunState.SUCCEEDED)
    return story.told()


def rolled_back() -> tuple[Journal, RunRow]:
    pinned = mnist()
    story = begun(Pinned(type(pinned.pipeline)(name="mnist"), pinned.site, pinned.release, rollback="mnist"))
    story.begin("rollback")
    plan = RollbackPlan(replace(NEW, weight=100), replace(OLD, weight=0), "production", True, BEGAN)
    story.effect("choose-revision", plan, plan, 0.01)
    story.effect("weight-100", change(replace(OLD, weight=100), NEW), change(replace(OLD, weight=100), NEW), 0.4)
    for alias, before, after in (("production", 2, 1), ("previous", 1, 2)):
        move = AliasMove("mnist", alias, before, after)
        story.effect(f"alias-{alias}", move, move, 0.03)
    story.finish(Rollback, Rollback("mnist", "mnist", "production", 1, OLD_DIGEST, 2, 1.384, True), 1.0)
    story.lease.state(RunState.SUCCEEDED)
    return story.told()


def hostile() -> tuple[Journal, RunRow]:
    """What a recipe writes is markup, secrets, broken numbers, and too much of everything."""
    story = begun()
    train(story)
    evaluate(story)
    evil = "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\x1b[31m\u202e"
    broken = evil + "\ud800"
    values = {broken: broken, "db_password": "hunter2-hunter2", "url": "https://me:secret@host/", "nan": float("nan")}
    story.result("train", "parameters.json", values | {f"p{i}": i for i in range(500)})
    lines = (
        json.dumps({"step": i, "loss": 1e3 if i % 9999 else float("nan"), "val_loss": 2.0}) for i in range(100_000)
    )
    story.result("train", "progress.jsonl", "\n".join(lines) + "\n{broken\n[1]\n")
    labels = [f"{evil} {i}" for i in range(1000)]
    rows = [[50 if i == j else (i * j) % 97 == 1 for j in range(1000)] for i in range(1000)]
    story.result("evaluate", "confusion.json", {"labels": labels, "matrix": [[int(c) for c in row] for row in rows]})
    drawn = {"width": 2, "height": 2, "gray": [0, 999, -5, float("nan")]}
    wrong = [
        {"label": broken, "answer": "x" * 5000, "picture": drawn},
        {"picture": {"width": 3, "height": 3, "gray": []}},
    ]
    story.result("evaluate", "examples.json", {"examples": [*wrong, 7, None]})
    story.begin("register")
    story.log("register.log", f"no time {evil}\n2026-11-22T10:00:00Z password=hunter2-hunter2\n")
    story.fail(f"registering: {evil}", f"ropeway logs {evil}")
    return story.told()


def start_training(story: Story, attempt: int = 1, job: str = "48213", queued: float = 2.6) -> None:
    story.begin("train", attempt)
    plan = TrackingPlan(key(RUN), "mnist", {"ropeway.run": RUN})
    story.effect("open-tracking-run", plan, Opened(TRACKING), 0.11)
    story.effect("submit-job", JobPlan(key(RUN, "train", attempt), JOB), Submitted(JobId(job)), 0.34)
    story.say(f"job {job} pending (Priority)", 0.05)
    story.say(f"job {job} running", queued)


def train(story: Story, attempt: int = 1, job: str = "48213") -> None:
    start_training(story, attempt, job)
    story.say(f"job {job} succeeded", 27.9)
    sealed_at = story.clock.now - 0.21
    story.result("train", "progress.jsonl", progress())
    story.result("train", "environment.json", ENVIRONMENT)
    trained = TrainedModel(
        digest=DIGEST,
        output=OUTPUT,
        size=SIZE,
        files=4,
        sealed_at=sealed_at,
        job=job,
        parameters=PARAMETERS,
        metrics={"train_loss": 0.21022438541499539, "train_seconds": 19.149951506, "samples_per_second": 3133.167203},
        wall_seconds=27.4,
        memory=812_646_400,
    )
    story.finish(TrainedModel, trained, 0.19)


def start_evaluation(story: Story) -> None:
    story.begin("evaluate")
    story.effect("submit-job", JobPlan(key(RUN, "evaluate", 1), JOB), Submitted(JobId("48214")), 0.31)
    story.say("job 48214 pending (Priority)", 0.04)
    story.say("job 48214 running", 1.9)
    story.say("job 48214 succeeded", 5.2)


def leave_evaluation(story: Story, accuracy: float) -> None:
    story.result("evaluate", "metrics.json", {"accuracy": accuracy, "loss": 0.060626717744130545})
    story.result("evaluate", "confusion.json", {"labels": [str(i) for i in range(10)], "matrix": MATRIX})
    story.result("evaluate", "examples.json", {"protocol": "v2", "tolerance": 0.001, "examples": examples()})


def evaluate(story: Story) -> None:
    start_evaluation(story)
    leave_evaluation(story, accuracy=0.982)
    metrics = {"accuracy": 0.982, "loss": 0.060626717744130545}
    story.finish(Evaluation, Evaluation(DIGEST, metrics, (Gate("accuracy", ">= 0.95", 0.982),), "48214"), 0.12)


def register(story: Story) -> None:
    story.begin("register")
    story.effect("log-values", LogPlan(TRACKING, RunValues()), Logged(34), 0.22)
    spec = VersionSpec("mnist", DIGEST, URI, TRACKING, {"team": "vision"})
    story.effect("create-version", VersionPlan(key(RUN, "register", 1), spec), Registered(2), 0.13)
    story.finish(ModelVersion, ModelVersion("mnist", 2, DIGEST, URI, TRACKING, REGISTRY))


def sync(story: Story, *, goes_on: bool = False) -> None:
    if not goes_on:
        story.begin("sync")
    plan = PublishPlan(key(RUN, "sync", 1), "mnist", DIGEST, OUTPUT, "{}")
    story.effect("publish", plan, Published(URI, SIZE, SIZE), 0.41)
    move = AliasMove("mnist", "candidate", None, 2)
    story.effect("alias-candidate", move, move, 0.04)
    story.finish(SyncedModel, SyncedModel("mnist", 2, DIGEST, URI, SIZE, SIZE))


def deploy(story: Story) -> None:
    story.begin("deploy")
    story.effect("add-revision", change(OLD, NEW), change(OLD, NEW), 0.03)
    story.say("0 of 1 replicas ready", 0.4)
    story.clock.pass_(1.42)
    revision = Revision("mnist", URL, NEW.id, "mnist", 2, DIGEST, OLD.id, story.clock.now)
    story.finish(Revision, revision)


def verify(story: Story) -> None:
    story.begin("verify")
    story.clock.pass_(0.16)
    verdict = judged(story, latencies())
    story.result("verify", "verdict.json", json.loads(json.dumps(verdict, default=vars_of)))
    story.finish(Verdict, verdict, 0.74)


def promote(story: Story) -> None:
    story.begin("promote")
    for weight in (10, 50, 100):
        move = change(replace(OLD, weight=100 - weight), replace(NEW, weight=weight))
        story.effect(f"weight-{weight}", move, move, 0.31)
        story.say(f"{NEW.id} has {weight} % of the traffic", 0.2)
        story.clock.pass_(5.5)
    settled = Settlement("mnist", NEW.id)
    story.effect("settle", settled, settled, 0.02)
    for alias, before, after in (("production", 1, 2), ("previous", None, 1), ("candidate", 2, None)):
        moved = AliasMove("mnist", alias, before, after)
        story.effect(f"alias-{alias}", moved, moved, 0.03)
    kept = change(replace(OLD, weight=0, retire_at=story.clock.now + 600), replace(NEW, weight=100))
    story.effect("keep-old", kept, kept, 0.02)
    story.finish(Promotion, Promotion("mnist", "mnist", "production", 2, DIGEST, 1, STEPS))


def change(*revisions: RevisionSpec) -> EndpointChange:
    return EndpointChange(EndpointSpec("mnist", "mnist", (OLD,)), EndpointSpec("mnist", "mnist", revisions))


def judged(story: Story, seconds: tuple[float, ...], *, slow: bool = False) -> Verdict:
    checks = (
        Check("replicas ready", True, ">= 1", "1"),
        Check("replicas answer", True, "every request answered", "32 of 32"),
        Check("digest", True, DIGEST, DIGEST),
        Check("recorded answers", True, "all within 0.001", "32 of 32, largest difference 2.4e-06"),
        Check("latency P95", not slow, "<= 100ms", f"{percentile(seconds, 0.95) * 1000:.1f} ms"),
    )
    return Verdict(DIGEST, checks, seconds, story.clock.now)


def latencies(*, slow: bool = False) -> tuple[float, ...]:
    """Seconds of 200 requests: most alike, a few slower."""
    draw = random.Random(7)
    base, spread = (0.081, 0.28) if slow else (0.0017, 0.2)
    return tuple(round(base * draw.lognormvariate(0, spread) + 0.0003 * draw.random(), 6) for _ in range(200))


def progress() -> str:
    """A job's progress.jsonl of 469 steps, one line every ten."""
    draw = random.Random(3)
    lines = []
    for step in [*range(10, 470, 10), 469]:
        loss = 0.205 + 1.9 * 2.71828 ** (-step / 62) + 0.02 * (draw.random() - 0.5)
        line = {"epoch": 0, "step": step, "steps": 469, "loss": round(loss, 5), "samples_per_second": 3100 + step % 7}
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


def examples() -> list[Mapping[str, object]]:
    return [
        {
            "inputs": [{"name": "image", "shape": [1, 1, SIDE, SIDE], "datatype": "FP32", "data": [0.0] * SIDE * SIDE}],
            "outputs": [{"name": "logits", "shape": [1, 10], "datatype": "FP32", "data": [0.0] * 10}],
            "label": label,
            "answer": answer,
            "picture": {"width": SIDE, "height": SIDE, "gray": digit(label, lean=0.06 + 0.05 * place)},
        }
        for place, (label, answer) in enumerate(DIGITS)
    ]


def vars_of(value: Verdict | Check) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}


PARAMETERS = {
    "epochs": 1,
    "batch_size": 128,
    "learning_rate": 0.001,
    "seed": 0,
    "optimizer": "adam",
    "weights": 108_618,
}
ENVIRONMENT = {
    "python": "3.11.7",
    "torch": "2.15.0+cpu",
    "platform": "Linux-6.1.0-x86_64-with-glibc2.36",
    "device": "cpu",
    "cpu": "AMD EPYC 9654",
    "threads": 2,
}
STEPS = (
    StepResult(10, True, 64, 0, 0.0031, 571, 0, 0.0029),
    StepResult(50, True, 318, 0, 0.0030, 322, 0, 0.0030),
    StepResult(100, True, 655, 0, 0.0030, 0, 0, None),
)
TRACEBACK = """\
epoch 0 step 50 loss 0.92743
Traceback (most recent call last):
  File "train.py", line 118, in <module>
    main()
  File "train.py", line 31, in main
    run(arguments)
  File "fit.py", line 52, in fit
    raise FloatingPointError(f"the loss is not finite after step {step}")
FloatingPointError: the loss is not finite after step 150
train.py: the loss is not finite after step 150
"""

STORIES: Mapping[str, Callable[[], tuple[Journal, RunRow]]] = {
    "finished": finished,
    "failed-in-train": failed_in_train,
    "gate-missed": gate_missed,
    "too-slow": too_slow,
    "held-up": held_up,
    "rolled-back": rolled_back,
    "hostile": hostile,
}


def main(target: Path) -> None:
    for name, story in STORIES.items():
        os.environ["ROPEWAY_HOME"] = str(target.absolute() / name)
        os.environ.pop("ROPEWAY_JOURNAL", None)
        print(write_report(*story()).html)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
