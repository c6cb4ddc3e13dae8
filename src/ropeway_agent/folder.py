"""Where a job's files lie below the root: ROOT/jobs/KEY, with what all jobs share beside it."""

import contextlib
import errno
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional

from ropeway_agent.disk import create_json, local, read_json, replace
from ropeway_agent.errors import Failure

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ROOM = "room"
_ROOM_BYTES = 1 << 16
_KEY = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?\Z")
_INCARNATION = re.compile(r"[A-Za-z0-9_+-]+\.[0-9]+\Z")
_DIGEST = re.compile(r"sha256-[0-9a-f]{64}\Z")


class JobFolder(NamedTuple):
    """Paths as this system opens them."""

    root: str
    key: str

    @property
    def path(self) -> str:
        return os.path.join(self.root, "jobs", self.key)

    def at(self, *names: str) -> str:
        return os.path.join(self.path, *names)

    @property
    def ended_marker(self) -> str:
        """All markers lie in one folder, so that one look there tells whether any job has ended."""
        return os.path.join(self.root, "ended", self.key)

    @property
    def cancelled(self) -> bool:
        return os.path.exists(self.at("cancelled"))

    def log(self, stream: str) -> str:
        if stream not in ("stdout", "stderr"):
            raise Failure("ConfigError", f"reading a log: there is no stream {stream!r}", "stdout or stderr")
        return self.at(stream + ".log")

    def job_id(self) -> Optional[str]:
        """What the id file says; None when there is none."""
        try:
            with open(self.at("id"), encoding="utf-8") as file:
                return file.read().strip() or None
        except FileNotFoundError:
            return None

    def record_id(self, job_id: str) -> None:
        replace(self.at("id"), (job_id + "\n").encode("utf-8"))

    def incarnations(self) -> List[str]:
        """Names `<job id>.<restart>` of the starts so far, the latest last."""
        try:
            names = [name for name in os.listdir(self.at("incarnations")) if _INCARNATION.match(name)]
        except FileNotFoundError:
            return []
        return sorted(names, key=lambda name: int(name.rpartition(".")[2]))

    def record(self, incarnation: str, name: str) -> Optional[Dict[str, Any]]:
        """One of that start's own records: started, marker or ended; None when it has not got so far."""
        return read_json(self.at("incarnations", incarnation, name + ".json"))

    def keep_room(self) -> None:
        """Take a little of the disk, so that the end can be recorded when the job has filled the rest."""
        replace(self.at(_ROOM), bytes(_ROOM_BYTES))

    def record_end(self, incarnation: str, ending: Dict[str, Any]) -> None:
        """Keep how that start ended, and wake those who watch. The first record stands."""
        try:
            self._record_end(incarnation, ending)
        except OSError as error:
            if error.errno not in _FULL or not os.path.exists(self.at(_ROOM)):
                raise
            os.unlink(self.at(_ROOM))
            reason = f"{ending.get('reason') or 'ended'}; {error.strerror}"
            self._record_end(incarnation, dict(ending, reason=reason))
        with contextlib.suppress(OSError):
            os.unlink(self.at(_ROOM))

    def _record_end(self, incarnation: str, ending: Dict[str, Any]) -> None:
        os.makedirs(self.at("incarnations", incarnation), mode=0o700, exist_ok=True)
        create_json(self.at("incarnations", incarnation, "ended.json"), ending)
        replace(self.ended_marker, (incarnation + "\n").encode("utf-8"))


def job_folder(body: Dict[str, Any]) -> JobFolder:
    """The folder that a request's `root` and `key` name; it need not exist."""
    return JobFolder(root_of(body), checked_key(body["key"]))


def job_folders(body: Dict[str, Any]) -> List[JobFolder]:
    return [JobFolder(root_of(body), checked_key(key)) for key in body["keys"]]


def root_of(body: Dict[str, Any]) -> str:
    root = body["root"]
    if not root.startswith("/") or "\0" in root or ".." in root.split("/"):
        raise Failure("ConfigError", f"reading a host path: {root!r} is not absolute and free of '..'")
    return local(root)


def checked_key(key: str) -> str:
    if not _KEY.match(key):
        raise Failure("ConfigError", f"reading a key: {key!r} is not [a-z0-9-]{{1,60}}")
    return key


def bundle_path(root: str, digest: str) -> str:
    """Where the recipe with this digest lies, as a tar file."""
    if not _DIGEST.match(digest):
        raise Failure("ConfigError", f"reading a digest: {digest!r} is not sha256-<64 hex digits>")
    return os.path.join(root, "bundles", digest + ".tar")


def make_folders(folder: JobFolder) -> None:
    """The root and the job's folder, for nobody else's eyes."""
    for name in ("jobs", "ended", "data", "bundles"):
        os.makedirs(os.path.join(folder.root, name), mode=0o700, exist_ok=True)
    for path in (folder.path, folder.at("incarnations"), folder.at("checkpoints")):
        os.makedirs(path, mode=0o700, exist_ok=True)
