"""A daemon is known by pid, start time and boot, outlives its starter, and is gone when stop returns."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ropeway.embedded import processes
from ropeway.embedded.processes import Process
from ropeway.errors import ConfigError

GRACE = timedelta(seconds=5)
WAITS = (sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()")
DEAF = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here', flush=True)\nwhile 1: signal.pause()",
)


def stat_line(name: str, state: str = "S", threads: int = 1) -> str:
    fields = [state, "7", "42", "42"] + ["0"] * 13 + [str(threads), "0", "12345", "0", "10"] + ["0"] * 10
    return f"42 ({name}) {' '.join(fields)}\n"


@pytest.mark.parametrize("name", ["weed", "a b", "a) S 1 (b", "(((", "näme"])
def test_a_name_cannot_hide_the_start_time(name: str) -> None:
    found = processes.parse_stat(stat_line(name))
    assert (found.state, found.parent, found.session, found.started) == ("S", 7, 42, 12345)
    assert found.memory == 10 * os.sysconf("SC_PAGE_SIZE")


def test_a_zombie_whose_threads_still_run_has_not_ended() -> None:
    assert not processes.parse_stat(stat_line("weed", "S", threads=9)).ended
    assert not processes.parse_stat(stat_line("weed", "Z", threads=2)).ended
    assert processes.parse_stat(stat_line("weed", "Z", threads=1)).ended


class Daemons:
    """Starts daemons and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.started: list[Process] = []

    def start(self, command: tuple[str, ...], **environment: str) -> Process:
        process = processes.start(command, folder=self.folder, log=self.log, environment=environment)
        self.started.append(process)
        return process

    def speaking(self, command: tuple[str, ...], **environment: str) -> Process:
        """Started, and past its first line."""
        said = self.log.read_text().count("here") if self.log.exists() else 0
        process = self.start(command, **environment)
        while self.log.read_text().count("here") == said and processes.alive(process):
            os.sched_yield()
        return process


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    made = Daemons(tmp_path)
    yield made
    for process in made.started:
        processes.stop(process, timedelta(0))


def test_a_daemon_has_a_session_and_an_environment_of_its_own(daemons: Daemons) -> None:
    process = daemons.speaking(WAITS, ONLY="this")
    found = processes.stat(process.pid)
    assert found is not None
    assert found.session == process.pid != os.getsid(0)
    assert Path(f"/proc/{process.pid}/environ").read_bytes() == b"ONLY=this\0"


def test_what_it_prints_is_appended_to_its_log(daemons: Daemons) -> None:
    daemons.log.write_text("before\n")
    daemons.speaking(WAITS)
    assert daemons.log.read_text() == "before\nhere\n"


def test_a_stopped_daemon_is_gone(daemons: Daemons) -> None:
    process = daemons.speaking(WAITS)
    assert processes.alive(process)
    processes.stop(process, GRACE)
    assert not processes.alive(process)
    assert processes.stat(process.pid) is None
    processes.stop(process, GRACE)


def test_one_that_does_not_listen_is_killed(daemons: Daemons) -> None:
    process = daemons.speaking(DEAF)
    processes.stop(process, timedelta(milliseconds=10))
    assert not processes.alive(process)


def test_a_later_process_of_the_same_pid_is_another(daemons: Daemons) -> None:
    process = daemons.start(WAITS)
    for other in (replace(process, started=process.started + 1), replace(process, boot="another boot")):
        assert not processes.alive(other)
        processes.stop(other, GRACE)
    assert processes.alive(process)


def test_a_daemon_is_found_by_its_mark(daemons: Daemons, tmp_path: Path) -> None:
    mark = f"{tmp_path}/store"
    process = daemons.speaking(WAITS, **{processes.MARK: mark})
    daemons.speaking(WAITS, **{processes.MARK: f"{tmp_path}/other"})
    assert list(processes.marked(mark)) == [(mark, process)]
    assert len(list(processes.marked(f"{tmp_path}/"))) == 2


def test_a_command_that_does_not_exist_is_the_users_to_mend(daemons: Daemons) -> None:
    with pytest.raises(ConfigError, match="starting /nowhere/weed: No such file"):
        daemons.start(("/nowhere/weed",))


def test_memory_is_counted_over_the_session(daemons: Daemons) -> None:
    child = "import subprocess, sys, signal; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])"
    process = daemons.speaking((sys.executable, "-c", f"{child}; print('here', flush=True); signal.pause()"))
    assert len(processes.family(process)) == 2
    assert all(stat.memory > 0 for _, stat in processes.family(process))
