"""A host through its agent: one process for questions, and one of its own for each conversation."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast

from ropeway.errors import Unavailable, UnexpectedReply
from ropeway.interfaces.host import Channel, Json
from ropeway.names import Digest, HostPath
from ropeway.remote.process import FRAME, FRAME_LIMIT, AgentProcess, Launch, told

CALL_LIMIT = timedelta(seconds=60)
_SLACK = 5.0
"""Seconds that an answer may take to travel, beyond the limit that the agent itself keeps."""

_PASSED_ON = re.compile(
    r"HOME|USER|LOGNAME|SHELL|PATH|TMPDIR|TZ|LANG|LANGUAGE|LC_\w+|LD_LIBRARY_PATH|CUDA_VISIBLE_DEVICES"
    r"|(?i:https?_proxy|no_proxy)|SSL_CERT_(FILE|DIR)"
)


def local_host(home: Path) -> AgentHost:
    """This machine. `home` is a folder of this user for the agent's archive.

    Of our environment an agent, and with it each job, sees what a fresh login would have: no credential of ours.
    """
    kept = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    return AgentHost(Launch(str(home.absolute()), python=sys.executable, environment=kept))


class AgentHost:
    """Implements Host. Threads may share it: questions then wait for each other."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._lock = threading.Lock()
        self._process: AgentProcess | None = None

    @property
    def name(self) -> str:
        return self._launch.name

    def call(self, operation: str, body: Json, deadline: timedelta = CALL_LIMIT) -> Json:
        """One question, one answer; asked again on a fresh agent, once, when the first died."""
        return self._ask(operation, body, deadline.total_seconds())[0]

    @contextmanager
    def open(self, operation: str, body: Json) -> Iterator[Channel]:
        """A conversation with an agent of its own, which ends with it."""
        process = AgentProcess(self._launch)
        try:
            process.send(_request(operation, body, None), time.monotonic() + CALL_LIMIT.total_seconds())
            yield AgentChannel(process, self.name)
        finally:
            process.close()

    def read(self, path: HostPath, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The file's bytes from `start`, at most `size`, in frames of 1 MiB."""
        end = None if size is None else start + size
        while end is None or start < end:
            wanted = FRAME if end is None else min(FRAME, end - start)
            _, data = self._ask("read", {"path": path, "start": start, "size": wanted}, FRAME_LIMIT)
            if data:
                yield data
            start += len(data)
            if len(data) < wanted:
                return

    def write(self, path: HostPath, data: BinaryIO, digest: Digest) -> None:
        """Put the file there, atomically, mode 0600; sends nothing when it is there already."""
        self._ask("write", {"path": path, "digest": digest}, CALL_LIMIT.total_seconds(), data)

    def close(self) -> None:
        """End the agent that answers questions; the next question starts another."""
        with self._lock:
            if self._process is not None:
                self._process.close()
                self._process = None

    def _ask(self, operation: str, body: Json, limit: float, source: BinaryIO | None = None) -> tuple[Json, bytes]:
        request = _request(operation, body, None if source else limit)
        start = source.tell() if source else 0
        with self._locked(limit):
            try:
                try:
                    return self._exchange(request, limit, source)
                except ConnectionError:
                    if source:
                        source.seek(start)
                    return self._exchange(request, limit, source)
            except ConnectionError as error:
                raise self._gone(operation, f"its agent died twice: {error}") from error
            except TimeoutError as error:
                raise self._gone(operation, f"no answer within {limit:g} s") from error

    def _exchange(self, request: Json, limit: float, source: BinaryIO | None) -> tuple[Json, bytes]:
        process = self._process or AgentProcess(self._launch)
        self._process = None  # not used again unless it has answered in full, whatever interrupts us here
        try:
            line, data = _converse(process, request, limit, source)
        except BaseException:
            process.close()
            raise
        self._process = process
        if "error" in line:
            raise told(line)
        if "result" not in line:
            raise UnexpectedReply(f"asking {self.name}: an answer that we do not know: {', '.join(line)}")
        return cast(Json, line["result"]), data

    @contextmanager
    def _locked(self, limit: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=limit):
            raise Unavailable(f"asking {self.name}: an earlier question took longer than {limit:g} s", "try again")
        try:
            yield
        finally:
            self._lock.release()

    def _gone(self, operation: str, reason: str) -> Unavailable:
        command = " ".join(self._launch.command[:-2])
        return Unavailable(f"asking {self.name} for {operation}: {reason}", f"{command} --version")


class AgentChannel:
    """Implements Channel: ends with the agent's result."""

    def __init__(self, process: AgentProcess, name: str) -> None:
        self._process = process
        self._name = name

    def send(self, line: Json) -> None:
        with self._translated():
            self._process.send(line, None)

    def __iter__(self) -> Iterator[Json]:
        while "result" not in (line := self._receive()):
            if "error" in line:
                raise told(line)
            yield line

    def _receive(self) -> Json:
        with self._translated():
            return self._process.receive(None)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ConnectionError as error:
            raise Unavailable(f"talking to {self._name}: the connection was lost: {error}", "try again") from error


def _converse(process: AgentProcess, request: Json, limit: float, source: BinaryIO | None) -> tuple[Json, bytes]:
    """The line that ends the answer, and the bytes that came before it."""
    deadline, data = time.monotonic() + limit + _SLACK, b""
    process.send(request, deadline)
    while True:
        line = process.receive(deadline)
        if "bytes" in line:
            data += process.receive_raw(cast(int, line["bytes"]), deadline)
        elif "send" in line and source:
            process.send_frames(source)
            deadline = time.monotonic() + FRAME_LIMIT
        else:
            return line, data


def _request(operation: str, body: Json, limit: float | None) -> Json:
    return {"operation": operation, "body": body, "limit": limit}
