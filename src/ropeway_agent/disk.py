"""Paths as this system opens them, and files that are there whole or not at all."""

import contextlib
import json
import os
from typing import Any, BinaryIO, Dict, Iterator, Optional

from ropeway_agent.errors import Failure


def local(text: str) -> str:
    """The path to open for this text. Not the text itself where the locale is C and Python is 3.6."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def as_text(path: str) -> str:
    """What `local` was made from."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def replace(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write the file so that readers, and a crash at any time, see the old content or the new."""
    with replacing(path, mode) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: str, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write to, which becomes `path` when the block ends well, and is gone when it does not."""
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}")
    file = os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        with file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
    sync_folder(folder or ".")


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: str) -> Optional[Dict[str, Any]]:
    """The object in the file; None when there is no such file. Raises Failure when it holds something else."""
    try:
        with open(path, "rb") as file:
            document = json.loads(file.read().decode("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(document, dict):
        raise _damaged(path)
    return document


def _damaged(path: str) -> Failure:
    return Failure("UnexpectedReply", f"reading {as_text(path)}: it is not a JSON object", f"cat {as_text(path)}")


def write_json(path: str, document: Dict[str, Any]) -> None:
    replace(path, (json.dumps(document, sort_keys=True) + "\n").encode("utf-8"))


def create_json(path: str, document: Dict[str, Any]) -> bool:
    """Write the file if there is none, whole at once. False when there is one: it stays as it is."""
    own = f"{path}.{os.getpid()}"
    write_json(own, document)
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(own)
    return True
