"""Daemons that outlive us: in a session of their own, known by pid, start time and boot, stopped for certain."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ropeway import waiting
from ropeway.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARK = "ROPEWAY_SERVICE"
"""Environment variable that tells a daemon's start from all others: finds one whose record was never completed."""

AFTER_KILL = timedelta(seconds=10)


@dataclass(frozen=True)
class Process:
    """One process, told apart from any later one that gets the same pid."""

    pid: int
    started: int
    """Clock ticks between the machine's boot and the start of the process."""
    boot: str


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat says, as far as we ask."""

    state: str
    parent: int
    session: int
    started: int
    memory: int
    """Resident memory in bytes."""
    threads: int

    @property
    def ended(self) -> bool:
        # A zombie whose other threads are still on their way out holds its ports until they are.
        return self.state in "ZX" and self.threads <= 1


def parse_stat(text: str) -> Stat:
    """Read /proc/PID/stat. The name stands in parentheses and may itself hold spaces and parentheses."""
    fields = text[text.rindex(")") + 2 :].split()
    state, parent, session = fields[0], int(fields[1]), int(fields[3])
    threads, started, pages = int(fields[17]), int(fields[19]), int(fields[21])
    return Stat(state, parent, session, started, pages * os.sysconf("SC_PAGE_SIZE"), threads)


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start(command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]) -> Process:
    """Start a daemon in `folder` with exactly this environment; what it prints is appended to `log`.

    It belongs to no terminal and survives us, whatever signal we get. Files that it makes are its user's only.
    Raises ConfigError when the command cannot be executed.
    """
    with log.open("ab") as output:
        try:
            daemon = subprocess.Popen(
                command, cwd=folder, env=dict(environment), umask=0o077, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(f"starting {command[0]}: {error.strerror}") from error
    # Nobody in this process waits for a daemon; without this, Popen warns when it is forgotten.
    daemon.returncode = 0
    found = stat(daemon.pid)
    return Process(daemon.pid, found.started if found else 0, boot_id())


def alive(process: Process) -> bool:
    """Whether exactly this process runs; a zombie does not, and holds no port any more."""
    _reap(process.pid)
    found = stat(process.pid)
    if found is None or found.ended:
        return False
    return found.started == process.started and process.boot == boot_id()


def age(process: Process) -> timedelta:
    """How long ago it was started."""
    running = time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / os.sysconf("SC_CLK_TCK")
    return timedelta(seconds=running)


def _reap(pid: int) -> None:
    # Needed only while the process that started the daemon still runs; for anyone else's child this does nothing.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def stop(process: Process, grace: timedelta) -> None:
    """End it: SIGTERM, then after `grace` SIGKILL to it and its group. Returns when it is gone; quiet twice."""
    if _signal(process, signal.SIGTERM) and not _gone_within(process, grace):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid and alive(process):
                os.killpg(process.pid, signal.SIGKILL)
        _signal(process, signal.SIGKILL)
        if not _gone_within(process, AFTER_KILL):
            raise Unavailable(
                f"stopping process {process.pid}: still there {AFTER_KILL.seconds} s after SIGKILL",
                f"cat /proc/{process.pid}/stack  (it hangs in the kernel, often on a dead disk or mount)",
            )


def _signal(process: Process, number: signal.Signals) -> bool:
    if not alive(process):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
    return True


def _gone_within(process: Process, limit: timedelta) -> bool:
    def look() -> Literal[True] | None:
        return None if alive(process) else True

    try:
        return waiting.poll(
            look, deadline=limit, what=f"the end of process {process.pid}", longest=timedelta(seconds=0.2)
        )
    except Unavailable:
        return False


def marked(prefix: str) -> Iterator[tuple[str, Process]]:
    """Every live process whose mark starts with `prefix`, with its whole mark, oldest first.

    What a daemon starts may inherit the mark: of several with the same one, the oldest is the daemon.
    """
    here = boot_id()
    found = ((mark, pid, stat(pid)) for pid in _pids() if (mark := _mark(pid)) and mark.startswith(prefix))
    live = [(mark, Process(pid, of.started, here)) for mark, pid, of in found if of and not of.ended]
    yield from sorted(live, key=lambda each: each[1].started)


def _mark(pid: int) -> str | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    start = f"{MARK}=".encode()
    return next((os.fsdecode(each[len(start) :]) for each in variables if each.startswith(start)), None)


def family(process: Process) -> list[tuple[int, Stat]]:
    """The process and what it started in its own session, each with its state; empty when it is gone."""
    if not alive(process):
        return []
    everyone = ((pid, stat(pid)) for pid in _pids())
    return [(pid, found) for pid, found in everyone if found and found.session == process.pid]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
