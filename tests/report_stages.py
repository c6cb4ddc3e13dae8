"""What each stage of a made-up MNIST run writes down: effects, logs, results, its record."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ropeway.interfaces.registry import RunValues, TrackingRunId, VersionSpec
from ropeway.interfaces.scheduler import JobId, JobSpec
from ropeway.interfaces.serving import EndpointSpec, RevisionId, RevisionSpec
from ropeway.names import Digest, HostPath, key
from ropeway.records import (
    Check,
    Evaluation,
    Gate,
    ModelVersion,
    Promotion,
    Revision,
    StepResult,
    SyncedModel,
    TrainedModel,
    Verdict,
)
from ropeway.stages.aliases import AliasMove
from ropeway.stages.endpoints import EndpointChange
from ropeway.stages.jobs import JobPlan, Submitted
from ropeway.stages.promote import Judgement, Settlement
from ropeway.stages.register import Logged, LogPlan, Registered, VersionPlan
from ropeway.stages.sync import Published, PublishPlan
from ropeway.stages.tracking import Opened, TrackingPlan
from ropeway.stages.verify import percentile
from tests.report_story import RECIPE_DIGEST, RUN, Story
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
    for step in STEPS:
        shift(story, step)
    settled = Settlement("mnist", NEW.id)
    story.effect("settle", settled, settled, 0.02)
    for alias, before, after in (("production", 1, 2), ("previous", None, 1), ("candidate", 2, None)):
        moved = AliasMove("mnist", alias, before, after)
        story.effect(f"alias-{alias}", moved, moved, 0.03)
    kept = change(replace(OLD, weight=0, retire_at=story.clock.now + 600), replace(NEW, weight=100))
    story.effect("keep-old", kept, kept, 0.02)
    story.finish(Promotion, Promotion("mnist", "mnist", "production", 2, DIGEST, 1, STEPS))


def shift(story: Story, step: StepResult) -> None:
    move = change(replace(OLD, weight=100 - step.weight), replace(NEW, weight=step.weight))
    story.effect(f"weight-{step.weight}", move, move, 0.31)
    story.say(f"{NEW.id} has {step.weight} % of the traffic", 0.2)
    story.effect(f"judge-{step.weight}", Judgement(NEW.id, step.weight), step, 5.5)


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
