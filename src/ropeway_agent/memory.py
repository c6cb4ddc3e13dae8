"""A memory cgroup for one job where we may make one, and what the kernel's out-of-memory killer did."""

import contextlib
import os
import re
import time
from typing import Iterator, List, NamedTuple, Optional

from ropeway_agent import identity

_GROUP = re.compile(r"ropeway-local-([0-9]+)-([0-9]+)\Z")


class MemoryGroup(NamedTuple):
    """A cgroup folder; `version` 1 or 2."""

    path: str
    version: int

    def enter(self) -> None:
        """Put the calling process, and all that it will start, into the group."""
        _write(os.path.join(self.path, "cgroup.procs"), str(os.getpid()))

    def oom_kills(self) -> int:
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return _counter(os.path.join(self.path, name), "oom_kill")


def make_group(job_id: str, limit: Optional[int], root: str = "/") -> Optional[MemoryGroup]:
    """A new group with this limit in bytes; None where we may not make one. `root` is where /proc and /sys lie."""
    for parent in _parents(root):
        group = MemoryGroup(os.path.join(parent.path, "ropeway-" + job_id), parent.version)
        try:
            _sweep(parent.path)
            os.mkdir(group.path)
        except OSError:
            continue
        if limit is None or _limit(group, limit):
            return group
        os.rmdir(group.path)
    return None


def remove_group(group: MemoryGroup) -> None:
    """Quiet when processes that nothing can end are still in it."""
    for _ in range(20):
        with contextlib.suppress(OSError):
            os.rmdir(group.path)
            return
        time.sleep(0.01)  # what has just ended is counted a little longer


def _sweep(parent: str) -> None:
    """Remove the groups of jobs whose shepherd was killed; one with processes in it cannot be removed."""
    for name in os.listdir(parent):
        shepherd = _GROUP.match(name)
        if shepherd and identity.start_time(int(shepherd.group(1))) != int(shepherd.group(2)):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(parent, name))


def host_oom_kills() -> int:
    """How often this machine has run out of memory and killed, since boot."""
    return _counter("/proc/vmstat", "oom_kill")


def _parents(root: str) -> Iterator[MemoryGroup]:
    with open(os.path.join(root, "proc/self/cgroup"), encoding="utf-8") as file:
        lines = [line.strip().split(":", 2) for line in file]
    for _, controllers, own in lines:
        if "memory" in controllers.split(","):
            yield MemoryGroup(_join(root, "sys/fs/cgroup/memory", own), 1)
            return
    for _, controllers, own in lines:
        if controllers == "":
            # Of version 2, only a group without processes passes controllers on: ours has some, one above may do.
            for path in _upwards(own):
                yield MemoryGroup(_join(root, "sys/fs/cgroup", path), 2)


def _upwards(path: str) -> List[str]:
    names = [name for name in path.split("/") if name]
    return ["/".join(names[:depth]) for depth in range(len(names), 0, -1)]


def _join(root: str, mount: str, own: str) -> str:
    return os.path.join(root, mount, own.lstrip("/"))


def _limit(group: MemoryGroup, limit: int) -> bool:
    try:
        if group.version == 1:
            _write(os.path.join(group.path, "memory.limit_in_bytes"), str(limit))
            _write_if_there(os.path.join(group.path, "memory.memsw.limit_in_bytes"), str(limit))
        else:
            _write(os.path.join(group.path, "memory.max"), str(limit))
            _write_if_there(os.path.join(group.path, "memory.swap.max"), "0")
    except OSError:
        return False
    return True


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode("ascii"))
    finally:
        os.close(handle)


def _write_if_there(path: str, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _write(path, text)


def _counter(path: str, name: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            rows = (line.split() for line in file)
            return next((int(row[1]) for row in rows if row[0] == name), 0)
    except OSError:
        return 0
