"""Seal a model's folder, and say later what differs from the seal."""

import os
from typing import Callable, List, NamedTuple, Optional, Union

from ropeway_agent.canonical import NAME, FileEntry, Manifest, parse, refuse_path
from ropeway_agent.disk import replace
from ropeway_agent.errors import EmptyModel, ManifestError
from ropeway_agent.tree import PART_SIZE, Found, hash_files, walk

__all__ = [
    "NAME",
    "PART_SIZE",
    "Damage",
    "EmptyModel",
    "FileEntry",
    "Manifest",
    "ManifestError",
    "check",
    "load",
    "parse",
    "scan",
    "seal",
]

Folder = Union[str, "os.PathLike[str]"]

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; from any thread, never two at a time."""


class Damage(NamedTuple):
    """`problem` is "missing", "changed" or "extra"."""

    path: str
    problem: str


def load(directory: Folder) -> Manifest:
    """The manifest that lies in a sealed folder. Raises ManifestError when there is none or it is not valid."""
    path = os.path.join(directory, NAME)
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except OSError as error:
        raise ManifestError(f"reading {path}: {error.strerror}") from error


def scan(directory: Folder, workers: Optional[int] = None, progress: Optional[Progress] = None) -> Manifest:
    """Hash every file below the folder but its own `manifest.json`, with so many threads (default: one a core).

    Raises EmptyModel when there is none; ManifestError for a name that does not travel, for what is no plain file,
    for a link that leads out, and for a file that changes meanwhile.
    """
    found = _model_files(directory)
    if not found:
        raise EmptyModel(f"sealing {directory}: it is empty", "write the model's files into $OUTPUT")
    for file in found:
        refuse_path(file.path)  # before hashing: a bad name should not cost minutes
    hashed = hash_files(found, workers, progress, parts=True)
    _refuse_change(directory, found, _model_files(directory))
    return Manifest(FileEntry(file.path, file.size, *hashed[file.path]) for file in found)


def check(directory: Folder, manifest: Manifest, workers: Optional[int] = None) -> List[Damage]:
    """What differs between folder and manifest, sorted by path; empty when nothing does. Reads every byte."""
    found = {file.path: file for file in _model_files(directory)}
    damage = [Damage(path, "extra") for path in found if manifest.entry(path) is None]
    same_size: List[FileEntry] = []
    for entry in manifest.files:
        if entry.path not in found:
            damage.append(Damage(entry.path, "missing"))
        elif found[entry.path].size != entry.size:
            damage.append(Damage(entry.path, "changed"))
        else:
            same_size.append(entry)
    hashed = hash_files([found[entry.path] for entry in same_size], workers, None, parts=False)
    damage += [Damage(entry.path, "changed") for entry in same_size if hashed[entry.path].sha256 != entry.sha256]
    return sorted(damage)


def seal(directory: Folder, workers: Optional[int] = None, progress: Optional[Progress] = None) -> Manifest:
    """Scan the folder and put its `manifest.json` there, atomically. A sealed, unchanged folder stays as it is."""
    manifest = scan(directory, workers, progress)
    path = os.path.join(directory, NAME)
    try:
        if not _holds(path, manifest.encode()):
            replace(path, manifest.encode(), mode=0o644)
    except OSError as error:
        raise ManifestError(f"writing {path}: {error.strerror}") from error
    return manifest


def _model_files(directory: Folder) -> List[Found]:
    # `replace` writes `.manifest.json.<pid>-<random>` first: a seal that was killed may have left one.
    return [file for file in walk(directory) if file.path != NAME and not file.path.startswith("." + NAME + ".")]


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == data
    except FileNotFoundError:
        return False


def _refuse_change(directory: Folder, before: List[Found], after: List[Found]) -> None:
    changed = sorted(set(before).symmetric_difference(after))
    if changed:
        raise ManifestError(
            f"sealing {directory}: {changed[0].path} changed while it was read",
            "let the command end only when all its writers have ended",
        )
