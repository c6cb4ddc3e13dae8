"""The built wheel, installed outside the checkout, has everything inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uv

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long


def test_the_wheel_alone_runs_the_mnist_pipeline_as_an_ordinary_user() -> None:
    place = Path("/tmp") / f"rw-wheel-{os.getpid()}"  # noqa: S108 - an ordinary user must be able to enter it
    place.mkdir(mode=0o755)
    try:
        build = [
            uv.find_uv_bin(),
            "build",
            "--wheel",
            "--no-build-isolation",
            "--quiet",
            "--out-dir",
            str(place),
            str(ROOT),
        ]
        environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
        subprocess.run(build, check=True, env=environment)
        (wheel,) = place.glob("*.whl")
        shutil.copy(uv.find_uv_bin(), place / "uv")
        home = place / "home"
        home.mkdir()
        ordinary: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        if ordinary:
            os.chown(home, 65534, 65534)
        kept = {name: value for name, value in os.environ.items() if "CERT" in name or "CA_" in name}
        variables = {**kept, "HOME": str(home), "PATH": f"{home}/.local/bin:/usr/bin:/bin"}

        def run(*command: str | Path) -> str:
            done: subprocess.CompletedProcess[str] = subprocess.run(
                [str(word) for word in command],
                capture_output=True,
                text=True,
                env=variables,
                cwd=home,
                timeout=900,
                **ordinary,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        run(place / "uv", "tool", "install", "--quiet", "--python", "/usr/bin/python3", wheel)
        try:
            run("ropeway", "up")
            assert "promote: finished" in run("ropeway", "run", "pipelines/mnist.yaml")
            assert run("ropeway", "doctor")
        finally:
            run("ropeway", "down")
    finally:
        shutil.rmtree(place, ignore_errors=True)
