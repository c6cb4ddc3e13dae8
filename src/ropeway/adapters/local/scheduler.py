"""Jobs as processes of one host, without a batch system; each has a shepherd that records how it ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

from ropeway.interfaces.host import Host
from ropeway.interfaces.scheduler import JobFolder, JobId, JobSpec, JobStatus, LogStream, Usage
from ropeway.names import HostPath, Key
from ropeway.remote import jobs
from ropeway.remote.jobs import AgentJobs


class LocalScheduler:
    """Implements Scheduler. Jobs start at once: there is no queue, and CPUs and GPUs are not handed out.

    `root` is the folder on the host for jobs, bundles and data, made when needed. A job that is cancelled, or that
    runs too long, has `grace` between TERM and KILL. `resources.memory` is kept where this user may make cgroups.
    """

    def __init__(self, host: Host, root: HostPath, grace: timedelta = timedelta(seconds=10)) -> None:
        self._jobs = AgentJobs(host, root, "local")
        self._grace = grace

    @property
    def host(self) -> Host:
        return self._jobs.host

    def submit(self, key: Key, job: JobSpec) -> JobId:
        time = job.resources.time
        request = {
            "script": self.script(key, job),
            "time": None if time is None else time.total_seconds(),
            "memory": job.resources.memory,
            "grace": self._grace.total_seconds(),
        }
        return jobs.submit(self._jobs, key, job, request)

    def script(self, key: Key, job: JobSpec) -> str:
        return jobs.script(self._jobs, key, job)

    def find(self, key: Key) -> JobId | None:
        return jobs.find(self._jobs, key)

    def query(self, keys: Collection[Key]) -> Mapping[Key, JobStatus]:
        return jobs.query(self._jobs, keys)

    def watch(self, keys: Collection[Key]) -> Iterator[JobStatus]:
        return jobs.watch(self._jobs, keys)

    def cancel(self, key: Key) -> None:
        jobs.cancel(self._jobs, key, self._grace)

    def log(self, key: Key, stream: LogStream, offset: int = 0, follow: bool = False) -> Iterator[bytes]:
        return jobs.log(self._jobs, key, stream, offset, follow)

    def folder(self, key: Key) -> JobFolder:
        return jobs.folder(self._jobs, key)

    def usage(self, key: Key) -> Usage | None:
        return jobs.usage(self._jobs, key)
