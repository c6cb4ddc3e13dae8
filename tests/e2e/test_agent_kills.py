"""Jobs of the local scheduler when something is killed: the truth is told, and nothing runs twice or on for ever."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ropeway.adapters.local.scheduler import LocalScheduler
from ropeway.errors import NotFound, Unavailable
from ropeway.interfaces.scheduler import JobState
from ropeway.names import key
from ropeway.remote.archive import agent_archive
from tests.agent_site import PYTHON, LocalSite, alive, end_of, recipe, until

K = key("run", "train", 1)
TOGETHER = "it was killed together with its shepherd"
LONG = 'echo $$ > "$RESULTS/.pid"; mv "$RESULTS/.pid" "$RESULTS/pid"; sleep 100'

# Runs one operation in a process of its own that is killed just before its n-th act on files or processes, counted by
# Python's audit events; prints how many there were when it was over first.
DOOMED = """
import json, os, signal, sys
archive, operation, body, doom = sys.argv[1:]
sys.path.insert(0, archive)
sys.argv = [archive]
import subprocess, tarfile, ropeway_agent.submit, ropeway_agent.unpack, ropeway_agent.local
acts = ("open", "os.", "fcntl.flock", "subprocess.Popen", "shutil.rmtree")
seen = 0
def count(event, arguments):
    global seen
    if event.startswith(acts) and event not in ("os.listdir", "os.scandir") and "/proc/" not in str(arguments):
        seen += 1
        if seen == int(doom):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
getattr(ropeway_agent.submit, operation)(json.loads(body))
print(seen)
"""

DOOMED_MAIN = """
import os, signal, sys
from ropeway_agent.entry import main
import ropeway_agent.shepherd
acts = ("open", "os.", "fcntl.flock")
seen, mine = 0, False
def count(event, arguments):
    global seen, mine
    if event == "os.fork" and not mine:
        mine = sys.argv[1] == "shepherd"
    elif mine and event.startswith(acts) and event not in ("os.listdir", "os.scandir", "os.exec"):
        seen += 1
        if seen == {doom}:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LocalSite]:
    made = LocalSite(tmp_path)
    yield made
    made.close()


@pytest.fixture
def scheduler(place: LocalSite) -> LocalScheduler:
    return place.fresh()


def job_folder(scheduler: LocalScheduler) -> Path:
    return Path(scheduler.folder(K).root)


def processes(scheduler: LocalScheduler) -> tuple[int, int]:
    """(shepherd, script) of the job, once it runs."""
    record = job_folder(scheduler) / "shepherd.json"
    until(lambda: json.loads(record.read_text())["script"])
    known: Any = json.loads(record.read_text())
    return known["shepherd"]["pid"], known["script"]["pid"]


def running(scheduler: LocalScheduler, command: str) -> tuple[int, int, int]:
    """Submit; (shepherd, script, command) once the command has left its pid in its results."""
    scheduler.submit(K, recipe(job_folder(scheduler).parents[2], command))
    left = job_folder(scheduler) / "results" / "pid"
    until(left.exists)
    return *processes(scheduler), int(left.read_text())


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_the_job_s_process_group(scheduler: LocalScheduler) -> None:
    _, script, command = running(scheduler, LONG)
    os.killpg(script, signal.SIGKILL)
    status = end_of(scheduler, K)
    assert (status.state, status.signal, status.exit_code) == (JobState.FAILED, 9, None)
    assert status.reason == "killed by SIGKILL"
    assert not alive(command)


def test_only_the_batch_script(scheduler: LocalScheduler) -> None:
    _, script, command = running(scheduler, LONG)
    kill(script)
    assert end_of(scheduler, K).signal == 9
    assert not alive(command)


def test_only_the_shepherd_and_the_job_s_own_marker_tells(scheduler: LocalScheduler) -> None:
    shepherd, _, _ = running(scheduler, LONG.replace("100", "0.7; exit 5"))
    kill(shepherd)
    until(lambda: not alive(shepherd))
    assert scheduler.query([K])[K].state is JobState.RUNNING
    status = end_of(scheduler, K)
    assert (status.state, status.exit_code, status.reason) == (JobState.FAILED, 5, "exit code 5")
    assert scheduler.usage(K) is None


def test_the_shepherd_of_a_job_that_succeeds(scheduler: LocalScheduler) -> None:
    shepherd, _, _ = running(scheduler, LONG.replace("100", "0.3"))
    kill(shepherd)
    assert end_of(scheduler, K).state is JobState.SUCCEEDED


def test_shepherd_and_job_together(scheduler: LocalScheduler) -> None:
    kill(*running(scheduler, LONG))
    started = time.monotonic()
    status = end_of(scheduler, K)
    assert (status.state, status.signal, status.reason) == (JobState.FAILED, 9, TOGETHER)
    assert time.monotonic() - started < 2
    scheduler.cancel(K)
    assert scheduler.query([K])[K] == status


def test_cancel_of_a_job_without_shepherd_leaves_nothing(scheduler: LocalScheduler) -> None:
    shepherd, script, command = running(scheduler, LONG)
    kill(shepherd)
    scheduler.cancel(K)
    assert end_of(scheduler, K).state is JobState.CANCELLED
    assert not alive(script)
    assert not alive(command)


def test_cancel_of_what_outlived_script_and_shepherd(scheduler: LocalScheduler) -> None:
    shepherd, script, command = running(scheduler, LONG)
    kill(shepherd, script)
    assert alive(command)
    scheduler.cancel(K)
    assert not alive(command)


@pytest.mark.parametrize(
    "stubborn",
    ["trap '' TERM", "setsid bash -c 'trap \"\" TERM; sleep 100' &", "exec setsid"],
    ids=["ignores TERM", "another session ignores TERM", "leaves the session"],
)
def test_cancel_of_a_job_that_does_not_want_to(scheduler: LocalScheduler, stubborn: str) -> None:
    loop = f"bash -c '{LONG}'" if stubborn.startswith("exec") else LONG
    shepherd, script, command = running(
        scheduler, f"{stubborn} {loop}" if "exec" in stubborn else f"{stubborn}\n{loop}"
    )
    scheduler.cancel(K)
    assert end_of(scheduler, K).state is JobState.CANCELLED
    assert not [pid for pid in (shepherd, script, command) if alive(pid)]


def test_the_shepherd_told_to_stop_from_outside(scheduler: LocalScheduler) -> None:
    shepherd, _, command = running(scheduler, LONG)
    os.kill(shepherd, signal.SIGTERM)
    status = end_of(scheduler, K)
    assert (status.state, status.reason) == (JobState.FAILED, "its shepherd was told to stop, from outside")
    assert not alive(command)


def test_the_machine_restarts(scheduler: LocalScheduler) -> None:
    kill(*running(scheduler, LONG))
    record = job_folder(scheduler) / "shepherd.json"
    known: Any = json.loads(record.read_text())
    for role in ("shepherd", "script"):
        known[role]["boot"] = "an earlier one"
    record.write_text(json.dumps(known))
    status = end_of(scheduler, K)
    assert (status.state, status.reason) == (JobState.NODE_FAIL, "the machine was restarted")


def test_a_job_of_another_machine_is_not_judged_from_here(scheduler: LocalScheduler) -> None:
    running(scheduler, LONG)
    record = job_folder(scheduler) / "shepherd.json"
    text = record.read_text()
    known: Any = json.loads(text)
    for role in ("shepherd", "script"):
        known[role].update(boot="another", host="elsewhere")
    record.write_text(json.dumps(known))
    with pytest.raises(Unavailable, match="it runs on elsewhere"):
        scheduler.query([K])
    record.write_text(text)


def test_a_pid_that_was_used_again_is_not_the_job(scheduler: LocalScheduler) -> None:
    kill(*running(scheduler, LONG))
    record = job_folder(scheduler) / "shepherd.json"
    known: Any = json.loads(record.read_text())
    for role in ("shepherd", "script"):
        known[role]["pid"] = os.getpid()
    record.write_text(json.dumps(known))
    assert end_of(scheduler, K).state is JobState.FAILED
    scheduler.cancel(K)  # and we are still here


def test_the_agent_while_it_watches(scheduler: LocalScheduler) -> None:
    running(scheduler, LONG.replace("100", "1"))
    states = []
    for status in scheduler.watch([K]):
        states.append(status.state)
        if status.state is JobState.RUNNING:
            kill(*agents())
    assert states == [JobState.RUNNING, JobState.SUCCEEDED]


def agents() -> list[int]:
    """The agents that this process has started."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "ropeway-agent\n"]


def test_the_agent_while_a_log_is_followed(scheduler: LocalScheduler) -> None:
    running(scheduler, f"echo one; {LONG.replace('100', '1')}; echo two")
    log = scheduler.log(K, "stdout", follow=True)
    first = next(log)
    kill(*agents())
    assert first + b"".join(log) == b"one\ntwo\n"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = tmp_path / "agent.pyz"
    made.write_bytes(agent_archive().data)
    return made


def doomed(archive: Path, operation: str, body: Any, doom: int) -> int | None:
    """Kill the operation at its n-th act; how many acts it had when it was over before that."""
    command = [PYTHON, "-I", "-c", DOOMED, str(archive), operation, json.dumps(body), str(doom)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL) or "its shepherd did not start" in done.stderr, done.stderr
    return None if done.returncode else int(done.stdout)


def starts(place: LocalSite) -> int:
    try:
        return len((Path(place.root) / "data" / "starts").read_text().splitlines())
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.long)])
def test_a_submit_killed_at_its_acts_starts_one_job(place: LocalSite, archive: Path, step: int) -> None:
    """At every act of the agent, or every third; then submitted again by another: one job each, and none is lost."""
    scheduler = place.fresh()
    job = recipe(place.folder, 'echo $ROPEWAY_KEY >> "$DATA/starts"')
    scheduler.submit(key("first"), job)  # brings the recipe
    body = {"root": place.root, "scheduler": "local", "bundle": job.bundle_digest, "time": None, "memory": None}
    keys, ended, doom = [key("first")], None, 0
    while ended is None:
        doom += step
        name = key("doom", doom)
        request = {**body, "key": name, "script": scheduler.script(name, job), "grace": 1}
        ended = doomed(archive, "submit", request, doom)
        scheduler.submit(name, job)
        keys.append(name)
    assert doom > 30
    statuses = {status.key: status for status in scheduler.watch(keys)}
    assert [status for status in statuses.values() if status.state is not JobState.SUCCEEDED] == []
    lines = (Path(place.root) / "data" / "starts").read_text().split()
    assert sorted(lines) == sorted(keys)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
def test_a_cancel_killed_at_its_acts_ends_the_job(place: LocalSite, archive: Path, step: int) -> None:
    scheduler = place.fresh()
    job = recipe(place.folder, "sleep 100")
    ended, doom = None, 0
    while ended is None:
        doom += step
        name = key("doom", doom)
        scheduler.submit(name, job)
        ended = doomed(archive, "cancel", {"root": place.root, "scheduler": "local", "key": name}, doom)
        scheduler.cancel(name)
        assert end_of(scheduler, name).state is JobState.CANCELLED


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.long)])
def test_a_shepherd_killed_at_its_acts_runs_the_job_at_most_once(place: LocalSite, tmp_path: Path, step: int) -> None:
    """Wherever it dies: the next submit starts the job, or the job that was has an end that is true."""
    scheduler = place.fresh()
    job = recipe(place.folder, 'echo $ROPEWAY_KEY >> "$DATA/starts"')
    scheduler.submit(key("first"), job)
    names = []
    for doom in range(1, 60, step):
        name = key("doom", doom)
        body = {"root": place.root, "scheduler": "local", "bundle": job.bundle_digest, "time": None, "memory": None}
        request = {**body, "key": name, "script": scheduler.script(name, job), "grace": 1}
        doomed(doomed_shepherd(tmp_path, doom), "submit", request, 0)
        assert scheduler.submit(name, job) == scheduler.find(name)
        names.append(name)
    fates = [status for status in scheduler.watch(names) if status.final]
    ran = (Path(place.root) / "data" / "starts").read_text().split()
    assert len(ran) == len(set(ran))
    assert len(fates) == len(names)
    assert {fate.state for fate in fates} == {JobState.SUCCEEDED, JobState.FAILED}
    assert {fate.reason for fate in fates} == {None, TOGETHER}
    assert {fate.key for fate in fates if fate.state is JobState.SUCCEEDED} <= set(ran)


def doomed_shepherd(folder: Path, doom: int) -> Path:
    """An agent whose shepherd is killed before its n-th act; nothing else of it is."""
    made = folder / f"doomed-{doom}.pyz"
    with zipfile.ZipFile(io.BytesIO(agent_archive().data)) as whole, zipfile.ZipFile(made, "w") as changed:
        for name in whole.namelist():
            changed.writestr(name, DOOMED_MAIN.format(doom=doom) if name == "__main__.py" else whole.read(name))
    return made


def test_a_shepherd_that_cannot_start_says_why(place: LocalSite, scheduler: LocalScheduler) -> None:
    (Path(place.root) / "jobs" / K).mkdir(parents=True)
    (Path(place.root) / "jobs" / K / "stdout.log").mkdir()  # where a file must go
    scheduler.submit(K, recipe(place.folder, "true"))
    status = end_of(scheduler, K)
    assert (status.state, status.exit_code) == (JobState.FAILED, 127)


def test_a_key_whose_submit_never_came_so_far_is_not_found(place: LocalSite, archive: Path) -> None:
    scheduler = place.fresh()
    job = recipe(place.folder, "true")
    scheduler.submit(key("first"), job)
    body = {"root": place.root, "scheduler": "local", "bundle": job.bundle_digest, "time": None, "memory": None}
    doomed(archive, "submit", {**body, "key": K, "script": "", "grace": 1}, 10)
    assert scheduler.find(K) is None
    with pytest.raises(NotFound):
        scheduler.query([K])
