"""The one-machine site: hand-over, the command line, memory of the controller and of the idle site.

usage: python -m benchmarks.one_machine      uses a site of its own, which it stops at the end
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.results import Row, command, publish, row

ROUNDS = 3
LOOKS = 7
STEPS = ("register", "sync", "deploy", "verify")


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="rw-"))
    environment = {**os.environ, "ROPEWAY_HOME": str(home)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps what it has compiled
    try:
        ask(environment, "up")
        rows = [idle(environment), *hand_over(environment), status(environment), *waiting(environment)]
        publish("one-machine", rows)
    finally:
        subprocess.run(command("down"), env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


def ask(environment: Mapping[str, str], *words: str) -> Any:
    """The last line of a command's JSON."""
    done = subprocess.run(command(*words, "--json"), env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def idle(environment: Mapping[str, str]) -> Row:
    services = ask(environment, "up")["services"]
    return row("idle site, without replicas", "MB", [sum(s["memory"] for s in services) / 1e6], 700)


def hand_over(environment: Mapping[str, str]) -> list[Row]:
    """Seal to first verified answer, each time to a new endpoint; the real MNIST pipeline, evaluation shown apart."""
    times: dict[str, list[float]] = {name: [] for name in ("hand-over", *STEPS, "evaluate, not in it")}
    for number in range(ROUNDS):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(renamed(f"mnist-{number}"))
            file.flush()
            run = ask(environment, "run", file.name)
        stages = {stage["name"]: stage for stage in run["stages"]}
        evaluation = stages["evaluate"]["ended_at"] - stages["train"]["record"]["sealed_at"]
        answered = stages["verify"]["record"]["first_answer_at"]
        times["hand-over"].append(answered - stages["evaluate"]["ended_at"])
        times["evaluate, not in it"].append(evaluation)
        for name in STEPS:
            end = answered if name == "verify" else stages[name]["ended_at"]
            times[name].append(end - stages[name]["started_at"])
    goals = {"hand-over": 5.0}
    return [
        row(f"hand-over: {name}" if name in STEPS else name, "s", seen, goals.get(name)) for name, seen in times.items()
    ]


def renamed(name: str) -> str:
    """The MNIST pipeline for a model and an endpoint that nobody has used."""
    pipeline = yaml.safe_load(Path("pipelines/mnist.yaml").read_text())
    pipeline["name"] = pipeline["register"]["model"] = pipeline["deploy"]["endpoint"] = name
    return yaml.safe_dump(pipeline, sort_keys=False)


def status(environment: Mapping[str, str]) -> Row:
    """CPU seconds of `ropeway status`."""
    spent = []
    for _ in range(LOOKS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command("status"), env=environment, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return row("ropeway status", "CPU-s", spent, 0.25)


def waiting(environment: Mapping[str, str]) -> list[Row]:
    """Resident memory while a job runs: of the controller, and with the agents that it has started on this machine."""
    process = subprocess.Popen(
        command("run", "pipelines/mnist.yaml", "--until", "train"), env=environment, stdout=subprocess.DEVNULL
    )
    time.sleep(6)
    own, family = resident(process.pid, children=False), resident(process.pid, children=True)
    process.wait()
    return [
        row("controller while it waits", "MB", [own], 80),
        row("controller with its agents on this machine", "MB", [family]),
    ]


def resident(pid: int, *, children: bool) -> float:
    """Megabytes of a process, with its children where asked for. Jobs are none: they have a session of their own."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if children else []
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return own * 1024 / 1e6 + sum(resident(int(child), children=True) for child in below)


if __name__ == "__main__":
    main()
