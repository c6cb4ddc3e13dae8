"""A private PostgreSQL server from Debian's package, on a Unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL = "scripts/install-debian-packages --tests"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a server that lives as long as the context. As root it runs as `postgres`: it refuses root."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise RuntimeError(f"PostgreSQL is not installed: {INSTALL}")
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="ropeway-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    data = folder / "data"
    _run(user, [programs[-1] / "initdb", "-D", data, "-U", "ropeway", "-A", "trust", "--no-sync"])
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=50"
    _run(user, [programs[-1] / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start"])
    try:
        yield f"postgresql://ropeway@/postgres?host={folder}"
    finally:
        _run(user, [programs[-1] / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
        shutil.rmtree(folder)


def _run(user: str, command: list[Path | str]) -> None:
    subprocess.run(
        [str(word) for word in command],
        check=True,
        user=user if os.geteuid() == 0 else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )
