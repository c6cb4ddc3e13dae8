"""The agent's side of the channel: JSON lines behind a random fence, raw bytes between them where announced."""

import json
import os
import select
import sys
import time
from typing import Any, Dict, Optional

_BLOCK = 1 << 20


class Wire:
    """Requests from standard input, answers to what was standard output; stray prints go to standard error."""

    def __init__(self, fence: str) -> None:
        sys.stdout.flush()
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._fence = fence
        self._buffer = bytearray()
        self._ended = False

    def greet(self, hello: Dict[str, Any]) -> None:
        """The fence, on a line of its own whatever was printed before it: from here on, every byte is ours."""
        self._write(f"\n{self._fence} ready {json.dumps(hello)}\n".encode("utf-8"))

    def send(self, line: Dict[str, Any]) -> None:
        self._write(json.dumps(line).encode("utf-8") + b"\n")

    def send_raw(self, data: bytes) -> None:
        """Bytes whose number the line before has told."""
        self._write(data)

    def receive(self) -> Optional[Dict[str, Any]]:
        """The next request; None when the input is closed."""
        end = self._buffer.find(b"\n")
        while end < 0:
            searched = len(self._buffer)
            if not self._fill():
                return None
            end = self._buffer.find(b"\n", searched)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        request: Dict[str, Any] = json.loads(line.decode("utf-8"))
        return request

    def receive_raw(self, size: int) -> bytes:
        """Exactly so many bytes; EOFError when the input is closed before."""
        while len(self._buffer) < size:
            if not self._fill():
                raise EOFError("the input closed in the middle of a frame")
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def wait(self, seconds: float, bell: Optional[int] = None) -> bool:
        """Sleep, but only until the other side closes or says something; False when it has closed.

        `bell` is a file that ends the sleep too, as soon as it can be read.
        """
        deadline = time.monotonic() + seconds
        while not self._ended and not self.pending:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            ready = select.select([0] if bell is None else [0, bell], [], [], left)[0]
            if 0 in ready:
                self._fill()
            elif ready:
                break
        return not self._ended

    @property
    def pending(self) -> bool:
        """Whether a whole line lies here, so that `receive` would not block."""
        return b"\n" in self._buffer

    def _fill(self) -> bool:
        data = os.read(0, _BLOCK)
        self._ended = not data
        self._buffer += data
        return bool(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]
