"""Jobs as processes of this machine: start, look, end. What `submit` and `watch` need of any scheduler."""

import os
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

from ropeway_agent import identity, verdict
from ropeway_agent.claim import Claim
from ropeway_agent.disk import read_json
from ropeway_agent.errors import Failure
from ropeway_agent.folder import JobFolder
from ropeway_agent.processes import end_all, members
from ropeway_agent.shepherd import RECORD

_KILL_TIME = 5.0
"""Seconds beyond the job's own grace that its end may take before `stop` no longer waits for it."""


def find(folder: JobFolder) -> Optional[str]:
    """The job's id; None when no shepherd ever recorded itself."""
    record = read_json(folder.at(RECORD))
    return None if record is None else str(record["job_id"])


def start(folder: JobFolder, claim: Claim) -> str:
    """Start a shepherd and answer the job's id once it has recorded itself."""
    ready, told = os.pipe()
    command = [sys.executable, "-I", sys.argv[0], "shepherd", folder.root, folder.key, str(told), str(claim.lock)]
    with open(folder.at("shepherd.log"), "ab") as log:
        launcher = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", pass_fds=(told, claim.lock)
        )
    os.close(told)
    launcher.wait()
    with os.fdopen(ready, "rb") as answer:
        job_id = answer.read().decode("ascii")
    if not job_id:
        raise Failure("Unavailable", "starting a job: its shepherd did not start", f"cat {folder.at('shepherd.log')}")
    return job_id


def states(folders: List[JobFolder]) -> Dict[str, Dict[str, Any]]:
    """The status of each job that exists, by key."""
    found = {}
    for folder in folders:
        record = read_json(folder.at(RECORD))
        if record is not None:
            found[folder.key] = _status(folder, record)
    return found


def _status(folder: JobFolder, record: Dict[str, Any]) -> Dict[str, Any]:
    # Who lives is asked before what stands on disk: an end between the two is then seen, not missed.
    running = _runs(record)
    incarnation = record["job_id"] + ".0"
    ended = folder.record(incarnation, "ended")
    if ended is None and not running:
        latest = read_json(folder.at(RECORD)) or {}
        if latest != record:  # its script was started after we had read the record
            return _status(folder, latest)
        ended = _record_unrecorded(folder, incarnation, record)
    status: Dict[str, Any] = {"key": folder.key, "job_id": record["job_id"], "incarnation": 0}
    if ended is not None:
        status.update((name, ended[name]) for name in ("state", "exit_code", "signal", "reason"))
    else:
        begun = record["script"] is not None
        status.update(state="running" if begun else "pending", exit_code=None, signal=None, reason=None)
    return status


def _runs(record: Dict[str, Any]) -> bool:
    return any(_alive(record[role]) for role in ("shepherd", "script") if record[role] is not None)


def _alive(document: Dict[str, Any]) -> bool:
    process = identity.from_json(document)
    if process.boot != identity.boot_id() and not process.here:
        raise Failure("Unavailable", f"looking at a local job: it runs on {process.host}", f"ask from {process.host}")
    return process.alive


def _record_unrecorded(folder: JobFolder, incarnation: str, record: Dict[str, Any]) -> Dict[str, Any]:
    # Kept at the first look: after the machine's next start, or a late cancel, it would be told differently.
    folder.record_end(incarnation, _unrecorded_end(folder, incarnation, record))
    return folder.record(incarnation, "ended") or {}


def _unrecorded_end(folder: JobFolder, incarnation: str, record: Dict[str, Any]) -> Dict[str, Any]:
    """How a job ended whose shepherd was killed and could not say."""
    marker = folder.record(incarnation, "marker")
    if marker is not None:
        return verdict.by_marker(marker)
    ending: Dict[str, Any] = {"state": "failed", "exit_code": None, "signal": None}
    if record["shepherd"]["boot"] != identity.boot_id():
        ending.update(state="node-fail", reason="the machine was restarted")
    elif folder.cancelled:
        ending.update(state="cancelled", reason=None)
    else:
        ending.update(signal=int(signal.SIGKILL), reason="it was killed together with its shepherd")
    return ending


def stop(folder: JobFolder) -> None:
    """End the job and all its processes; returns when it has ended, or when its time for that is up."""
    record = read_json(folder.at(RECORD))
    if record is None or folder.record(record["job_id"] + ".0", "ended") is not None:
        return
    if _alive(record["shepherd"]):
        os.kill(record["shepherd"]["pid"], signal.SIGTERM)
        _await_end(folder, record)
    if not _alive(record["shepherd"]):
        _stop_orphan(folder)


def _await_end(folder: JobFolder, record: Dict[str, Any]) -> None:
    deadline = time.monotonic() + _grace(folder) + _KILL_TIME
    while time.monotonic() < deadline and _alive(record["shepherd"]):
        time.sleep(0.01)


def _stop_orphan(folder: JobFolder) -> None:
    record = read_json(folder.at(RECORD)) or {}
    script = record["script"]
    session = script["pid"] if script is not None and _alive(script) else None
    end_all(lambda: members(record["job_id"], session), _grace(folder), lambda: None)
    _record_unrecorded(folder, record["job_id"] + ".0", record)


def _grace(folder: JobFolder) -> float:
    return float((read_json(folder.at("job.json")) or {})["grace"])


def usage(folder: JobFolder) -> Optional[Dict[str, Any]]:
    """Seconds and bytes that the job took; None while it runs, or when nobody measured."""
    record = read_json(folder.at(RECORD)) or {}
    ended = folder.record(record["job_id"] + ".0", "ended") if record else None
    if ended is None or "wall" not in ended:
        return None
    return {name: ended[name] for name in ("wall", "cpu", "memory")}
