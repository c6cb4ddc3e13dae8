"""`make demo` from a fresh clone: once with nothing cached, once again.

usage: python -m benchmarks.demo      fetches some 6 GB
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.results import publish, row

ROOT = Path(__file__).parents[1]


def main() -> None:
    work = Path(tempfile.mkdtemp(prefix="rw-"))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        "ROPEWAY_HOME": str(work / "home"),
        "ROPEWAY_CACHE": str(work / "cache"),
        "UV_CACHE_DIR": str(work / "uv"),
    }
    try:
        cold = demo(work / "cold", environment)
        down(work / "cold", environment)
        shutil.rmtree(work / "home")
        warm = demo(work / "warm", environment)
        down(work / "warm", environment)
        publish("demo", [row("make demo, nothing cached", "s", [cold], 180), row("make demo, all cached", "s", [warm])])
    finally:
        shutil.rmtree(work, ignore_errors=True)


def demo(clone: Path, environment: dict[str, str]) -> float:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    start = time.monotonic()
    subprocess.run(["make", "--silent", "demo"], cwd=clone, env=environment, check=True)
    return time.monotonic() - start


def down(clone: Path, environment: dict[str, str]) -> None:
    subprocess.run([clone / ".venv/bin/ropeway", "down"], env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    main()
