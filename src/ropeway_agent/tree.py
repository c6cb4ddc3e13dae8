"""The plain files below a folder, and their SHA-256, each byte read once and hashed on all cores."""

import hashlib
import io
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from ropeway_agent.errors import ManifestError

PART_SIZE = 16 * 1024 * 1024
_CHUNK = 4 * 1024 * 1024  # divides PART_SIZE, so that no chunk lies in two parts


class Found(NamedTuple):
    """`path` as the manifest writes it, `place` as this system opens it; the rest tells whether it changed."""

    path: str
    place: str
    size: int
    changed_ns: int


class Hashed(NamedTuple):
    sha256: str
    parts: Tuple[str, ...]


def walk(directory: Union[str, "os.PathLike[str]"]) -> List[Found]:
    """Every file below the folder, by path; links to files in it too. Raises ManifestError for anything else."""
    try:
        root = os.path.realpath(directory)
        return sorted(_files(root, root, ""))
    except OSError as error:
        raise ManifestError(f"reading {error.filename or directory}: {error.strerror}") from error


def _files(root: str, folder: str, prefix: str) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + _text(entry.name, folder)
            if entry.is_dir(follow_symlinks=False):
                for found in _files(root, entry.path, path + "/"):
                    yield found
            else:
                yield _plain(root, entry, path)


def _text(name: str, folder: str) -> str:
    # By way of bytes: in the C locale Python 3.6 takes file names for ASCII.
    try:
        return os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"reading {folder}: the name {name!a} is not UTF-8", "rename the file") from error


def _plain(root: str, entry: "os.DirEntry[str]", path: str) -> Found:
    if entry.is_symlink():
        _refuse_link(root, entry.path, path)
    status = os.stat(entry.path)
    if not stat.S_ISREG(status.st_mode):
        raise ManifestError(f"reading {root}: {path} is no plain file", "remove it from the model")
    return Found(path, entry.path, status.st_size, status.st_mtime_ns)


def _refuse_link(root: str, place: str, path: str) -> None:
    target = os.path.realpath(place)
    inside = target.startswith(root + os.sep) and target != os.path.join(root, "manifest.json")
    if inside and os.path.isfile(target):
        return
    raise ManifestError(
        f"reading {root}: {path} is a link to {target}, which is no file of the model",
        "copy what it points to: cp -rL",
    )


def cores() -> int:
    """CPUs that this process may use; a job's share, not the node's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Meter:
    """Counts bytes for `progress`, and tells all threads to stop when one has failed."""

    def __init__(self, total: int, progress: Optional[Callable[[int, int], None]]) -> None:
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._done = 0
        self._total = total
        self._progress = progress

    def add(self, size: int) -> None:
        if self.stopped.is_set():
            raise ManifestError("reading a model: stopped")
        if self._progress is not None:
            with self._lock:
                self._done += size
                self._progress(self._done, self._total)


def hash_files(
    files: List[Found],
    workers: Optional[int],
    progress: Optional[Callable[[int, int], None]],
    parts: bool,
) -> Dict[str, Hashed]:
    """The digests of these files by path; without `parts`, only of each file as a whole."""
    count = max(1, min(workers or cores(), 32))
    meter = _Meter(sum(file.size for file in files), progress)
    # A file's own digest must be made in order: its parts' digests are made beside it, by a second pool.
    with ThreadPoolExecutor(count) as beside, ThreadPoolExecutor(count) as pool:
        aside = beside if parts else None
        futures = {file.path: pool.submit(_hash_file, file, aside, meter) for file in files}
        try:
            return {path: future.result() for path, future in futures.items()}
        except BaseException:
            meter.stopped.set()
            for future in futures.values():
                future.cancel()
            raise


def _hash_file(file: Found, beside: Optional[ThreadPoolExecutor], meter: _Meter) -> Hashed:
    try:
        with open(file.place, "rb", buffering=0) as stream:
            if beside is None or file.size <= PART_SIZE:
                whole = _hash_small(stream, file.size, meter)
                return Hashed(whole, (whole,))
            return _hash_large(stream, beside, meter)
    except OSError as error:
        raise ManifestError(f"reading {file.path}: {error.strerror}") from error


def _hash_small(stream: io.FileIO, size: int, meter: _Meter) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(stream, min(size + 1, _CHUNK)):
        digest.update(chunk)
        meter.add(len(chunk))
    return digest.hexdigest()


def _hash_large(stream: io.FileIO, beside: ThreadPoolExecutor, meter: _Meter) -> Hashed:
    whole, part = hashlib.sha256(), hashlib.sha256()
    parts: List[str] = []
    filled = 0
    for chunk in _chunks(stream, _CHUNK):
        if filled == PART_SIZE:
            parts.append(part.hexdigest())
            part, filled = hashlib.sha256(), 0
        pending = beside.submit(part.update, chunk)
        whole.update(chunk)
        pending.result()
        filled += len(chunk)
        meter.add(len(chunk))
    return Hashed(whole.hexdigest(), tuple(parts) + (part.hexdigest(),))


def _chunks(stream: io.FileIO, size: int) -> Iterator[memoryview]:
    """The file in full chunks of this size, all in the same buffer."""
    buffer = memoryview(bytearray(size))
    filled = _fill(stream, buffer)
    while filled:
        yield buffer[:filled]
        filled = _fill(stream, buffer)


def _fill(stream: io.FileIO, buffer: memoryview) -> int:
    filled = 0
    while filled < len(buffer):
        count = stream.readinto(buffer[filled:])
        if not count:
            break
        filled += count
    return filled
