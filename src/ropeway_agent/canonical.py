"""The manifest's values and its one canonical form. Format: docs/manifest.md."""

import hashlib
import json
import re
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ropeway_agent.errors import ManifestError
from ropeway_agent.tree import PART_SIZE

SCHEMA = "ropeway.manifest/1"
NAME = "manifest.json"
PATH_LIMIT = 800
"""Bytes of a path: with model name and digest before it, it still fits S3's 1024 for a key."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class FileEntry(NamedTuple):
    """One file: `size` in bytes, `sha256` of the whole and `parts` of each PART_SIZE piece, in hex."""

    path: str
    size: int
    sha256: str
    parts: Tuple[str, ...]

    def ranges(self) -> List[Tuple[int, int]]:
        """(start, size) of each part, in order; a file of 0 bytes has the one part (0, 0)."""
        starts = range(0, max(self.size, 1), PART_SIZE)
        return [(start, min(PART_SIZE, self.size - start)) for start in starts]


class Manifest:
    """Valid by construction: sorted entries whose names travel. Raises ManifestError for any others."""

    __slots__ = ("_by_path", "_encoded", "files")

    def __init__(self, files: Iterable[FileEntry]) -> None:
        self.files = tuple(sorted(files))  # by code points, which is the order of UTF-8 bytes
        _refuse_files(self.files)
        self._by_path = {entry.path: entry for entry in self.files}
        self._encoded: Optional[bytes] = None

    def encode(self) -> bytes:
        """The one canonical form: what `manifest.json` holds."""
        if self._encoded is None:
            files = [entry._asdict() for entry in self.files]
            document = {"files": files, "part_size": PART_SIZE, "schema": SCHEMA}
            text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            self._encoded = text.encode("utf-8") + b"\n"
        return self._encoded

    @property
    def digest(self) -> str:
        """`sha256-<hex>` of the encoded manifest: the model digest."""
        return "sha256-" + hashlib.sha256(self.encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def entry(self, path: str) -> Optional[FileEntry]:
        return self._by_path.get(path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and self.files == other.files

    def __hash__(self) -> int:
        return hash(self.files)

    def __repr__(self) -> str:
        return f"Manifest({len(self.files)} files, {self.size} bytes, {self.digest})"


def parse(data: bytes) -> Manifest:
    """The manifest that these bytes are. Raises ManifestError unless they are exactly its canonical form."""
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ManifestError("reading a manifest: it is not JSON in UTF-8") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ManifestError("reading a manifest: its schema is not " + SCHEMA)
    if document.get("part_size") != PART_SIZE or not isinstance(document.get("files"), list):
        raise ManifestError("reading a manifest: part_size or files is not as it must be")
    manifest = Manifest([_read_entry(item) for item in document["files"]])
    if manifest.encode() != data:
        raise ManifestError("reading a manifest: it is not in its canonical form")
    return manifest


def refuse_path(path: str) -> None:
    """Raises ManifestError for a name that some file system or store would change or refuse."""
    names = path.split("/")
    bad = _CONTROL.search(path) or any(name in ("", ".", "..") for name in names)
    if not bad and len(path.encode("utf-8")) <= PATH_LIMIT:
        return
    raise ManifestError(
        f"making a manifest: the name {path[:80]!a} does not travel",
        f"rename it: no control characters, no '.' or '..', at most {PATH_LIMIT} bytes",
    )


def _read_entry(item: object) -> FileEntry:
    if not isinstance(item, dict) or set(item) != set(FileEntry._fields):
        raise ManifestError("reading a manifest: an entry does not have path, size, sha256, parts")
    path, size, sha256, parts = (item[name] for name in FileEntry._fields)
    # `type() is`: JSON's true is an int to isinstance.
    if type(path) is not str or type(size) is not int or not isinstance(parts, list):
        raise ManifestError("reading a manifest: an entry's field is of the wrong type")
    return FileEntry(path, size, sha256, tuple(parts))


def _refuse_files(files: Tuple[FileEntry, ...]) -> None:
    if not files:
        raise ManifestError("making a manifest: it has no files")
    taken: Dict[str, str] = {NAME.casefold(): NAME}
    folders: Set[str] = set()
    for entry in files:
        _refuse_entry(entry)
        twin = taken.get(entry.path.casefold())
        if twin is not None:
            raise ManifestError(f"making a manifest: {twin} and {entry.path} clash")
        taken[entry.path.casefold()] = entry.path
        names = entry.path.split("/")
        folders.update("/".join(names[:depth]) for depth in range(1, len(names)))
    both = folders.intersection(entry.path for entry in files)
    if both:
        raise ManifestError(f"making a manifest: {min(both)} is a file and a folder")


def _refuse_entry(entry: FileEntry) -> None:
    refuse_path(entry.path)
    if not 0 <= entry.size < 1 << 63:
        raise ManifestError(f"making a manifest: {entry.path} has size {entry.size}")
    digests = (entry.sha256,) + entry.parts
    if not all(isinstance(text, str) and _SHA256.match(text) for text in digests):
        raise ManifestError(f"making a manifest: {entry.path} has a bad SHA-256")
    if len(entry.parts) != len(range(0, max(entry.size, 1), PART_SIZE)):
        raise ManifestError(f"making a manifest: {entry.path} has not its parts")
    if len(entry.parts) == 1 and entry.parts[0] != entry.sha256:
        raise ManifestError(f"making a manifest: {entry.path}: its part is not the file")
