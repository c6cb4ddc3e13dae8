"""What every scheduler promises; a scheduler joins by a row in SITES."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ropeway.errors import ConfigError, Conflict, NotFound
from ropeway.interfaces.scheduler import JobSpec, JobState, JobStatus, Scheduler
from ropeway.names import HostPath, Key, key
from ropeway_agent.memory import make_group, remove_group
from tests.agent_site import PYTHON, LocalSite, alive, end_of, limits, recipe, until

SITES = {"local": LocalSite}
K = key("run", "train", 1)
HOSTILE = ["a'; touch x", "two\nlines", "$HOME `id` $(id)", "../..", "ü \U0001f600", '"', "", " ", "\\n", "-e", "*"]
SUBMIT = """
import sys
from pathlib import Path
from tests.agent_site import LocalSite, recipe
site = LocalSite(Path(sys.argv[1]))
print(site.fresh().submit(sys.argv[2], recipe(site.folder, sys.argv[3])), flush=True)
if len(sys.argv) > 4:
    import os
    os.kill(os.getpid(), 9)
site.hosts[0].close()
"""


@pytest.fixture(params=SITES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalSite]:
    made = SITES[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def scheduler(place: LocalSite) -> Scheduler:
    return place.fresh()


def run(scheduler: Scheduler, job: JobSpec, name: Key = K) -> JobStatus:
    scheduler.submit(name, job)
    return end_of(scheduler, name)


def text(scheduler: Scheduler, path: str, name: Key = K) -> str:
    """A file of the job's folder."""
    return b"".join(scheduler.host.read(HostPath(f"{scheduler.folder(name).root}/{path}"))).decode()


def shell(*arguments: str) -> list[str]:
    return [PYTHON, "-c", SUBMIT, *arguments]


def test_success(scheduler: Scheduler, tmp_path: Path) -> None:
    status = run(scheduler, recipe(tmp_path, "true"))
    assert (status.state, status.exit_code, status.signal) == (JobState.SUCCEEDED, 0, None)
    assert status.final
    assert status.job_id == scheduler.find(K)


def test_an_exit_code_is_kept(scheduler: Scheduler, tmp_path: Path) -> None:
    status = run(scheduler, recipe(tmp_path, "exit 3"))
    assert (status.state, status.exit_code, status.reason) == (JobState.FAILED, 3, "exit code 3")


def test_a_signal_is_told(scheduler: Scheduler, tmp_path: Path) -> None:
    status = run(scheduler, recipe(tmp_path, "kill -SEGV $$"))
    assert (status.state, status.signal, status.reason) == (JobState.FAILED, 11, "killed by SIGSEGV")


def test_a_failure_before_a_pipe_is_not_hidden(scheduler: Scheduler, tmp_path: Path) -> None:
    assert run(scheduler, recipe(tmp_path, "(exit 4) | cat")).exit_code == 4


def test_a_job_that_runs_too_long_is_ended(scheduler: Scheduler, tmp_path: Path) -> None:
    job = recipe(tmp_path, "sleep 100", resources=limits(time=timedelta(seconds=0.3)))
    status = run(scheduler, job)
    assert status.state is JobState.TIMEOUT
    assert status.reason == "it ran longer than its limit of 0.3 s"


def test_a_memory_limit_is_kept_where_the_kernel_lets_us(scheduler: Scheduler, tmp_path: Path) -> None:
    group = make_group("ropeway-test", 1 << 26)
    if group is not None:
        remove_group(group)
    job = recipe(tmp_path, f"'{PYTHON}' -c 'bytearray(1 << 28)'", resources=limits(memory=1 << 26))
    status = run(scheduler, job)
    assert status.state is (JobState.SUCCEEDED if group is None else JobState.OUT_OF_MEMORY)


def test_cancel_leaves_nothing_running(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.submit(K, recipe(tmp_path, 'cd "$RESULTS"; sleep 100 & echo $$ $! > new; mv new pids; wait'))
    until(lambda: exists(scheduler, "results/pids"))
    scheduler.cancel(K)
    assert end_of(scheduler, K).state is JobState.CANCELLED
    assert not [pid for pid in text(scheduler, "results/pids").split() if alive(int(pid))]


def exists(scheduler: Scheduler, path: str) -> bool:
    try:
        text(scheduler, path)
    except NotFound:
        return False
    return True


def test_cancel_is_quiet_twice_and_after_the_end(scheduler: Scheduler, tmp_path: Path) -> None:
    assert run(scheduler, recipe(tmp_path, "true")).state is JobState.SUCCEEDED
    scheduler.cancel(K)
    scheduler.cancel(K)
    assert scheduler.query([K])[K].state is JobState.SUCCEEDED


def test_a_cancelled_key_never_starts(place: LocalSite, scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.cancel(K)
    with pytest.raises(Conflict, match="it was cancelled"):
        place.fresh().submit(K, recipe(tmp_path, "true"))
    assert scheduler.find(K) is None


def test_the_same_key_is_the_same_job(place: LocalSite, scheduler: Scheduler, tmp_path: Path) -> None:
    job = recipe(tmp_path, 'echo start >> "$DATA/starts"')
    first = scheduler.submit(K, job)
    assert place.fresh().submit(K, job) == first
    assert end_of(scheduler, K).job_id == first
    assert place.fresh().submit(K, replace(job, command="false")) == first
    assert starts(place) == 1


def starts(place: LocalSite) -> int:
    return len((Path(place.root) / "data" / "starts").read_text().splitlines())


def test_eight_at_once_start_one_job(place: LocalSite, scheduler: Scheduler, tmp_path: Path) -> None:
    command = shell(str(tmp_path), K, 'echo start >> "$DATA/starts"')
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    ids = {process.communicate()[0].strip() for process in processes}
    assert ids == {scheduler.find(K)}
    assert end_of(scheduler, K).state is JobState.SUCCEEDED
    assert starts(place) == 1


def test_a_job_outlives_the_controller(scheduler: Scheduler, tmp_path: Path) -> None:
    command = shell(str(tmp_path), K, "sleep 0.5; exit 7", "die")
    assert subprocess.run(command, capture_output=True).returncode == -9
    assert end_of(scheduler, K).exit_code == 7


def test_what_ended_before_the_first_look_is_found(place: LocalSite, tmp_path: Path) -> None:
    scheduler = place.fresh()
    run(scheduler, recipe(tmp_path, "exit 5"))
    assert [status.exit_code for status in place.fresh().watch([K])] == [5]
    assert place.fresh().query([K])[K].exit_code == 5


def test_an_end_is_noticed_soon(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.submit(K, recipe(tmp_path, 'sleep 0.8; date +%s.%N > "$RESULTS/ended"'))
    states = [status.state for status in scheduler.watch([K])]
    noticed = time.time()
    assert states[-2:] == [JobState.RUNNING, JobState.SUCCEEDED]
    assert noticed - float(text(scheduler, "results/ended")) < 1.0


def test_one_question_for_many_jobs(scheduler: Scheduler, tmp_path: Path) -> None:
    keys = [key("run", "train", number) for number in range(3)]
    for number, name in enumerate(keys):
        scheduler.submit(name, recipe(tmp_path, f"exit {number}"))
    ended = {status.key: status.exit_code for status in scheduler.watch(keys) if status.final}
    assert ended == {name: number for number, name in enumerate(keys)}
    assert {name: status.exit_code for name, status in scheduler.query(keys).items()} == ended


def test_a_key_that_nobody_submitted_is_not_found(scheduler: Scheduler) -> None:
    assert scheduler.find(K) is None
    for ask in (
        lambda: scheduler.query([K]),
        lambda: list(scheduler.watch([K])),
        lambda: list(scheduler.log(K, "stdout")),
        lambda: list(scheduler.log(K, "stdout", follow=True)),
    ):
        with pytest.raises(NotFound, match="never submitted"):
            ask()


def test_hostile_values_arrive_intact(scheduler: Scheduler, tmp_path: Path) -> None:
    values = {f"V{number}": value for number, value in enumerate(HOSTILE)}
    show = "import json, os; print(json.dumps({n: v for n, v in os.environ.items() if n[0] == 'V'}))"
    run(scheduler, recipe(tmp_path, f"LC_ALL=C.UTF-8 '{PYTHON}' show.py", {"show.py": show}, environment=values))
    assert json.loads(b"".join(scheduler.log(K, "stdout"))) == values
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("name", ["A-B", "1A", "", "A\n", "A=B", "OUTPUT", "PATH", "ROPEWAY_KEY", "é"])
def test_a_variable_that_cannot_be_is_refused(scheduler: Scheduler, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="a variable cannot be called"):
        scheduler.submit(K, recipe(tmp_path, "true", environment={name: "x"}))
    assert scheduler.find(K) is None


def test_hostile_names_in_a_recipe_arrive_intact(scheduler: Scheduler, tmp_path: Path) -> None:
    names = {"a'; touch x", "two\nlines", "$HOME", "ü", "-rf"}
    show = "import json, os; print(json.dumps(os.listdir()))"
    files = {**dict.fromkeys(names, ""), "show.py": show}
    run(scheduler, recipe(tmp_path, f"LC_ALL=C.UTF-8 '{PYTHON}' show.py", files))
    assert set(json.loads(b"".join(scheduler.log(K, "stdout")))) == names | {"show.py"}


def test_a_command_sees_what_recipes_are_promised(scheduler: Scheduler, tmp_path: Path) -> None:
    command = """
        test -d "$OUTPUT" && test -z "$(ls "$OUTPUT")" && test -z "$(ls "$RESULTS")" && test -d "$CHECKPOINTS" &&
        test -d "$DATA" && test -f marker && test "$MODEL" = '/the model' && test "$ROPEWAY_KEY" = run-train-1 &&
        test "${PATH%%:*}" = '/my bin' && test -z "$(cat)"
    """
    job = recipe(tmp_path, command, {"marker": ""}, model=HostPath("/the model"), path=(HostPath("/my bin"),))
    assert run(scheduler, job).state is JobState.SUCCEEDED


def test_the_output_is_sealed(scheduler: Scheduler, tmp_path: Path) -> None:
    job = recipe(tmp_path, 'mkdir "$OUTPUT/sub"; echo weights > "$OUTPUT/sub/model ü"', seal=True)
    assert run(scheduler, job).state is JobState.SUCCEEDED
    output = scheduler.folder(K).output
    answer = scheduler.host.call("check_model", {"path": output})
    assert answer["damage"] == []
    assert json.loads(text(scheduler, "output/manifest.json"))["files"][0]["path"] == "sub/model ü"


def test_a_job_that_leaves_no_model_has_failed(scheduler: Scheduler, tmp_path: Path) -> None:
    status = run(scheduler, recipe(tmp_path, "true", seal=True))
    assert (status.state, status.exit_code, status.reason) == (JobState.FAILED, 65, "left no model")


def test_a_model_that_cannot_be_sealed_has_failed(scheduler: Scheduler, tmp_path: Path) -> None:
    status = run(scheduler, recipe(tmp_path, 'ln -s /etc/passwd "$OUTPUT/model"', seal=True))
    assert (status.state, status.reason) == (JobState.FAILED, "the model could not be sealed")
    assert b"is a link to /etc/passwd" in b"".join(scheduler.log(K, "stderr"))


def test_a_log_without_a_line_is_empty(scheduler: Scheduler, tmp_path: Path) -> None:
    run(scheduler, recipe(tmp_path, "true"))
    assert list(scheduler.log(K, "stdout")) == []
    assert list(scheduler.log(K, "stderr", follow=True)) == []


def test_a_log_is_read_from_an_offset(scheduler: Scheduler, tmp_path: Path) -> None:
    run(scheduler, recipe(tmp_path, "echo one; echo two; echo three >&2"))
    assert b"".join(scheduler.log(K, "stdout", offset=4)) == b"two\n"
    assert b"".join(scheduler.log(K, "stdout", offset=4, follow=True)) == b"two\n"
    assert b"".join(scheduler.log(K, "stderr")) == b"three\n"


def test_a_log_is_followed_to_its_end(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.submit(K, recipe(tmp_path, 'echo one; until [ -e "$DATA/go" ]; do sleep 0.05; done; echo two'))
    log = scheduler.log(K, "stdout", follow=True)
    assert next(log) == b"one\n"
    scheduler.submit(key("other"), recipe(tmp_path, 'touch "$DATA/go"'))
    assert b"".join(log) == b"two\n"


def test_what_a_job_took_is_told_after_it(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.submit(K, recipe(tmp_path, 'until [ -e "$DATA/go" ]; do sleep 0.05; done'))
    assert scheduler.usage(K) is None
    scheduler.submit(key("other"), recipe(tmp_path, 'touch "$DATA/go"'))
    end_of(scheduler, K)
    used = scheduler.usage(K)
    assert used is not None
    assert 0 < (used.wall or 0) < 60
    assert 0 < (used.cpu or 0) < 60
    assert 1 << 20 < (used.memory or 0) < 1 << 30


def test_the_script_shown_is_the_script_run(scheduler: Scheduler, tmp_path: Path) -> None:
    job = recipe(tmp_path, "echo 'ü'")
    shown = scheduler.script(K, job)
    assert scheduler.find(K) is None
    run(scheduler, job)
    assert b"".join(scheduler.host.read(scheduler.folder(K).script)).decode() == shown


def test_results_can_be_read_while_it_runs(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.submit(K, recipe(tmp_path, 'echo 1 > "$RESULTS/progress"; sleep 100'))
    until(lambda: exists(scheduler, "results/progress"))
    answer: Mapping[str, Any] = scheduler.host.call("list_files", {"path": scheduler.folder(K).results})
    files = answer["files"]
    assert [(file["path"], file["size"]) for file in files] == [("progress", 2)]
    scheduler.cancel(K)


def test_what_a_command_leaves_behind_is_ended(scheduler: Scheduler, tmp_path: Path) -> None:
    run(scheduler, recipe(tmp_path, 'sleep 100 & setsid sleep 100 & echo $! > "$RESULTS/pid"'))
    assert not alive(int(text(scheduler, "results/pid")))
