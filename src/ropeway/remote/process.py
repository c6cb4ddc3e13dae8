"""One agent process at the other end of two pipes: started, spoken to under deadlines, ended."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, BinaryIO

from ropeway.errors import AccessError, RopewayError, Unavailable, UnexpectedReply, brief, by_name
from ropeway.interfaces.host import Json
from ropeway.remote.archive import agent_archive, loader_line

START_LIMIT = 60.0
"""Seconds for an agent to greet: a login shell may be slow, and the archive may have to travel first."""
FRAME_LIMIT = 60.0
"""Seconds for one frame of FRAME bytes."""
FRAME = 1 << 20
_END_LIMIT = 2.0
"""Seconds for an agent to end by itself once its input is closed."""
_NOISE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent: `prefix` leads to the host (nothing, or `ssh NAME`), `home` is the folder of its archive.

    Python reads its program from the connection: nothing that a shell could misread is ever on the command line.
    """

    home: str
    name: str = "this machine"
    prefix: tuple[str, ...] = ()
    python: str = "python3"
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def command(self) -> list[str]:
        return [*self.prefix, self.python, "-I", "-q", "-i"]


class AgentProcess:
    """A started agent. Deadlines are seconds of `time.monotonic`, None is for ever.

    Raises ConnectionError with its last words when the agent is gone, TimeoutError when it is late; then it is of no
    use any more.
    """

    def __init__(self, launch: Launch) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._buffer = bytearray()
        self._process, self._in, self._out = _start(launch, self._errors)
        try:
            self.hello = self._greet(launch, time.monotonic() + START_LIMIT)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, line: Json, deadline: float | None) -> None:
        self._write(json.dumps(line).encode() + b"\n", deadline)

    def send_frames(self, source: BinaryIO) -> None:
        """All of the source, then the empty frame that ends it."""
        data = source.read(FRAME)
        while data:
            deadline = time.monotonic() + FRAME_LIMIT
            self.send({"bytes": len(data)}, deadline)
            self._write(data, deadline)
            data = source.read(FRAME)
        self.send({"bytes": 0}, time.monotonic() + FRAME_LIMIT)

    def receive(self, deadline: float | None) -> Json:
        """The agent's next line."""
        try:
            line: Json = json.loads(self._line(deadline))
        except ValueError as error:
            raise UnexpectedReply("reading an agent's line: it is not JSON") from error
        return line

    def receive_raw(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            self._fill(deadline)
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def close(self) -> None:
        """Close its input, which ends it; kill it when it does not listen."""
        for handle in (self._in, self._out):
            with contextlib.suppress(OSError):
                os.close(handle)
        try:
            self._process.wait(_END_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def last_words(self) -> str:
        """What it wrote to standard error, in short; without the prompts of an interactive Python."""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 2000))
        text = self._errors.read().decode("utf-8", "replace").replace(">>> ", "")
        return brief(text) or "it said nothing"

    def _greet(self, launch: Launch, deadline: float) -> Json:
        fence = secrets.token_hex(16)
        try:
            self._write(loader_line(launch.home, fence), deadline)
            word, rest = self._past_fence(fence, deadline)
            if word == "send":
                self._write(agent_archive().data, deadline)
                word, rest = self._past_fence(fence, deadline)
        except (ConnectionError, TimeoutError) as error:
            command = " ".join(launch.command[:-2])
            reason = "no answer" if isinstance(error, TimeoutError) else error
            raise Unavailable(f"starting the agent on {launch.name}: {reason}", f"{command} --version") from error
        if word == "ready":
            hello: Json = json.loads(rest)
            return hello
        hint = f"ls -ld {launch.home}"
        raise AccessError(f"starting the agent on {launch.name}: {brief(rest)}", hint)

    def _died(self) -> str:
        """Its last words, once it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_LIMIT)
        return self.last_words()

    def _past_fence(self, fence: str, deadline: float) -> tuple[str, str]:
        """(word, rest) of the next line behind the fence; what a login shell prints before it is noise."""
        noise = 0
        while noise < _NOISE_LIMIT:
            line = self._line(deadline).decode("utf-8", "replace")
            if line.startswith(fence + " "):
                word, _, rest = line[len(fence) + 1 :].partition(" ")
                return word, rest
            noise += len(line)
        raise UnexpectedReply("starting an agent: a megabyte of other output came first")

    def _line(self, deadline: float | None) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            self._fill(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _fill(self, deadline: float | None) -> None:
        self._poll(select.POLLIN, deadline)

    def _write(self, data: bytes, deadline: float | None) -> None:
        view = memoryview(data)
        while view:
            if self._poll(select.POLLIN | select.POLLOUT, deadline):
                view = view[os.write(self._in, view[: 1 << 16]) :]

    def _poll(self, events: int, deadline: float | None) -> bool:
        """Take in what has come; answers whether there is room to write. Reading meanwhile, both never wait at once."""
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if events & select.POLLOUT:
            poll.register(self._in, select.POLLOUT)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = dict(poll.poll(left))
        if not ready:
            raise TimeoutError("the agent does not answer")
        if self._out in ready:
            data = os.read(self._out, FRAME)
            if not data:
                raise ConnectionError(self._died())
            self._buffer += data
        return self._in in ready


def _start(launch: Launch, errors: IO[bytes]) -> tuple[subprocess.Popen[bytes], int, int]:
    """(process, where to write, where to read)."""
    input_read, input_write = os.pipe()
    output_read, output_write = os.pipe()
    try:
        process = subprocess.Popen(
            launch.command,
            stdin=input_read,
            stdout=output_write,
            stderr=errors,
            env=launch.environment,
            start_new_session=True,  # Ctrl-C is for us: we close it in good order
        )
    except OSError as error:
        os.close(input_write)
        os.close(output_read)
        raise Unavailable(f"starting the agent on {launch.name}: {error.strerror}: {launch.command[0]}") from error
    finally:
        os.close(input_read)
        os.close(output_write)
    os.set_blocking(input_write, False)
    return process, input_write, output_read


def told(line: Json) -> RopewayError:
    """The error that an agent's line stands for."""
    hint = line.get("hint")
    return by_name(str(line["error"]))(str(line["message"]), None if hint is None else str(hint))
