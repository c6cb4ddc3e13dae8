"""Brings a sealed model from the store to a local folder: in parallel, every part checked while it is written."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ropeway.errors import NotFound, StageFailed, UnexpectedReply
from ropeway.interfaces.store import Store
from ropeway.names import Digest
from ropeway_agent import disk
from ropeway_agent.manifest import NAME, FileEntry, Manifest

WORKERS = 8
"""Parts in flight. Past 8 one machine's disk and CPU are the limit, not the store."""
SPARE = 64 << 20
"""Bytes that stay free on the disk."""
_BLOCK = 1 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes in all, from any thread."""


@dataclass(frozen=True, slots=True)
class _Piece:
    entry: FileEntry
    start: int
    size: int
    sha256: str


def place(folder: Path, model: str, digest: Digest) -> Path:
    """Where `pull` puts that model: the folder exists only once the model is whole."""
    return folder / model / digest


def pull(
    store: Store, model: str, digest: Digest, folder: Path, progress: Progress = lambda _done, _total: None
) -> Path:
    """The local folder that holds the model, its manifest included. A second call returns it at once.

    What a pull that was cut short has left is checked and kept; an exception of `progress` cuts it short.
    Raises NotFound without a complete model in the store, StageFailed where the disk has no room, UnexpectedReply
    for bytes that are not the sealed ones, and whatever the store raises.
    """
    final = place(folder, model, digest)
    if final.is_dir():
        return final
    manifest = store.manifest(model, digest)
    if manifest is None:
        raise NotFound(f"pulling {model} {digest}: the store has no complete model of that digest", "ropeway sync")
    partial = final.with_name(f".{digest}.partial")
    try:
        _make_room(f"pulling {model}", partial, manifest)
        _fill(_Source(store, model, digest), partial, manifest, progress)
        _finish(partial, final, manifest)
    except OSError as error:
        raise _refused(f"pulling {model} to {folder}", error) from error
    return final


@dataclass(frozen=True, slots=True)
class _Source:
    store: Store
    model: str
    digest: Digest

    def read(self, piece: _Piece) -> Iterator[bytes]:
        return self.store.fetch(self.model, self.digest, piece.entry.path, piece.start, piece.size)


def _make_room(what: str, partial: Path, manifest: Manifest) -> None:
    """Create the files at their full, unwritten size; refuse before any byte is fetched when they will not fit."""
    partial.mkdir(parents=True, exist_ok=True)
    there = sum(path.stat().st_blocks * 512 for path in partial.rglob("*") if path.is_file())
    free = shutil.disk_usage(partial).free
    if free < manifest.size - there + SPARE:
        raise StageFailed(
            f"{what}: it needs {_mebibytes(manifest.size + SPARE)} MiB, the disk has {_mebibytes(free + there)} free",
            f"df -h {partial.parent}",
        )
    for entry in manifest.files:
        path = partial / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(entry.size)


def _fill(source: _Source, partial: Path, manifest: Manifest, progress: Progress) -> None:
    done = 0
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="pull") as pool:
        tasks = [pool.submit(_bring, source, partial, piece) for piece in _pieces(manifest)]
        try:
            for task in tasks:
                done += task.result()
                progress(done, manifest.size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _pieces(manifest: Manifest) -> Iterator[_Piece]:
    for entry in manifest.files:
        for (start, size), sha256 in zip(entry.ranges(), entry.parts, strict=True):
            yield _Piece(entry, start, size, sha256)


def _bring(source: _Source, partial: Path, piece: _Piece) -> int:
    """One part, from what is there already or from the store; its size."""
    with (partial / piece.entry.path).open("r+b") as file:
        if _hash(file, piece) == piece.sha256:
            return piece.size
        if _write(file, piece, source.read(piece)) != piece.sha256:
            raise UnexpectedReply(
                f"pulling {source.model}: {piece.entry.path} at byte {piece.start} in the store is not what was sealed",
                "ropeway sync, then deploy again",
            )
        file.flush()
        os.fsync(file.fileno())
    return piece.size


def _hash(file: BinaryIO, piece: _Piece) -> str:
    sha256 = hashlib.sha256()
    file.seek(piece.start)
    left = piece.size
    while left > 0 and (block := file.read(min(_BLOCK, left))):
        sha256.update(block)
        left -= len(block)
    return sha256.hexdigest()


def _write(file: BinaryIO, piece: _Piece, blocks: Iterator[bytes]) -> str:
    """SHA-256 of what came; nothing is written past the part."""
    sha256 = hashlib.sha256()
    file.seek(piece.start)
    left = piece.size
    for block in blocks:
        sha256.update(block)
        left -= len(block)
        if left < 0:
            break
        file.write(block)
    return sha256.hexdigest()


def _finish(partial: Path, final: Path, manifest: Manifest) -> None:
    disk.replace(str(partial / NAME), manifest.encode())
    partial.rename(final)


def _mebibytes(size: int) -> int:
    return -(-size // (1 << 20))


def _refused(what: str, error: OSError) -> StageFailed:
    hint = "df -h; quota -s" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return StageFailed(f"{what}: {error.strerror or error}", hint)
