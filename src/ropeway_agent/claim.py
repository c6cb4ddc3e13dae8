"""One process at a time may submit or cancel a key, also where a shared file system has no cluster-wide locks."""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from typing import Any, Dict, Iterator, NamedTuple, Optional

from ropeway_agent import identity
from ropeway_agent.disk import as_text, read_json
from ropeway_agent.errors import Failure

HARD_LIMIT = 60.0
"""Seconds that a call which holds a claim may take; past twice this, a holder that nobody can ask counts as gone."""
_HOLDER = "holder.json"


class Claim(NamedTuple):
    """`lock` is an open file: locked, on this host, for as long as any process that inherited it lives."""

    path: str
    token: str
    lock: int
    since: float

    def confirm(self) -> None:
        """Raises Unavailable unless the claim is still ours: to be asked just before an effect."""
        late = time.monotonic() - self.since > HARD_LIMIT
        if late or not _holds(self.path, self.token):
            raise Failure("Unavailable", f"holding {as_text(self.path)}: it took too long and is no longer ours")


@contextlib.contextmanager
def claimed(folder: str, patience: float = 30.0) -> Iterator[Claim]:
    """Hold the claim of this folder, waiting for another holder at most `patience` seconds; then Unavailable."""
    claim = _offer(folder)
    try:
        _install(claim, time.monotonic() + patience)
        try:
            yield claim._replace(since=time.monotonic())
        finally:
            if _holds(claim.path, claim.token):
                os.rename(claim.path, _own(claim))
    finally:
        os.close(claim.lock)
        shutil.rmtree(_own(claim), ignore_errors=True)


def _own(claim: Claim) -> str:
    return f"{claim.path}.{claim.token}"


def _offer(folder: str) -> Claim:
    """A claim of our own name, complete with its holder: taking it is then one atomic rename, and none is nobody's."""
    claim = Claim(os.path.join(folder, "claim"), secrets.token_hex(8), -1, 0.0)
    os.mkdir(_own(claim), 0o700)
    lock = os.open(os.path.join(_own(claim), _HOLDER), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    holder: Dict[str, Any] = identity.mine().as_json()
    holder.update(token=claim.token, time=time.time(), locked=_lock(lock))
    os.write(lock, json.dumps(holder).encode("utf-8"))
    os.fsync(lock)  # it stays open, so no close would show it to other hosts
    return claim._replace(lock=lock)


def _install(claim: Claim, deadline: float) -> None:
    pause = 0.005
    while not _rename(claim):
        holder = _read_holder(claim.path)
        if holder is not None and _stale(claim, holder):
            _take_away(claim.path, holder["token"])
        elif time.monotonic() > deadline:
            raise _busy(claim.path, holder)
        else:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)


def _rename(claim: Claim) -> bool:
    try:
        os.rename(_own(claim), claim.path)
    except OSError as error:
        # A network file system may have done it and lost the answer: who holds it decides.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            return _holds(claim.path, claim.token)
        raise
    return True


def _take_away(path: str, token: str) -> None:
    """Move a stale claim aside. Its new name is its token's and stays taken, so of two who try only one succeeds."""
    try:
        os.rename(path, f"{path}.{token}.stale")
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


def _stale(claim: Claim, holder: Dict[str, Any]) -> bool:
    known = holder["locked"] and identity.from_json(holder).here and holder["boot"] == identity.boot_id()
    path = os.path.join(claim.path, _HOLDER)
    try:
        if known:
            return _unlocked(path)
        os.utime(claim.lock)  # both times by the file system's clock
        return os.fstat(claim.lock).st_mtime - os.stat(path).st_mtime > 2 * HARD_LIMIT
    except FileNotFoundError:
        return False


def _unlocked(path: str) -> bool:
    """Whether the holder, and every process that it started with the claim, is gone: the kernel knows."""
    handle = os.open(path, os.O_RDWR)
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # held, or a file system without locks: then only time tells
    return True


def _holds(path: str, token: str) -> bool:
    holder = _read_holder(path)
    return holder is not None and holder["token"] == token


def _read_holder(path: str) -> Optional[Dict[str, Any]]:
    return read_json(os.path.join(path, _HOLDER))


def _busy(path: str, holder: Optional[Dict[str, Any]]) -> Failure:
    who = "someone" if holder is None else f"process {holder['pid']} on {holder['host']}"
    return Failure("Unavailable", f"claiming {as_text(path)}: {who} holds it", "try again")
