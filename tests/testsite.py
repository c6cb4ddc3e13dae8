"""A real one-machine site in a folder of its own, driven as a user drives it: by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ropeway.embedded.folder import SiteFolder
from ropeway.embedded.site import Addresses, addresses

NAME = "one-machine"
RECIPES = Path(__file__).parent / "recipes"
LIMIT_SECONDS = 180


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> dict[str, Any]:
        """The last line as JSON: the result under --json."""
        content: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return content

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]
        return [line["event"] for line in lines if "event" in line]


@dataclass(frozen=True)
class TestSite:
    """`home`: its ROPEWAY_HOME."""

    __test__ = False
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "ROPEWAY_HOME": str(self.home), "NO_COLOR": "1", **self.variables}

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "ropeway", *map(str, words)]

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """A command that goes on while the test does."""
        return subprocess.Popen(
            self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )

    def ask(self, *words: str | Path, expect: int | None = 0) -> Answer:
        """Run a command to its end; its exit code must be `expect` (None: any)."""
        done = subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.environment, timeout=LIMIT_SECONDS
        )
        answer = Answer(done.returncode, done.stdout, done.stderr)
        if expect is not None and answer.code != expect:
            raise AssertionError(f"ropeway {words} ended with {answer.code}\n{answer.out}\n{answer.err}")
        return answer

    @property
    def addresses(self) -> Addresses:
        before = os.environ.get("ROPEWAY_HOME")
        os.environ["ROPEWAY_HOME"] = str(self.home)
        try:
            found = addresses(SiteFolder.named(NAME))
        finally:
            if before is None:
                del os.environ["ROPEWAY_HOME"]
            else:
                os.environ["ROPEWAY_HOME"] = before
        if found is None:
            raise AssertionError("the site is not up")
        return found


def pipeline_text(name: str, *, train: str = "", evaluate: str = "", seed: int = 0, **changes: str) -> str:
    """A pipeline of the tiny recipe, which takes a second; `train`, `evaluate`: options of its scripts.

    `changes`: other values of whole stages, as YAML in one line.
    """
    job = f"environment: {sys.prefix}"
    recipe = RECIPES / "tiny"
    stages = {
        "train": f"{{recipe: {recipe}, command: 'python train.py {train}', seed: {seed}, {job}}}",
        "evaluate": f"{{command: 'python evaluate.py {evaluate}', require: {{accuracy: '>= 0.95'}}, {job}}}",
        "register": f"{{model: {name}, tags: {{team: tests}}}}",
        "sync": "{}",
        "deploy": f"{{endpoint: {name}, ready_within: 60s}}",
        "verify": "{latency_p95: 1s, requests: 20}",
        "promote": "{rollout: {steps: [50, 100], hold: 0s, min_requests: 5}}",
    } | changes
    return f"name: {name}\n" + "".join(f"{stage}: {text}\n" for stage, text in stages.items() if text)
