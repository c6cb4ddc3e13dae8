"""Evaluate: one job that scores the sealed model; the gate lets it through or ends the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ropeway.config.units import Requirement
from ropeway.errors import ConfigError, StageFailed
from ropeway.records import Evaluation, Gate, TrainedModel
from ropeway.stages.context import Context
from ropeway.stages.jobs import follow, job_spec, numbers, submission

RESULTS = ("metrics.json", "examples.json", "confusion.json")


def evaluate(context: Context, trained: TrainedModel) -> Evaluation:
    """Raises StageFailed when the job fails, or a required metric is missing or not reached."""
    section = context.pipeline.evaluate
    if section is None:
        raise ConfigError("evaluating: the pipeline has no stage evaluate")
    spec = replace(job_spec(context, section), model=trained.output)
    submitted = context.perform(submission(context, spec))
    extra = (context.pipeline.verify.examples,) if context.pipeline.verify else ()
    follow(context, tuple(dict.fromkeys((*RESULTS, *extra))))
    metrics = numbers(context, "evaluate")
    return Evaluation(trained.digest, metrics, _gates(context, metrics, section.require), submitted.job_id)


def _gates(context: Context, metrics: Mapping[str, float], required: Mapping[str, Requirement]) -> tuple[Gate, ...]:
    absent = sorted(set(required) - set(metrics))
    if absent:
        raise StageFailed(
            f"judging the model: evaluate wrote no {', '.join(absent)} into $RESULTS/metrics.json",
            f"ropeway logs {context.run} evaluate",
        )
    gates = tuple(Gate(name, requirement, metrics[name]) for name, requirement in required.items())
    missed = [gate for gate in gates if not Requirement(gate.required).met_by(gate.measured)]
    if missed:
        said = "; ".join(f"{gate.metric} is {gate.measured:g}, required {gate.required}" for gate in missed)
        raise StageFailed(f"judging the model: {said}", f"ropeway report {context.run}")
    return gates
