"""Files of this host for the other side: listed, read in frames, written whole or not at all."""

import hashlib
import os
from typing import Any, BinaryIO, Dict, Iterator

from ropeway_agent.disk import as_text, local, replacing
from ropeway_agent.errors import Failure
from ropeway_agent.wire import Wire

FRAME = 1 << 20
"""Bytes that one frame carries at most."""


def list_files(body: Dict[str, Any]) -> Dict[str, Any]:
    """Every plain file below `path`, sorted; none when the folder is not there.

    `size` in bytes, `modified` in seconds since 1970.
    """
    root = local(body["path"])
    files = {as_text(os.path.relpath(place, root)): os.stat(place) for place in _below(root)}
    return {
        "files": [
            {"path": path, "size": files[path].st_size, "modified": files[path].st_mtime} for path in sorted(files)
        ]
    }


def _below(root: str) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            place = os.path.join(folder, name)
            if os.path.isfile(place):
                yield place


def read(body: Dict[str, Any], wire: Wire) -> None:
    """One frame: at most `size` bytes from `start`, fewer at the end of the file."""
    path = local(body["path"])
    if os.path.isdir(path):
        raise Failure("NotFound", f"reading {body['path']}: it is a folder")
    with open(path, "rb") as file:
        file.seek(body["start"])
        data = file.read(min(body["size"], FRAME))
    wire.send({"bytes": len(data)})
    wire.send_raw(data)


def write(body: Dict[str, Any], wire: Wire) -> None:
    """Take frames until an empty one, and put the file there if it has the digest. Asks for none when it is there."""
    path = local(body["path"])
    if _digest(path) == body["digest"]:
        return
    wire.send({"send": True})
    rest = _Frames(wire)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with replacing(path) as file:
            _take(rest, file, body["digest"], body["path"])
    finally:
        rest.drain()  # the other side sends on whatever happens here: what is left would be taken for its next request


def _take(frames: "_Frames", file: BinaryIO, digest: str, path: str) -> None:
    hashed = hashlib.sha256()
    for frame in frames:
        hashed.update(frame)
        file.write(frame)
    if "sha256-" + hashed.hexdigest() != digest:
        raise Failure("UnexpectedReply", f"writing {path}: what arrived does not have the digest {digest}")


class _Frames:
    """The frames of one file, up to the empty one."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        while not self._ended:
            announced = self._wire.receive()
            if announced is None:
                self._ended = True
                raise EOFError("the input closed between frames")
            self._ended = announced["bytes"] == 0
            if not self._ended:
                yield self._wire.receive_raw(announced["bytes"])

    def drain(self) -> None:
        for _ in self:
            pass


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            hashed = hashlib.sha256()
            for block in iter(lambda: file.read(FRAME), b""):
                hashed.update(block)
    except FileNotFoundError:
        return ""
    return "sha256-" + hashed.hexdigest()
