"""A place for jobs on this machine, for tests: its scheduler, fresh ones, and recipes made on the spot."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ropeway.adapters.local.scheduler import LocalScheduler
from ropeway.interfaces.scheduler import JobSpec, JobStatus, Resources, Scheduler
from ropeway.names import HostPath, Key, digest
from ropeway.remote import AgentHost, local_host
from ropeway.remote.process import Launch

GRACE = timedelta(seconds=1)


@dataclass
class LocalSite:
    """One root and one home of agents; `fresh` gives schedulers that know nothing of each other."""

    folder: Path
    hosts: list[AgentHost] = field(default_factory=list)

    @property
    def root(self) -> HostPath:
        return HostPath(str(self.folder / "root's ü"))

    def fresh(self) -> LocalScheduler:
        return LocalScheduler(self.host(), self.root, GRACE)

    def host(self) -> AgentHost:
        host = agent_host(self.folder / "agent")
        self.hosts.append(host)
        return host

    def close(self) -> None:
        """End what still runs, and the agents."""
        scheduler = LocalScheduler(self.hosts[0] if self.hosts else self.host(), self.root, GRACE)
        for folder in Path(self.root).glob("jobs/*"):
            scheduler.cancel(Key(folder.name))
        for host in self.hosts:
            host.close()


def agent_host(home: Path) -> AgentHost:
    """The host under test; ROPEWAY_TEST_AGENT_PYTHON runs its agent with another Python."""
    python = os.environ.get("ROPEWAY_TEST_AGENT_PYTHON")
    if python is None:
        return local_host(home)
    return AgentHost(Launch(str(home), python=python, environment={"PATH": os.environ["PATH"], "LC_ALL": "C"}))


def recipe(folder: Path, command: str, files: Mapping[str, str] | None = None, **more: object) -> JobSpec:
    """A job that runs this command; `files` lie in its recipe. More: what JobSpec takes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (files or {"README": ""}).items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    name = digest("sha256-" + hashlib.sha256(buffer.getvalue()).hexdigest())
    bundle = folder / f"{name}.tar"
    bundle.write_bytes(buffer.getvalue())
    return JobSpec(command, bundle, name, **more)  # type: ignore[arg-type]


def limits(**more: object) -> Resources:
    return Resources(**more)  # type: ignore[arg-type]


def end_of(scheduler: Scheduler, name: Key) -> JobStatus:
    """How the job ends; waits for it."""
    return list(scheduler.watch([name]))[-1]


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for a condition, in small steps."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {seconds} s")
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


PYTHON = sys.executable
