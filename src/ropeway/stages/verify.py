"""Verify: every replica of the new revision gives the recorded answers, from the right digest, fast enough."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Sequence

from ropeway.config.pipeline import Verify
from ropeway.config.units import in_words
from ropeway.errors import ConfigError, StageFailed
from ropeway.interfaces.serving import InferenceAnswer, ReplicaRef, RevisionId, RevisionState
from ropeway.journal import Effect
from ropeway.records import Check, Revision, Verdict
from ropeway.stages.answers import Example, Examples, difference, metadata_request, read_examples
from ropeway.stages.context import Context
from ropeway.stages.withdraw import withdraw

WARM_UP = 5
"""Requests to each replica before latencies count: the first ones pay for connections."""


def verify(context: Context, revision: Revision) -> Verdict:
    """Raises StageFailed when a check does not pass; the new revision is then taken away and never promoted."""
    section = context.pipeline.verify
    if section is None:
        raise ConfigError("verifying: the pipeline has no stage verify")
    verdict = context.perform(_verdict(context, section, revision))
    content = dataclasses.asdict(verdict) | {"passed": verdict.passed}
    (context.results("verify") / "verdict.json").write_text(json.dumps(content), encoding="utf-8")
    if not verdict.passed:
        withdraw(context, revision)
        missed = next(check for check in verdict.checks if not check.passed)
        raise StageFailed(
            f"verifying {revision.endpoint} {revision.id}: {missed.name}: {missed.seen}, required {missed.required}; "
            "the new revision was taken away",
            f"ropeway report {context.run}",
        )
    return verdict


def _verdict(context: Context, section: Verify, revision: Revision) -> Effect[Revision, Verdict]:
    """Changes nothing, but is recorded before anything is taken away for it: a resumed run does not judge ruins."""

    def do(plan: Revision) -> Verdict:
        examples = read_examples(context.folder / "results" / "evaluate" / section.examples)
        return check_revision(context, section, plan, examples)

    return Effect(
        name="verdict",
        plan=lambda: revision,
        find=lambda _: None,
        do=do,
        plan_kind=Revision,
        record_kind=Verdict,
    )


def check_revision(context: Context, section: Verify, revision: Revision, examples: Examples | None) -> Verdict:
    state = _state(context, revision)
    asked = [_ask_replica(context, revision, replica, examples) for replica in state.replicas]
    answers = [answer for replica_answers in asked for answer in replica_answers]
    first_answer_at = context.clock.now().timestamp()
    latencies = _latencies(context, section, state.replicas, revision, examples)
    checks = [
        _replicas(state),
        _statuses([answer for _, answer in answers]),
        _digests([answer for _, answer in answers], revision),
        *([_recorded(answers, examples)] if examples else []),
        *([_fast(section, latencies)] if section.latency_p95 is not None and latencies else []),
    ]
    return Verdict(revision.digest, tuple(checks), tuple(latencies), first_answer_at)


def _state(context: Context, revision: Revision) -> RevisionState:
    state = context.site.serving.state(revision.endpoint)
    found = state.revisions.get(RevisionId(revision.id)) if state else None
    if found is None:
        raise StageFailed(
            f"verifying {revision.endpoint} {revision.id}: it is not deployed any more",
            f"ropeway resume {context.run} --from deploy",
        )
    return found


def _ask_replica(
    context: Context, revision: Revision, replica: ReplicaRef, examples: Examples | None
) -> list[tuple[Example | None, InferenceAnswer]]:
    ask = context.site.serving.ask
    if examples is None:
        return [(None, ask(replica, metadata_request(revision.model)))]
    return [(example, ask(replica, example.request(revision.model))) for example in examples.examples]


def _latencies(
    context: Context,
    section: Verify,
    replicas: Sequence[ReplicaRef],
    revision: Revision,
    examples: Examples | None,
) -> list[float]:
    """Seconds of single requests, one after the other, over all replicas in turn."""
    if examples is None or not replicas:
        return []
    requests = [example.request(revision.model) for example in examples.examples]
    turns = zip(itertools.cycle(replicas), itertools.cycle(requests), strict=False)
    count = WARM_UP * len(replicas) + section.requests
    answers = [context.site.serving.ask(replica, request) for replica, request in itertools.islice(turns, count)]
    return [answer.latency for answer in answers[WARM_UP * len(replicas) :]]


def _replicas(state: RevisionState) -> Check:
    return Check("replicas ready", state.ready, f">= {state.spec.minimum}", str(len(state.replicas)))


def _statuses(answers: Sequence[InferenceAnswer]) -> Check:
    good = sum(answer.status == 200 for answer in answers)
    return Check("replicas answer", good == len(answers) > 0, "every request answered", f"{good} of {len(answers)}")


def _digests(answers: Sequence[InferenceAnswer], revision: Revision) -> Check:
    seen = {str(answer.digest) for answer in answers}
    return Check("digest", seen == {revision.digest}, revision.digest, ", ".join(sorted(seen)) or "none")


def _recorded(answers: Sequence[tuple[Example | None, InferenceAnswer]], examples: Examples) -> Check:
    differences = [
        difference(example, answer.body) if example and answer.status == 200 else None for example, answer in answers
    ]
    good = [d for d in differences if d is not None and d <= examples.tolerance]
    largest = max((d for d in differences if d is not None), default=None)
    told = f"{len(good)} of {len(differences)}" + (f", largest difference {largest:.2g}" if largest is not None else "")
    return Check("recorded answers", len(good) == len(differences), f"all within {examples.tolerance:g}", told)


def _fast(section: Verify, latencies: Sequence[float]) -> Check:
    bound = section.latency_p95
    if bound is None:
        raise ConfigError("verifying: no bound on the latency was given")
    seen = percentile(latencies, 0.95)
    return Check("latency P95", seen <= bound.total_seconds(), f"<= {in_words(bound)}", f"{seen * 1000:.1f} ms")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
