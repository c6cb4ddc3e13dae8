"""Jobs through an agent: what every scheduler adapter says to it, and what its answers mean."""

from __future__ import annotations

import base64
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ropeway.errors import NotFound, RopewayError, Unavailable, UnexpectedReply, by_name
from ropeway.interfaces.host import Host, Json
from ropeway.interfaces.scheduler import JobFolder, JobId, JobSpec, JobState, JobStatus, LogStream, Usage
from ropeway.names import Digest, HostPath, Key
from ropeway_agent.errors import Failure
from ropeway_agent.script import JobScript, batch_script

_CALL_LIMIT = timedelta(seconds=60)
_PAUSES = (0.2, 1.0, 5.0)
"""Seconds before each try to take a lost connection up again; after the last the error goes to the caller."""


@dataclass(frozen=True, slots=True)
class AgentJobs:
    """Where an agent keeps jobs: below `root` on the host, run by its scheduler of that name."""

    host: Host
    root: HostPath
    scheduler: str

    def body(self, **more: object) -> Json:
        return {"root": self.root, "scheduler": self.scheduler, **more}


def script(jobs: AgentJobs, key: Key, job: JobSpec, header: tuple[str, ...] = ()) -> str:
    """The batch script; `header` is for the scheduler's own lines. Raises ConfigError for variables that cannot be."""
    hello: Mapping[str, Any] = jobs.host.call("hello", {}, _CALL_LIMIT)
    try:
        return batch_script(
            JobScript(
                key=key,
                root=jobs.root,
                command=job.command,
                environment=job.environment,
                path=job.path,
                model=job.model,
                seal=job.seal,
                python=hello["python"],
                agent=hello["agent"],
                header=header,
            )
        )
    except Failure as failure:
        raise translated(failure) from failure


def submit(jobs: AgentJobs, key: Key, job: JobSpec, request: Json) -> JobId:
    """Submit or adopt; `request` holds the script, limits and what else the scheduler wants. Sends the recipe

    Raises Conflict for a cancelled key.
    """
    body = jobs.body(key=key, bundle=job.bundle_digest, **request)
    answer = jobs.host.call("submit", body, _CALL_LIMIT)
    if answer["job_id"] is None:
        _ship(jobs, job.bundle, job.bundle_digest)
        answer = jobs.host.call("submit", body, _CALL_LIMIT)
    return JobId(str(answer["job_id"]))


def _ship(jobs: AgentJobs, bundle: Path, digest: Digest) -> None:
    with bundle.open("rb") as data:
        jobs.host.write(HostPath(f"{jobs.root}/bundles/{digest}.tar"), data, digest)


def find(jobs: AgentJobs, key: Key) -> JobId | None:
    found = jobs.host.call("find", jobs.body(key=key), _CALL_LIMIT)["job_id"]
    return None if found is None else JobId(str(found))


def query(jobs: AgentJobs, keys: Collection[Key]) -> Mapping[Key, JobStatus]:
    answer: Mapping[str, Any] = jobs.host.call("query", jobs.body(keys=list(keys)), _CALL_LIMIT)
    return {status.key: status for status in map(read_status, answer["statuses"])}


def watch(jobs: AgentJobs, keys: Collection[Key]) -> Iterator[JobStatus]:
    """The present state of each job, then every change, until all are final; through lost connections too."""
    last: dict[Key, JobStatus] = {}
    tries = _Tries()
    while waiting := [key for key in keys if key not in last or not last[key].final]:
        with tries, jobs.host.open("watch", jobs.body(keys=waiting)) as channel:
            for line in channel:
                status = read_status(line["status"])
                tries.reset()
                if last.get(status.key) != status:
                    last[status.key] = status
                    yield status


def log(jobs: AgentJobs, key: Key, stream: LogStream, offset: int, follow: bool) -> Iterator[bytes]:
    """A job's output; with `follow`, on until it has ended, through lost connections too."""
    if not follow:
        yield from _read_log(jobs, key, stream, offset)
        return
    tries = _Tries()
    while not tries.done:
        with tries, jobs.host.open("tail", jobs.body(key=key, stream=stream, offset=offset)) as channel:
            for line in channel:
                data = base64.b64decode(str(line["data"]))
                tries.reset()
                offset += len(data)
                yield data


def _read_log(jobs: AgentJobs, key: Key, stream: LogStream, offset: int) -> Iterator[bytes]:
    try:
        yield from jobs.host.read(HostPath(f"{jobs.root}/jobs/{key}/{stream}.log"), offset)
    except NotFound:
        if find(jobs, key) is None:
            raise NotFound(f"reading the log of {key}: it was never submitted") from None


def cancel(jobs: AgentJobs, key: Key, grace: timedelta) -> None:
    jobs.host.call("cancel", jobs.body(key=key), _CALL_LIMIT + grace)


def usage(jobs: AgentJobs, key: Key) -> Usage | None:
    answer: Mapping[str, Any] = jobs.host.call("usage", jobs.body(key=key), _CALL_LIMIT)
    return None if answer["usage"] is None else Usage(**answer["usage"])


def folder(jobs: AgentJobs, key: Key) -> JobFolder:
    root = f"{jobs.root}/jobs/{key}"
    return JobFolder(*(HostPath(path) for path in (root, f"{root}/output", f"{root}/results", f"{root}/job.sh")))


def read_status(line: Any) -> JobStatus:
    """Raises UnexpectedReply for a state that we do not know."""
    try:
        start = line.get("expected_start")
        return JobStatus(
            key=Key(line["key"]),
            job_id=JobId(line["job_id"]),
            state=JobState(line["state"]),
            incarnation=line["incarnation"],
            exit_code=line["exit_code"],
            signal=line["signal"],
            reason=line["reason"],
            expected_start=None if start is None else datetime.fromisoformat(start),
        )
    except (KeyError, ValueError, AttributeError) as error:
        raise UnexpectedReply(f"reading a job's status: {str(line)[:100]}") from error


def translated(failure: Failure) -> RopewayError:
    return by_name(failure.kind)(failure.message, failure.hint)


class _Tries:
    """Around one connection: swallows its loss and pauses, until too many in a row gave nothing."""

    def __init__(self) -> None:
        self.done = False
        self._failed = 0

    def reset(self) -> None:
        self._failed = 0

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        self.done = error is None
        if not isinstance(error, Unavailable) or self._failed == len(_PAUSES):
            return False
        time.sleep(_PAUSES[self._failed])
        self._failed += 1
        return True
