"""Train: one job that leaves a sealed model on the scheduler's host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ropeway.config.pipeline import Train
from ropeway.errors import ConfigError, NotFound, StageFailed, Unavailable
from ropeway.interfaces.registry import TrackingRunId
from ropeway.interfaces.scheduler import JobSpec
from ropeway.names import HostPath, digest
from ropeway.records import TrainedModel
from ropeway.stages.context import Context
from ropeway.stages.jobs import follow, job_spec, numbers, submission, with_variables
from ropeway.stages.tracking import open_tracking_run
from ropeway_agent.manifest import NAME, Manifest, ManifestError, parse

RESULTS = ("progress.jsonl", "parameters.json", "metrics.json", "environment.json")


def train(context: Context) -> TrainedModel:
    """Raises StageFailed when the job fails or seals no model."""
    if context.pipeline.train is None:
        raise ConfigError("training: the pipeline has no stage train")
    spec = _job(context, context.pipeline.train, _tracking_run(context))
    submitted = context.perform(submission(context, spec))
    follow(context, RESULTS)
    folder = context.site.scheduler.folder(context.key)
    manifest = sealed_manifest(context, folder.output)
    usage = context.site.scheduler.usage(context.key)
    return TrainedModel(
        digest=digest(manifest.digest),
        output=folder.output,
        size=manifest.size,
        files=len(manifest.files),
        sealed_at=_sealed_at(context, folder.output),
        job=submitted.job_id,
        parameters=context.result("train", "parameters.json") or {},
        metrics=numbers(context, "train"),
        wall_seconds=usage.wall if usage else None,
        memory=usage.memory if usage else None,
    )


def sealed_manifest(context: Context, output: HostPath) -> Manifest:
    """The manifest of a sealed folder on the scheduler's host. Raises StageFailed when there is none that is whole."""
    try:
        return parse(b"".join(context.site.scheduler.host.read(HostPath(f"{output}/{NAME}"))))
    except (NotFound, ManifestError) as error:
        raise StageFailed(
            f"reading the sealed model in {output}: {error}", f"ropeway logs {context.run} {context.stage}"
        ) from error


def _job(context: Context, section: Train, tracking: TrackingRunId | None) -> JobSpec:
    spec = with_variables(job_spec(context, section), {"MLFLOW_TRACKING_URI": context.site.tracking_address})
    if section.seed is not None:
        spec = with_variables(spec, {"SEED": str(section.seed)})
    if tracking is not None:
        spec = with_variables(spec, {"MLFLOW_RUN_ID": tracking})
    return spec.sealing()


def _tracking_run(context: Context) -> TrackingRunId | None:
    """None when the registry is down: it is told later, training does not wait for it."""
    try:
        return open_tracking_run(context)
    except Unavailable as error:
        context.say(f"{error}; training anyway, the registry is told later")
        return None


def _sealed_at(context: Context, output: HostPath) -> float:
    """When the job put the manifest there, in seconds since 1970 by the host's clock."""
    listed: Mapping[str, Any] = context.site.scheduler.host.call("list_files", {"path": output})
    return next(float(file["modified"]) for file in listed["files"] if file["path"] == NAME)
