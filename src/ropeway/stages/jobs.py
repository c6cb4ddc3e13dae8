"""A stage's job: submit it once, follow it to its true end, bring its results here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from ropeway.config.pipeline import JobSection
from ropeway.errors import NotFound, Paused, StageFailed, Unavailable, brief
from ropeway.interfaces.scheduler import JobId, JobSpec, JobState, JobStatus, Resources
from ropeway.journal import Effect
from ropeway.names import HostPath, Key
from ropeway.stages.context import Context
from ropeway.stages.progress import shown

PATIENCE = timedelta(minutes=10)
"""How long a scheduler may be out of reach before the run is paused; the job is left alone."""
RESULT_LIMIT = 64 * 2**20
"""Bytes of one result file that are brought here."""
LOG_LIMIT = 2**20


@dataclass(frozen=True, slots=True)
class JobPlan:
    key: Key
    spec: JobSpec


@dataclass(frozen=True, slots=True)
class Submitted:
    job_id: JobId


def job_spec(context: Context, section: JobSection) -> JobSpec:
    """What the pipeline says of a job. Makes the Python environment when it is absent."""
    asked = section.resources
    if context.bundle_digest is None:
        raise StageFailed(f"preparing the job {context.key}: this run has no recipe", "ropeway run PIPELINE")
    return JobSpec(
        command=section.command,
        bundle=context.folder / "bundle.tar",
        bundle_digest=context.bundle_digest,
        resources=Resources(asked.cpus, asked.memory, asked.gpus, asked.time),
        environment={**section.variables, "ROPEWAY_RUN": context.run},
        path=context.site.environment(section.environment, context.say),
    )


def with_variables(spec: JobSpec, variables: dict[str, str]) -> JobSpec:
    return replace(spec, environment={**spec.environment, **variables})


def submission(context: Context, spec: JobSpec) -> Effect[JobPlan, Submitted]:
    scheduler = context.site.scheduler

    def find(plan: JobPlan) -> Submitted | None:
        job_id = scheduler.find(plan.key)
        return Submitted(job_id) if job_id else None

    return Effect(
        name="submit-job",
        plan=lambda: JobPlan(context.key, spec),
        find=find,
        do=lambda plan: Submitted(scheduler.submit(plan.key, plan.spec)),
        plan_kind=JobPlan,
        record_kind=Submitted,
    )


def follow(context: Context, results: tuple[str, ...]) -> None:
    """Wait for the end of this attempt's job, and bring these result files and its output here, however it ended.

    Raises StageFailed unless it succeeded, Paused when nobody can tell.
    """
    status = _ended(context)
    _bring(context, results)
    if status.state is not JobState.SUCCEEDED:
        raise _failed(context, status)


def _ended(context: Context) -> JobStatus:
    since = None
    while True:
        try:
            return _watched(context)
        except Unavailable as error:
            since = since or context.clock.now()
            if context.clock.now() - since > PATIENCE:
                raise Paused(
                    f"following the job {context.key}: unknown since {since:%H:%M:%S}: {error}",
                    f"ropeway resume {context.run}",
                ) from error
            context.say(f"unknown since {since:%H:%M:%S}, the job is left alone: {error}")
            context.clock.sleep(5)


def _watched(context: Context) -> JobStatus:
    last: JobStatus | None = None
    with shown(context):
        for last in context.site.scheduler.watch([context.key]):
            context.say(f"job {last.job_id} {last.state}" + (f" ({last.reason})" if last.reason else ""))
    if last is None or not last.final:
        raise Unavailable(f"watching the job {context.key}: the answers ended before the job did")
    return last


def _failed(context: Context, status: JobStatus) -> StageFailed:
    ended = {
        JobState.FAILED: f"exit code {status.exit_code}" if status.exit_code else f"signal {status.signal}",
        JobState.OUT_OF_MEMORY: "out of memory",
        JobState.TIMEOUT: "its time was over",
    }.get(status.state, str(status.state))
    last_words = _tail(context)
    said = f": {last_words}" if last_words else ""
    hint = f"ropeway logs {context.run} {context.stage}"
    return StageFailed(f"running the job {status.job_id}: {status.reason or ended}{said}", hint)


def _tail(context: Context) -> str:
    try:
        text = b"".join(context.site.scheduler.log(context.key, "stderr"))[-4000:].decode(errors="replace")
    except (NotFound, Unavailable):
        return ""
    lines = [line for line in text.splitlines() if line.strip()]
    return brief(lines[-1]) if lines else ""


def _bring(context: Context, names: tuple[str, ...]) -> None:
    """Copy these result files here, those that exist, and the job's output into `logs/STAGE.out` and `.err`."""
    folder = context.site.scheduler.folder(context.key)
    for name in names:
        content = _read(context, HostPath(f"{folder.results}/{name}"), RESULT_LIMIT)
        copy = context.results(context.stage) / name
        if content is None:
            copy.unlink(missing_ok=True)  # of an earlier attempt
        else:
            copy.write_bytes(content)
    logs = context.folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for stream, ending in (("stdout", "out"), ("stderr", "err")):
        content = b"".join(context.site.scheduler.log(context.key, stream))  # type: ignore[arg-type]
        (logs / f"{context.stage}.{ending}").write_bytes(content[-LOG_LIMIT:])


def _read(context: Context, path: HostPath, limit: int) -> bytes | None:
    try:
        return b"".join(context.site.scheduler.host.read(path, 0, limit))
    except NotFound:
        return None


def numbers(context: Context, stage: str) -> dict[str, float]:
    """The numbers of a stage's `metrics.json`; empty when it wrote none. Raises StageFailed when it is no JSON."""
    content = context.result(stage, "metrics.json") or {}
    return {name: float(value) for name, value in content.items() if isinstance(value, int | float)}
