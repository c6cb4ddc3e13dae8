"""Wait for jobs beside their files: every change of state, and every byte of a log, soon after it happens."""

import base64
import os
import time
from typing import Any, Dict

from ropeway_agent.backends import Backend, backend
from ropeway_agent.folder import JobFolder, job_folder, job_folders, root_of
from ropeway_agent.submit import refuse_unknown
from ropeway_agent.wire import Wire

TICK = 0.1
"""Seconds between two looks at the folder of markers, which one `stat` answers for all jobs."""
LOOK = 0.5
"""Seconds between two looks at the jobs themselves: some ends leave no marker."""
_BLOCK = 1 << 18
_OPEN = ("pending", "running", "unknown")


def watch(body: Dict[str, Any], wire: Wire) -> None:
    """Send {"status": …} for each job now and at each change, until all have ended or nobody listens."""
    scheduler = backend(body["scheduler"])
    waiting = {folder.key: folder for folder in job_folders(body)}
    markers = os.path.join(root_of(body), "ended")
    last: Dict[str, Dict[str, Any]] = {}
    while waiting:
        seen = _changed_ns(markers)
        found = scheduler.states(list(waiting.values()))
        refuse_unknown([key for key in waiting if key not in found])
        for key, status in found.items():
            if last.get(key) != status:
                wire.send({"status": status})
                last[key] = status
            if status["state"] not in _OPEN:
                del waiting[key]
        if waiting and not _pause(markers, seen, wire):
            return


def _pause(markers: str, seen: int, wire: Wire) -> bool:
    """Until a marker has come or it is time to look anyway; False when nobody listens any more."""
    deadline = time.monotonic() + LOOK
    while time.monotonic() < deadline and _changed_ns(markers) == seen:
        if not wire.wait(TICK):
            return False
    return True


def _changed_ns(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return 0


def tail(body: Dict[str, Any], wire: Wire) -> None:
    """Send {"data": base64} from byte `offset` of a log as it grows, until the job has ended and all was sent."""
    folder = job_folder(body)
    scheduler = backend(body["scheduler"])
    path = folder.log(body["stream"])
    offset = int(body["offset"])
    ended = False
    while True:
        offset = _send_from(path, offset, wire)
        if ended or not wire.wait(TICK):
            return
        ended = _ended(scheduler, folder)  # looked at before the last read: nothing is written after it


def _ended(scheduler: Backend, folder: JobFolder) -> bool:
    found = scheduler.states([folder])
    refuse_unknown([] if found else [folder.key])
    return found[folder.key]["state"] not in _OPEN


def _send_from(path: str, offset: int, wire: Wire) -> int:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(_BLOCK)
            while data:
                wire.send({"data": base64.b64encode(data).decode("ascii")})
                offset += len(data)
                data = file.read(_BLOCK)
    except FileNotFoundError:
        return offset
    return offset
