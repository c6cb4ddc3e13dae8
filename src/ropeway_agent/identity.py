"""Which process is meant: a pid alone is used again, a pid with its start time and the machine's boot is not."""

import os
from typing import Any, Dict, NamedTuple, Optional


class ProcessIdentity(NamedTuple):
    """`start` in clock ticks since boot, as the kernel counts; `boot` changes with every boot of the host."""

    host: str
    pid: int
    start: int
    boot: str

    def as_json(self) -> Dict[str, Any]:
        return dict(self._asdict())

    @property
    def here(self) -> bool:
        """Whether it was a process of this host, in this boot or an earlier one."""
        return self.host == host_name()

    @property
    def alive(self) -> bool:
        """Only meaningful where `here`. A zombie is not alive: it has ended."""
        return self.boot == boot_id() and start_time(self.pid) == self.start


def mine() -> ProcessIdentity:
    return of(os.getpid())


def of(pid: int) -> ProcessIdentity:
    """The identity of a process of this host; ProcessLookupError when there is none."""
    start = start_time(pid)
    if start is None:
        raise ProcessLookupError(pid)
    return ProcessIdentity(host_name(), pid, start, boot_id())


def from_json(document: Dict[str, Any]) -> ProcessIdentity:
    return ProcessIdentity(*(document[name] for name in ProcessIdentity._fields))


def host_name() -> str:
    return os.uname().nodename


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def start_time(pid: int) -> Optional[int]:
    """Clock ticks from boot to the process's start; None when it is gone or only waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, start = fields[0], int(fields[19])
    return None if state in (b"Z", b"X") else start
