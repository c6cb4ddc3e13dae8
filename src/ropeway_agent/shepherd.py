"""The parent of one local job: starts its batch script, holds it to its limits, and records how it ended."""

import contextlib
import os
import resource
import shutil
import signal
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ropeway_agent import identity, memory
from ropeway_agent.disk import create_json, read_json, write_json
from ropeway_agent.folder import JobFolder
from ropeway_agent.processes import VARIABLE, end_all, members
from ropeway_agent.verdict import Ending, decide

RECORD = "shepherd.json"
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_CHILD_SUBREAPER = 36
_LEFTOVER_GRACE = 2.0
"""Seconds that what a finished command left running gets to end by itself."""


class Job(NamedTuple):
    """One running job. `script` is the pid of its batch script, which leads its own session; times in seconds."""

    folder: JobFolder
    job_id: str
    script: int
    group: Optional[memory.MemoryGroup]
    host_oom_kills: int
    limit: Optional[float]
    grace: float
    started: float

    @property
    def incarnation(self) -> str:
        return self.job_id + ".0"

    def members(self) -> List[int]:
        return members(self.job_id, self.script)


class Children:
    """Reaps all that ends below us, and keeps the wait status of the one that matters."""

    def __init__(self, script: int) -> None:
        self._script = script
        self.status: Optional[int] = None

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(-1, os.WNOHANG)
            while pid:
                if pid == self._script:
                    self.status = status
                pid, status = os.waitpid(-1, os.WNOHANG)


def launch(folder: JobFolder, ready: int, claim: int) -> None:
    """The whole life of a shepherd's process: detach, record itself, answer the job id, run the job. Never returns."""
    if os.fork():
        os._exit(0)  # so that the shepherd is init's child: no agent has to outlive the job
    os.setsid()
    os.umask(0o077)
    job_id = _record_self(folder)
    if job_id is not None:
        with contextlib.suppress(BrokenPipeError):  # the agent was killed: all the more the job must go on
            os.write(ready, job_id.encode("ascii"))
        os.close(ready)
        os.close(claim)  # it was locked until now, when the job exists for everyone who looks
        run(folder, job_id)
    os._exit(0)


def _record_self(folder: JobFolder) -> Optional[str]:
    me = identity.mine()
    job_id = f"local-{me.pid}-{me.start}"
    record = {"job_id": job_id, "shepherd": me.as_json(), "script": None}
    # Of two shepherds only one can create the record: the other ends here.
    return job_id if create_json(folder.at(RECORD), record) else None


def run(folder: JobFolder, job_id: str) -> None:
    """Run what job.json and job.sh describe; in the end its ended.json says how that went."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _adopt_orphans()
    try:
        job = _start(folder, job_id)
    except Exception as error:  # noqa: BLE001 - nobody is above us: what we do not record, nobody learns
        reason = f"it could not be started: {error}"
        folder.record_end(job_id + ".0", {"state": "failed", "reason": reason, "exit_code": None, "signal": None})
        raise
    children = Children(job.script)
    asked = _wait(job, children)
    all_gone = end_all(job.members, _LEFTOVER_GRACE, children.reap)
    folder.record_end(job.incarnation, _ending(job, children.status, asked, all_gone))
    if job.group is not None:
        memory.remove_group(job.group)


def _adopt_orphans() -> None:
    # Where it fails we lose little: the CPU seconds of what a command left behind.
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start(folder: JobFolder, job_id: str) -> Job:
    spec = read_json(folder.at("job.json")) or {}
    folder.keep_room()
    group = memory.make_group(job_id, spec["memory"])
    host_oom_kills = memory.host_oom_kills()
    gate, opener = os.pipe()
    script = os.fork()
    if script == 0:
        os.close(opener)
        _become_script(folder, job_id, group, gate)
    os.close(gate)
    script_id = identity.of(script).as_json()
    write_json(folder.at(RECORD), {"job_id": job_id, "shepherd": identity.mine().as_json(), "script": script_id})
    os.write(opener, b"go")  # only now that its pid is on disk: should we be killed, it is still found
    os.close(opener)
    return Job(folder, job_id, script, group, host_oom_kills, spec["time"], spec["grace"], time.monotonic())


def _become_script(folder: JobFolder, job_id: str, group: Optional[memory.MemoryGroup], gate: int) -> None:
    try:
        os.setsid()
        if os.read(gate, 2) != b"go":
            return
        if group is not None:
            group.enter()
        for stream, number in (("stdout", 1), ("stderr", 2)):
            os.dup2(os.open(folder.log(stream), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        # Of an allocation that we may run in ourselves: the script would take it for its own.
        foreign = ("SLURM_JOB_ID", "SLURM_RESTART_COUNT")
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        environment[VARIABLE] = job_id
        os.execve(shutil.which("bash") or "/bin/bash", ["bash", folder.at("job.sh")], environment)  # noqa: S606 - bash is the program
    finally:
        os._exit(127)


def _wait(job: Job, children: Children) -> Optional[str]:
    """Until the script has ended. Answers why we ended it; None when it ended by itself."""
    asked = None
    while True:
        children.reap()
        if children.status is not None:
            return asked
        caught = _next_signal(job, limited=asked is None)
        if caught == signal.SIGCHLD or asked is not None:
            continue
        asked = "timeout" if caught is None else "cancelled" if job.folder.cancelled else "stopped"
        end_all(job.members, job.grace, children.reap)


def _next_signal(job: Job, limited: bool) -> Optional[int]:
    """The next signal; None when the job's time is up first."""
    if job.limit is None or not limited:
        return signal.sigwaitinfo(_SIGNALS).si_signo
    left = job.started + job.limit - time.monotonic()
    caught = signal.sigtimedwait(_SIGNALS, max(left, 0))
    return None if caught is None else caught.si_signo


def _ending(job: Job, status: Optional[int], asked: Optional[str], all_gone: bool) -> Dict[str, Any]:
    marker = job.folder.record(job.incarnation, "marker")
    if asked is None and marker is None and job.folder.cancelled:
        asked = "cancelled"  # the script saw the tombstone before we were told
    record = decide(Ending(status or 0, asked, _killed_for_memory(job, status or 0), marker, job.limit))
    if not all_gone:
        record["reason"] = f"{record['reason'] or 'ended'}; some of its processes cannot be killed"
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    record.update(
        wall=round(time.monotonic() - job.started, 3),
        cpu=round(used.ru_utime + used.ru_stime, 3),
        memory=used.ru_maxrss * 1024,
        time=time.time(),
    )
    return record


def _killed_for_memory(job: Job, status: int) -> bool:
    if job.group is not None:
        return job.group.oom_kills() > 0
    # The count of the whole machine: a coincidence is possible, so only together with a SIGKILL.
    killed = status & 0x7F == signal.SIGKILL or os.WEXITSTATUS(status) == 128 + signal.SIGKILL
    return killed and memory.host_oom_kills() > job.host_oom_kills
