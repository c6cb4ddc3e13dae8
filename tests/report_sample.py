"""Runs to report on: finished, failed in different stages, held up, rolled back, hostile.

`python -m tests.report_sample FOLDER` writes the report of each into FOLDER, to be looked at in a browser.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ropeway.journal import Journal, RunRow, RunState
from ropeway.records import Rollback
from ropeway.report import write_report
from ropeway.runs.pinned import Pinned
from ropeway.stages.aliases import AliasMove
from ropeway.stages.rollback import RollbackPlan
from tests.report_stages import (
    NEW,
    OLD,
    OLD_DIGEST,
    STEPS,
    change,
    deploy,
    evaluate,
    judged,
    latencies,
    leave_evaluation,
    progress,
    promote,
    register,
    shift,
    start_evaluation,
    start_training,
    sync,
    train,
    vars_of,
    verify,
)
from tests.report_story import BEGAN, RUN, begun, mnist

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


def worse() -> tuple[Journal, RunRow]:
    """Promote finds the new revision worse at half of the traffic, and takes it back."""
    story = begun()
    for stage in (train, evaluate, register, sync, deploy, verify):
        stage(story)
    story.begin("promote")
    shift(story, STEPS[0])
    move = change(replace(OLD, weight=50), replace(NEW, weight=50))
    story.effect("weight-50", move, move, 0.3)
    story.clock.pass_(2.5)
    story.effect("withdraw-revision", change(OLD, replace(NEW, weight=0)), change(OLD), 1.2)
    story.fail(
        "promoting mnist v2-9c41f0b7 at 50 %: 9 of 61 requests failed (14.8%; the stable revision: 0.0%); "
        "the old revision has all the traffic again",
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


STORIES: Mapping[str, Callable[[], tuple[Journal, RunRow]]] = {
    "finished": finished,
    "failed-in-train": failed_in_train,
    "gate-missed": gate_missed,
    "too-slow": too_slow,
    "worse": worse,
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
