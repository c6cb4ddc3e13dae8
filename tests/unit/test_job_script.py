"""The batch script as text: readable, right by shellcheck, and run as it will be, also under SLURM's variables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ropeway_agent.errors import Failure
from ropeway_agent.script import JobScript, batch_script

HOSTILE = "a'; touch x\n$HOME `id` \\ \" ü"
SCRIPT = JobScript(
    key="run-train-1",
    root="/scratch/a'b",
    command="python train.py",
    environment={},
    path=(),
    model=None,
    seal=True,
    python="/usr/bin/python3",
    agent="/home/me/agent.pyz",
)


@dataclass
class Ran:
    """One run of a script in a folder of its own; `agent` is what `seal` does."""

    folder: Path
    variables: dict[str, str] = field(default_factory=lambda: {"ROPEWAY_JOB_ID": "7"})

    @property
    def job(self) -> Path:
        return self.folder / "jobs" / SCRIPT.key

    def run(self, agent: str = "", **changes: Any) -> int:
        for path in (self.job / "incarnations", self.job / "checkpoints", self.job / "recipe", self.folder / "ended"):
            path.mkdir(parents=True, exist_ok=True)
        (self.folder / "agent").write_text(agent)
        script = SCRIPT._replace(root=str(self.folder), python=sys.executable, agent=str(self.folder / "agent"))
        text = batch_script(script._replace(**changes))
        environment = {"PATH": os.environ["PATH"], "HOME": "/home/me", **self.variables}
        done = subprocess.run(["bash", "-c", text], env=environment, cwd="/", capture_output=True, text=True)
        self.errors = done.stderr
        return done.returncode

    def marker(self, incarnation: str = "7.0") -> Any:
        return json.loads((self.job / "incarnations" / incarnation / "marker.json").read_text())


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    return Ran(tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        SCRIPT,
        SCRIPT._replace(seal=False),
        SCRIPT._replace(
            command=HOSTILE,
            environment={"A": HOSTILE, "B": ""},
            path=("/a b/bin", "/ü"),
            model="/the model",
            header=("#SBATCH --job-name=run-train-1",),
        ),
    ],
    ids=["sealed", "not sealed", "hostile"],
)
def test_shellcheck_finds_nothing(script: JobScript) -> None:
    text = batch_script(script)
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shellcheck = shutil.which("shellcheck", path=place) or "shellcheck"
    checked = subprocess.run([shellcheck, "--severity=style", "-"], input=text, capture_output=True, text=True)
    assert checked.stdout == ""
    assert checked.returncode == 0


def test_it_is_one_page() -> None:
    assert len(batch_script(SCRIPT).splitlines()) <= 66


def test_the_lines_of_the_scheduler_come_first() -> None:
    lines = batch_script(SCRIPT._replace(header=("#SBATCH --mem=1G",))).splitlines()
    assert lines[:2] == ["#!/bin/bash", "#SBATCH --mem=1G"]


def test_the_marker_is_written_last(ran: Ran) -> None:
    assert ran.run(command="exit 3") == 3
    marker = ran.marker()
    assert (marker["exit_code"], marker["reason"]) == (3, "")
    assert (ran.folder / "ended" / SCRIPT.key).exists()


def test_an_incarnation_runs_once(ran: Ran) -> None:
    assert ran.run(command="echo x >> ../count", seal=False) == 0
    assert ran.run(command="echo x >> ../count", seal=False) == 75
    assert (ran.job / "count").read_text() == "x\n"


def test_a_tombstone_is_honoured(ran: Ran) -> None:
    ran.job.mkdir(parents=True)
    (ran.job / "cancelled").touch()
    assert ran.run(command="touch ../ran") == 75
    assert not (ran.job / "ran").exists()
    assert not (ran.folder / "ended" / SCRIPT.key).exists()


def test_under_slurm_a_requeue_is_another_incarnation(ran: Ran) -> None:
    ran.variables = {"SLURM_JOB_ID": "42", "ROPEWAY_JOB_ID": "of a job around us"}
    ran.run(command="echo first > $OUTPUT/model; echo 1 > $CHECKPOINTS/epoch; exit 1")
    ran.variables["SLURM_RESTART_COUNT"] = "1"
    assert ran.run(command="ls $OUTPUT > ../seen; cat $CHECKPOINTS/epoch >> ../seen; echo 2 > $OUTPUT/model") == 0
    assert (ran.job / "seen").read_text() == "1\n"
    assert ran.marker("42.0")["exit_code"] == 1
    assert ran.marker("42.1")["exit_code"] == 0
    assert (ran.job / "output" / "model").read_text() == "2\n"
    assert (ran.job / "incarnations" / "42.0" / "output" / "model").read_text() == "first\n"


@pytest.mark.parametrize(
    ("code", "left"), [(0, (0, "")), (65, (65, "left no model")), (1, (66, "the model could not be sealed"))]
)
def test_what_sealing_says_is_noted(ran: Ran, code: int, left: tuple[int, str]) -> None:
    agent = f"import sys; assert sys.argv[1] == 'seal' and '/output' in sys.argv[2]; sys.exit({code})"
    assert ran.run(agent, command="true") == left[0]
    assert (ran.marker()["exit_code"], ran.marker()["reason"]) == left


def test_what_failed_is_not_sealed(ran: Ran) -> None:
    assert ran.run("import sys; sys.exit(65)", command="exit 9") == 9
    assert ran.marker()["exit_code"] == 9


def test_the_variables_of_the_command_do_not_reach_the_sealing(ran: Ran) -> None:
    agent = "import os, sys; sys.exit(65 if 'LD_LIBRARY_PATH' in os.environ or 'A' in os.environ else 0)"
    assert ran.run(agent, command="test $A = b", environment={"A": "b", "LD_LIBRARY_PATH": "/x"}) == 0


def test_a_command_cannot_end_the_script(ran: Ran) -> None:
    assert ran.run(command="set -eu; trap 'exit 8' EXIT; job=x; exit 4") == 8
    assert ran.marker()["exit_code"] == 8


def test_a_job_without_its_recipe_says_so(ran: Ran) -> None:
    assert ran.run(command="rm -r ../recipe", seal=False) == 0
    script = batch_script(SCRIPT._replace(root=str(ran.folder)))
    assert subprocess.run(["bash", "-c", script], env={"ROPEWAY_JOB_ID": "8"}, capture_output=True).returncode == 66
    assert ran.marker("8.0")["reason"] == "its recipe is not there"


def test_values_arrive_as_they_are(ran: Ran) -> None:
    show = "import json, os; print(json.dumps([os.environ['A'], os.environ['MODEL']]))"
    command = f'LC_ALL=C.UTF-8 {sys.executable} -c "{show}" > ../seen'
    ran.run(command=command, environment={"A": HOSTILE}, model=HOSTILE, seal=False)
    assert json.loads((ran.job / "seen").read_text()) == [HOSTILE, HOSTILE]


@pytest.mark.parametrize(
    "change", [{"command": "a\0b"}, {"environment": {"A": "\0"}}, {"model": "/\0"}, {"path": ("\0",)}]
)
def test_what_no_environment_can_hold_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="NUL") as caught:
        batch_script(SCRIPT._replace(**change))
    assert caught.value.kind == "ConfigError"
