"""Where a site keeps everything: one folder, readable by its user only, with what must be remembered between starts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ropeway import places
from ropeway.errors import AccessError, ConfigError, UnexpectedReply

FORMAT = 1
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")


@dataclass(frozen=True)
class SiteFolder:
    """The folder of one site."""

    path: Path

    @classmethod
    def named(cls, name: str) -> SiteFolder:
        """The folder of the site of this name; made by `create`. Raises ConfigError for a name that is no DNS label."""
        if not _NAME.fullmatch(name):
            raise ConfigError(f"finding the site's folder: {name!r} is not a name of a-z, 0-9 and -")
        return cls(places.home() / "sites" / name)

    def create(self) -> None:
        """Make the folder if it is not there. Raises AccessError when it cannot be made or is someone else's."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.path.stat().st_uid != os.geteuid():
                raise AccessError(f"opening the site's folder {self.path}: it belongs to another user")
            self.path.chmod(0o700)
        except OSError as error:
            raise AccessError(
                f"making the site's folder {self.path}: {error.strerror}", "export ROPEWAY_HOME=/a/folder/of/yours"
            ) from error

    def part(self, name: str) -> Path:
        """The folder of one part of the site: its data and its configuration."""
        return self.path / name

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def record(self, name: str) -> Path:
        return self.path / "processes" / f"{name}.json"

    @contextlib.contextmanager
    def locked(self, progress: Callable[[str], None] = lambda _: None) -> Iterator[None]:
        """Hold the right to start and stop services of this site; waits for whoever holds it."""
        with exclusive(self.path / "site.lock", lambda: progress("another `ropeway up` or `down` is at work: waiting")):
            yield

    def secret(self, name: str) -> Path:
        """The file of a secret, mode 0600, filled with 40 random hex digits the first time."""
        path = self.path / "secrets" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            write(path, secrets.token_hex(20))
        return path

    def ports(self) -> dict[str, dict[str, int]]:
        """The remembered ports: service, then port name. Empty before the first start."""
        remembered = read(self.path / "services.json")
        if remembered.get("format", FORMAT) != FORMAT:
            raise UnexpectedReply(f"reading {self.path}/services.json: written by another release of Ropeway")
        return {service: dict(ports) for service, ports in remembered.get("ports", {}).items()}

    def remember(self, ports: Mapping[str, Mapping[str, int]]) -> None:
        write(self.path / "services.json", json.dumps({"format": FORMAT, "ports": ports}, indent=1))


@contextlib.contextmanager
def exclusive(path: Path, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock on a file; a holder that dies gives it back. `waits` is told when someone else has it."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(path: Path, text: str) -> None:
    """Write a file that only its user can read: whole or not at all, whoever is killed meanwhile."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty when there is no file. Raises UnexpectedReply when it is no JSON object."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UnexpectedReply(f"reading {path}: {error}", f"rm {path}") from error
    if not isinstance(value, dict):
        raise UnexpectedReply(f"reading {path}: no JSON object", f"rm {path}")
    return value
