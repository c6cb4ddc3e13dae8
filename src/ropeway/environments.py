"""Isolated Python environments in a cache folder, one per lock file, each built once however many ask."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from ropeway import places
from ropeway.bundled import bundled
from ropeway.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Progress = Callable[[str], None]

COMPLETE = ".complete"
"""Written last: a folder without it was cut short and is built again."""

LAST_LINES = 8


def lock_of(name: str) -> Path:
    """The lock file of an environment that Ropeway brings. Raises NotFound."""
    return bundled(f"envs/{name}/requirements.txt")


def folder_of(name: str, lock: Path) -> Path:
    """Where the environment of this lock file lies, whether or not it is built."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return places.cache() / "environments" / f"{name}-{digest[:12]}"


def ensure(name: str, *, lock: Path, progress: Progress, imports: Sequence[str] = ()) -> Path:
    """The interpreter of the environment that holds exactly what `lock` pins, hashes checked.

    Built on the first call and kept; of two processes that ask at once, one builds and one waits.
    `imports` are imported once after installing, so that a broken environment is noticed here and
    the first start of a service does not pay for compiling.
    Raises Unavailable with the last lines of uv, ConfigError when the lock file is missing.
    """
    if not lock.is_file():
        raise ConfigError(f"building the environment {name}: {lock} does not exist")
    folder = folder_of(name, lock)
    python = folder / "bin" / "python"
    if _complete(folder):
        return python
    with once(folder, progress):
        if not _complete(folder):
            _build(name, lock, progress, imports)
    return python


def _complete(folder: Path) -> bool:
    # The interpreter is a link to the system's: after an upgrade of Python it may point to nothing.
    return (folder / COMPLETE).exists() and (folder / "bin" / "python").exists()


def _build(name: str, lock: Path, progress: Progress, imports: Sequence[str]) -> None:
    # In place, not renamed into place: the scripts of an environment hold its absolute path.
    folder, started = folder_of(name, lock), time.monotonic()
    pins = sum("==" in line for line in lock.read_text().splitlines())
    progress(f"environment {name}: installing {pins} packages into {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    run_uv(["venv", "--python", sys.executable, str(folder)], f"creating the environment {name}")
    python = folder / "bin" / "python"
    install = ["pip", "install", "--python", str(python), "--require-hashes", "-r", str(lock)]
    run_uv(install, f"installing the environment {name}", progress)
    _import(python, name, imports)
    (folder / COMPLETE).touch()
    seconds = time.monotonic() - started
    progress(f"environment {name}: ready, {_megabytes(folder)} MB on disk, {seconds:.0f} s")


def _import(python: Path, name: str, modules: Sequence[str]) -> None:
    if not modules:
        return
    command = [str(python), "-I", "-W", "ignore", "-c", "\n".join(f"import {m}" for m in modules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-LAST_LINES:])
        raise Unavailable(
            f"trying the environment {name}: importing {', '.join(modules)} failed\n{last}",
            f"rm -r {python.parents[1]}  (it is built again at the next start)",
        )


def _megabytes(folder: Path) -> int:
    files = (Path(at) / file for at, _, files in os.walk(folder) for file in files)
    return sum(file.lstat().st_size for file in files) // 1_000_000


@contextlib.contextmanager
def once(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the right to build this folder; a holder that dies gives it back."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{folder.name}: another process is building it, waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_uv(arguments: Sequence[str], doing: str, progress: Progress | None = None) -> None:
    """Run the uv that came with Ropeway; its notes on downloads go to `progress`.

    Raises Unavailable: `doing`, then uv's last lines.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)
    command = [_uv(), "--no-progress", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            last.append(line.rstrip())
            if progress and line.startswith("Downloading"):
                progress(line.strip())
    if process.returncode:
        raise Unavailable(f"{doing}: uv says\n" + "\n".join(last), hint("\n".join(last)))


def hint(said: str) -> str:
    if "No space left" in said:
        return f"free some space under {places.cache()}, or set ROPEWAY_CACHE to a larger disk"
    if "hash" in said.lower():
        return "the package index gave other bytes than the lock file names: do not go on, ask who runs the index"
    return "check the network and the package index (UV_INDEX_URL), then run the same command again"


def _uv() -> str:
    import uv

    return str(uv.find_uv_bin())
